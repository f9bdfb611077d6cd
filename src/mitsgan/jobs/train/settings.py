"""What is to be trained, on what, and where it goes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.shared import Overwriting
from mitsgan.settings import Settings, above_zero, at_least
from mitsgan.training.config import (
    AttackerConfig,
    ClassifierConfig,
    DetectorConfig,
    DiffusionConfig,
    PaperConfig,
    ProtectorConfig,
    TafimConfig,
    TrainingConfig,
)

C = TypeVar("C", bound=TrainingConfig)

SUFFIX = ".safetensors"
CUBES = ".npz"
"""How files of weights, and of cubes, are named."""


@dataclass(frozen=True, kw_only=True)
class TrainingFiles(Overwriting):
    """What a training reads and writes.

    Raises:
        SettingsError, OutputError: settings that make no sense, alone or together; so do all that
            are made of this.
    """

    scans: tuple[Path, ...]
    """Chest CTs to train on: DICOM folders or images."""
    output: Path
    """The weights to write."""
    run: Path | None = None
    """Folder of checkpoint, losses and pictures; by default beside the output, ending in .run."""
    resume: bool = False
    """Go on with the run in that folder."""
    validate: tuple[Path, ...] = ()
    """Scans of other patients, on which to measure what was trained."""
    licence: str = "unstated"
    """Of the weights, for their card."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scans:
            raise SettingsError("`scans`: name at least one scan to train on")
        both = {path.resolve() for path in self.scans} & {path.resolve() for path in self.validate}
        if both:
            raise SettingsError(
                f"{scan_name(both.pop())} is both trained and validated on; split scans by patient"
            )
        if self.output.suffix != SUFFIX:
            raise OutputError(f"`output` {self.output}: weights are named *{SUFFIX}")

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.run or self.output.with_suffix(".run")


@dataclass(frozen=True, kw_only=True)
class OnDevice(Settings):
    """Where a training computes."""

    device: str = "cpu"
    """Where to compute."""


@dataclass(frozen=True, kw_only=True)
class Devices(OnDevice):
    """Where a training computes that several processes may share."""

    devices: int = 1
    """Processes that train together, one a GPU or several on the CPU; needs lightning-fabric."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("devices", self.devices, 1)


@dataclass(frozen=True, kw_only=True)
class AttackerFiles(TrainingFiles):
    """What the training of an attacker reads and writes."""

    scans: tuple[Path, ...]
    """Chest CTs to train on: DICOM folders, images, or cubes (.npz) of `mitsgan data cubes`."""
    init: Path | None = None
    """Go on from this attacker's weights, of its architecture and width, instead of from none."""
    protect: bool = False
    """Train on protected versions of the scans as well, as an attacker would who knows of them."""
    protector: Path | None = None
    """With `protect`, the protector; by default the one that ships."""
    max_hu: float = 10.0
    """With `protect`, the budget."""
    validate: tuple[Path, ...] = ()
    """Scans, or cubes, of other patients, to measure the attacker on."""
    classifier: Path | None = None
    """A nodule classifier to judge with where it is validated; by default the one that ships."""
    held_out: bool = False
    """Say in the card that no protector may be trained against it: it is to measure transfer. So is
    what goes on, by `init`, from one that is."""
    precision: Literal["float32", "float16", "int8"] = "float16"
    """How the kernels are stored; int8 makes a quarter of the size of float32."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protector is not None and not self.protect:
            raise SettingsError("`protector` belongs to `protect`; give both, or leave it out")
        if self.protect and any(is_cubes(path) for path in self.scans):
            raise SettingsError("`protect` works on whole scans; name no files of cubes")
        above_zero("max_hu", self.max_hu)


@dataclass(frozen=True, kw_only=True)
class AttackerTraining(AttackerFiles, Devices, AttackerConfig):
    """An attacker of the CT-GAN kind; it works in memory only."""


@dataclass(frozen=True, kw_only=True)
class DiffusionTraining(AttackerFiles, Devices, DiffusionConfig):
    """A diffusion attacker, which draws cores out of noise; it works in memory only."""

    init: Path | None = None
    """Go on from this diffusion attacker's weights, of either action, instead of from none."""


@dataclass(frozen=True, kw_only=True)
class ProtectorTraining(TrainingFiles, Devices, ProtectorConfig):
    """MITS-GAN, to disturb what attackers paint; these are trained before."""

    attackers: tuple[Path, ...]
    """Weights of the attackers to protect against."""
    init: Path | None = None
    """Go on from this protector's weights, of its width and reach, instead of from none."""
    judges: tuple[Path, ...] = ()
    """Nodule classifiers for goals that are judged; by default the one that ships."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_attackers(self.attackers)
        if self.judges and "judged" not in (self.inject_goal, self.remove_goal):
            raise SettingsError(
                "`judges` belong to a goal that is judged; give `inject_goal=judged`, or leave "
                "them out"
            )


@dataclass(frozen=True, kw_only=True)
class ClassifierTraining(TrainingFiles, Devices, ClassifierConfig):
    """The nodule classifier that attackers and protection are judged with."""


@dataclass(frozen=True, kw_only=True)
class DetectorTraining(TrainingFiles, Devices, DetectorConfig):
    """The tampering detector, which needs nothing but the scan; see docs/detection.md."""

    attackers: tuple[Path, ...]
    """Weights of the attackers whose work it is to know; none of them held out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_attackers(self.attackers)


@dataclass(frozen=True, kw_only=True)
class BaselineFiles(TrainingFiles, OnDevice):
    """What the training of a protector to compare with needs, which knows no budget."""

    attackers: tuple[Path, ...]
    """Weights of the attackers to protect against."""
    max_hu: float = 10.0
    """The budget that the protector is clipped to as well where it is validated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_attackers(self.attackers)
        above_zero("max_hu", self.max_hu)


@dataclass(frozen=True, kw_only=True)
class PaperTraining(BaselineFiles, PaperConfig):
    """MITS-GAN as it was released, to compare with; see docs/baselines.md."""

    scans: tuple[Path, ...]
    """CTs of 512 x 512 pixels to train on: DICOM folders or images."""
    attackers: tuple[Path, ...]
    """Weights of one injector and one remover."""


@dataclass(frozen=True, kw_only=True)
class TafimTraining(BaselineFiles, TafimConfig):
    """TAFIM, which draws every attack to one constant density; see docs/baselines.md."""


Training: TypeAlias = (
    AttackerTraining
    | DiffusionTraining
    | ProtectorTraining
    | ClassifierTraining
    | DetectorTraining
    | PaperTraining
    | TafimTraining
)

TRAININGS: Mapping[str, type[Training]] = {
    "attacker": AttackerTraining,
    "diffusion": DiffusionTraining,
    "protector": ProtectorTraining,
    "classifier": ClassifierTraining,
    "detector": DetectorTraining,
    "mits-gan-paper": PaperTraining,
    "tafim": TafimTraining,
}
"""What can be trained, by name."""


def config_of(settings: Training, kind: type[C]) -> C:
    """The part of settings that says how the network is trained."""
    values: dict[str, Any] = {field.name: getattr(settings, field.name) for field in fields(kind)}
    return kind(**values)


def is_cubes(path: Path) -> bool:
    """Whether a path names a file of cubes, by its ending."""
    return path.suffix.lower() == CUBES


def _check_attackers(paths: tuple[Path, ...]) -> None:
    if not paths:
        raise SettingsError("`attackers`: name the weights of at least one attacker")
