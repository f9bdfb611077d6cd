"""`mitsgan train`: make attackers, protectors, and the classifier that judges both."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from mitsgan.jobs.train.settings import (
    AttackerTraining,
    ClassifierTraining,
    DetectorTraining,
    DiffusionTraining,
    PaperTraining,
    ProtectorTraining,
    TafimTraining,
    Training,
)
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown

_FILES = {"output": "FILE.safetensors", "protector": "FILE", "attackers": "FILE..."}


@dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """A training, with settings of the library, and how it is called."""

    config: Path | None = None
    """Values for options that are not given here; see docs/training-config.md."""

    def work(self, console: Console) -> int:
        """Train; the exit code."""
        from mitsgan.jobs.train.job import train

        result = train(cast(Training, self), progress=console)
        console.say(f"{result.output}: trained in {result.seconds:.0f} s; the run: {result.run}")
        return 0

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        from mitsgan.jobs.train.config_file import name_of
        from mitsgan.jobs.train.outputs import has_begun

        settings = cast(Training, self)
        if not has_begun(settings):
            return super().left_behind()
        return (
            f"{settings.folder} keeps the last checkpoint: `mitsgan train {name_of(settings)} "
            f"--resume --run {shlex.quote(str(settings.folder))}` goes on"
        )


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainAttacker(TrainCommand, AttackerTraining):
    """Train an attacker of the CT-GAN kind on the lungs of scans; it works in memory only."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainDiffusion(TrainCommand, DiffusionTraining):
    """Train a diffusion attacker on the lungs of scans; it works in memory only."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainProtector(TrainCommand, ProtectorTraining):
    """Train MITS-GAN on scans, to disturb what attackers paint; train these first."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainClassifier(TrainCommand, ClassifierTraining):
    """Train the nodule classifier that attackers and protection are judged with."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainDetector(TrainCommand, DetectorTraining):
    """Train the tampering detector on scans, to know the work of attackers; train these first."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainPaper(TrainCommand, PaperTraining):
    """Train MITS-GAN as it was released, to compare with; see docs/baselines.md."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", short="output", **_FILES)
class TrainTafim(TrainCommand, TafimTraining):
    """Train TAFIM, which draws every attack to one constant density; see docs/baselines.md."""


TrainingCommand: TypeAlias = (
    TrainAttacker
    | TrainDiffusion
    | TrainProtector
    | TrainClassifier
    | TrainDetector
    | TrainPaper
    | TrainTafim
)

TRAININGS: Mapping[str, type[TrainingCommand]] = {
    "attacker": TrainAttacker,
    "diffusion": TrainDiffusion,
    "protector": TrainProtector,
    "classifier": TrainClassifier,
    "detector": TrainDetector,
    "mits-gan-paper": TrainPaper,
    "tafim": TrainTafim,
}
"""What can be trained, by name."""
