"""What trainings read: scans, files of cubes, and whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from mitsgan.anatomy.places import lung_positions
from mitsgan.errors import DataError, PositionError, ScanError
from mitsgan.files import read_scan
from mitsgan.files.io import source_path
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.scans import origin_of
from mitsgan.jobs.train.settings import Training, is_cubes
from mitsgan.networks.store import FILE_IN_FOLDER
from mitsgan.progress import Phases
from mitsgan.scan import Scan
from mitsgan.training.data.cube_file import CubeFile, read_cubes
from mitsgan.training.data.split import Origin, check_apart

Source: TypeAlias = Scan | CubeFile
"""What an attacker is trained on."""

Entries = list[dict[str, object]]
"""Data as a card names it: of scans name and slice spacing in mm, of cubes name and numbers."""


def read_scans(
    paths: Sequence[Path], phases: Phases, *, apart_from: Sequence[Source] = ()
) -> tuple[list[Scan], Entries]:
    """Read scans, and say for the card which they were.

    Args:
        paths: DICOM folders or images.
        phases: told the progress.
        apart_from: what is trained on, where these are to validate on.

    Raises:
        DataError: a patient is on both sides.
        ScanError: a scan cannot be read, or is a file of cubes.
    """
    for path in paths:
        if is_cubes(path):
            raise ScanError(
                f"{path} holds cubes, and whole scans are needed here; name DICOM folders or images"
            )
    sources, entries = read_sources(paths, phases, apart_from=apart_from)
    return whole_scans(sources), entries


def read_sources(
    paths: Sequence[Path], phases: Phases, *, apart_from: Sequence[Source] | None = None
) -> tuple[list[Source], Entries]:
    """As `read_scans`, for what may also be files of cubes.

    Without ``apart_from`` these are to train on, with it to validate on; a file of cubes says for
    which of the two it was made.
    """
    split = "train" if apart_from is None else "validate"
    sources: list[Source] = []
    entries: Entries = []
    for path in paths:
        with phases.phase("read", f"reading {path}") as step:
            source = read_cubes(path) if is_cubes(path) else read_scan(path, progress=step)
        if isinstance(source, CubeFile):
            if source.split != split:
                raise DataError(
                    f"{path} was made with `split={source.split}`, and this is to {split} on; "
                    f"name it on the other side, or make others with `split={split}`"
                )
            entries.append({"name": path.name, **source.summary()})
        else:
            entry = {"name": scan_name(path), "slice_spacing_mm": source.spacing[0]}
            entries.append(entry)
        sources.append(source)
    if apart_from:
        check_apart(origins(apart_from), origins(sources))
    return sources, entries


def check_lungs(
    sources: Sequence[Source], paths: Sequence[Path], count: int = 0, seed: int = 0
) -> None:
    """Look for places in the lung before the training: where none are, it could not be measured.

    Args:
        sources, paths: to validate on, and where they were read.
        count: places that are drawn in each scan; 0 where any will do.
        seed: of these.

    Raises:
        ScanError: a scan has no lung.
        PositionError: it has too little of it.
    """
    for source, path in zip(sources, paths, strict=True):
        if isinstance(source, Scan):
            try:
                lung_positions(source, count, seed)
            except (ScanError, PositionError) as error:
                raise type(error)(f"`validate` {path}: {error}") from error


def whole_scans(sources: Sequence[Source]) -> list[Scan]:
    """Those that are scans: what strikes a scan as an attacker does needs more than cubes."""
    return [source for source in sources if isinstance(source, Scan)]


def origins(sources: Sequence[Source]) -> list[Origin]:
    """Whose data it is, in hashes."""
    known: list[Origin] = []
    for source in sources:
        if isinstance(source, Scan):
            path = source_path(source)
            known.append(origin_of(source, path or Path("a scan")))
        else:
            known += source.origins
    return known


def made_of(settings: Training, sources: Sequence[Source]) -> str:
    """A hash of what is trained on and with: a name alone does not say that a file is the same.

    A run that went on with others would say in its card that it had seen these all along.
    """
    digest = hashlib.sha256()
    for source in sources:
        parts = source.hu() if isinstance(source, Scan) else source.cubes
        digest.update(repr((parts.shape, parts.dtype.str)).encode())
        digest.update(parts.tobytes())
    for name in ("attackers", "init", "protector", "judges"):
        given = getattr(settings, name, None) or ()
        for path in (given,) if isinstance(given, Path) else given:
            file = path / FILE_IN_FOLDER if path.is_dir() else path
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
