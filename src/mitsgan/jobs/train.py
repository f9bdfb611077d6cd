"""What trainings share: checks before hours of work, scans, cards, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.cli.console import Console
from mitsgan.cli.files import check_file, scan_name
from mitsgan.cli.options import UsageError, at_least
from mitsgan.errors import DataError, OutputError, ScanError
from mitsgan.files import read_scan
from mitsgan.files.io import source_path
from mitsgan.jobs.scans import origin_of
from mitsgan.scan import Scan
from mitsgan.training.config_file import NAME as CONFIG
from mitsgan.training.data.split import Origin, check_apart

if TYPE_CHECKING:
    from mitsgan.attack import Attacker
    from mitsgan.cli.train_options import DeviceTraining, Training
    from mitsgan.networks import Card, Model, Precision
    from mitsgan.protect import MitsGan
    from mitsgan.training.data.cube_file import CubeFile
    from mitsgan.training.fabric import Worker

Source: TypeAlias = "Scan | CubeFile"
"""What an attacker is trained on."""

Entries = list[dict[str, object]]
"""Data as a card names it: of scans name and slice spacing in mm, of cubes name and numbers."""

_POSITIONS = 24
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Run:
    """Where a training keeps its checkpoint, losses and pictures."""

    folder: Path

    @classmethod
    def checked(cls, command: Training) -> Run:
        """Check what would otherwise fail after the training.

        Raises:
            UsageError, ScanError, OutputError: see the messages.
        """
        scans, validate = command.scans, command.validate
        if not scans:
            raise UsageError("name at least one scan to train on")
        both = {p.resolve() for p in scans} & {p.resolve() for p in validate}
        if both:
            raise UsageError(
                f"{scan_name(both.pop())} is both trained and validated on; split scans by patient"
            )
        for path in (*scans, *validate):
            if not path.exists():
                raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
        if command.output.suffix != _SUFFIX:
            raise OutputError(f"--output {command.output}: weights are named *{_SUFFIX}")
        from mitsgan.networks.golden import golden_path

        for made in (command.output, golden_path(command.output)):
            check_file(made, command.overwrite, "--output")
        place = command.run_folder or command.output.with_suffix(".run")
        begun = (place / "checkpoint.pt").exists()
        if begun and not command.resume:
            raise OutputError(
                f"{place} holds a training run; give --resume to go on with it, or another --run"
            )
        # One that was interrupted before its first checkpoint begins anew.
        if command.resume and not begun and not (place / CONFIG).exists():
            raise OutputError(f"{place} holds no training run to resume; leave --resume out")
        if place.exists() and not place.is_dir():
            raise OutputError(f"--run {place} is a file; name a folder")
        return cls(place)

    def card(
        self,
        config: Mapping[str, object],
        licence: str,
        data: Entries,
        seed: int,
        metrics: Mapping[str, object],
    ) -> dict[str, object]:
        """The card of the weights, but for what their own `save` adds."""
        return {
            "config": dict(config),
            "licence": licence,
            "data": data,
            "seed": seed,
            "version": __version__,
            "metrics": dict(metrics),
        }


def train_on(
    command: DeviceTraining,
    run: Run,
    train: Callable[[Worker], int],
) -> int:
    """Check the last of the options, then train, in as many processes as are wanted.

    Args:
        command: what to train.
        run: from `Run.checked`.
        train: is called in every process; can be pickled.

    Returns:
        The exit code.
    """
    from mitsgan.cli.device import DeviceError, choose_device
    from mitsgan.cli.train_config import check_resumed
    from mitsgan.training.fabric import launch

    at_least("--devices", command.devices, 1)
    check_resumed(command, run.folder)
    device = choose_device(command.device)
    if device.type == "cuda" and command.devices > 1:
        import torch

        if command.devices > (found := torch.cuda.device_count()):
            raise DeviceError(f"--devices {command.devices}: this machine has {found} GPU(s)")
    return launch(train, command.devices, device)


def read_scans(
    paths: Sequence[Path], console: Console, *, apart_from: Sequence[Source] = ()
) -> tuple[list[Scan], Entries]:
    """Read scans, and say for the card which they were.

    Args:
        paths: DICOM folders or images.
        console: shows progress.
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
    sources, entries = read_sources(paths, console, apart_from=apart_from)
    return whole_scans(sources), entries


def read_sources(
    paths: Sequence[Path], console: Console, *, apart_from: Sequence[Source] | None = None
) -> tuple[list[Source], Entries]:
    """As `read_scans`, for what may also be files of cubes.

    Without ``apart_from`` these are to train on, with it to validate on; a file of cubes says for
    which of the two it was made.
    """
    from mitsgan.training.data.cube_file import CubeFile, read_cubes

    split = "train" if apart_from is None else "validate"
    sources: list[Source] = []
    entries: Entries = []
    for path in paths:
        with console.phase("read", f"reading {path}") as progress:
            source = read_cubes(path) if is_cubes(path) else read_scan(path, progress=progress)
        if isinstance(source, CubeFile):
            if source.split != split:
                raise DataError(
                    f"{path} was made with --split {source.split}, and this is to {split} on; "
                    f"name it on the other side, or make others with --split {split}"
                )
            entries.append({"name": path.name, **source.summary()})
        else:
            entry = {"name": scan_name(path), "slice_spacing_mm": source.spacing[0]}
            entries.append(entry)
        sources.append(source)
    if apart_from:
        check_apart(origins(apart_from), origins(sources))
    return sources, entries


def whole_scans(sources: Sequence[Source]) -> list[Scan]:
    """Those that are scans: what strikes a scan as an attacker does needs more than cubes."""
    return [source for source in sources if isinstance(source, Scan)]


def origins(sources: Sequence[Source]) -> list[Origin]:
    """Whose data it is, in hashes."""
    found: list[Origin] = []
    for source in sources:
        if isinstance(source, Scan):
            path = source_path(source)
            found.append(origin_of(source, path or Path("a scan")))
        else:
            found += source.origins
    return found


def is_cubes(path: Path) -> bool:
    """Whether a path names a file of cubes, by its ending."""
    return path.suffix.lower() == ".npz"


def write_weights(
    path: Path, model: Model, card: Card, overwrite: bool, precision: Precision | None = None
) -> None:
    """Save a model with its golden outputs beside it: both, or neither."""
    from mitsgan.networks.golden import golden_path, write_golden

    companions = [golden_path(path).name]
    with atomic_output(path, overwrite=overwrite, companions=companions) as temporary:
        model.save(temporary, card, precision=precision)
        write_golden(temporary, type(model))


def validated_disruption(
    protector: MitsGan,
    attackers: Sequence[Attacker],
    scans: Sequence[Scan],
    entries: Entries,
    max_hu: float,
    picture: Path,
) -> dict[str, object]:
    """Median disruption on unseen scans next to random signs of equal RMSE; draws the first scan.

    Returns:
        Scan name to action to HU.
    """
    from mitsgan.evaluate import EvaluationConfig, evaluate
    from mitsgan.jobs.picture import write_overview
    from mitsgan.perturb import Budget, apply_perturbations

    config = EvaluationConfig(max_hu, _POSITIONS, protector.seed, pgd_steps=0)
    found: dict[str, object] = {}
    for number, (scan, entry) in enumerate(zip(scans, entries, strict=True)):
        protected = apply_perturbations(scan, [protector], Budget(max_hu)).scan
        result = evaluate(scan, protected, attackers, config)
        result["scan"]["name"] = entry["name"]
        found[str(entry["name"])] = {
            action: {name: row["rmse_hu"]["median"] for name, row in rows.items()}
            for action, rows in result["disruption"].items()
        }
        if number == 0:
            write_overview(picture, scan, protected, attackers, result, overwrite=True)
    return {"positions": _POSITIONS, "median_disruption_rmse_hu": found}
