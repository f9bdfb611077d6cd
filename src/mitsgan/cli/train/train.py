"""`mitsgan train`: make attackers, protectors, and the classifier that judges both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.command import shown
from mitsgan.cli.terminal.console import Console
from mitsgan.jobs.train.settings import (
    AttackerTraining,
    ClassifierTraining,
    DiffusionTraining,
    PaperTraining,
    ProtectorTraining,
    TafimTraining,
)

_METAVARS = {
    "attackers": "FILE...",
    "classifier": "FILE",
    "config": "FILE.toml",
    "device": "cpu|cuda[:N]",
    "init": "FILE",
    "judges": "FILE...",
    "licence": "TEXT",
    "output": "FILE.safetensors",
    "protector": "FILE",
    "run": "FOLDER",
    "scans": "SCAN...",
    "validate": "SCAN...",
}


@dataclass(frozen=True, kw_only=True)
class Called:
    """How a training is called."""

    config: Path | None = None
    """Values for options that are not given here; see docs/training-config.md."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainAttacker(Called, AttackerTraining):
    """Train an attacker of the CT-GAN kind on the lungs of scans; it works in memory only."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainDiffusion(Called, DiffusionTraining):
    """Train a diffusion attacker on the lungs of scans; it works in memory only."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainProtector(Called, ProtectorTraining):
    """Train MITS-GAN on scans, to spoil what attackers paint that were trained before."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainClassifier(Called, ClassifierTraining):
    """Train the nodule classifier that attackers and protection are judged with."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainPaper(Called, PaperTraining):
    """Train MITS-GAN as it was released, to compare with; see docs/baselines.md."""


@dataclass(frozen=True, kw_only=True)
@shown("scans", **_METAVARS)
class TrainTafim(Called, TafimTraining):
    """Train TAFIM, which draws every attack to one constant density; see docs/baselines.md."""


TrainingCommand = (
    TrainAttacker | TrainDiffusion | TrainProtector | TrainClassifier | TrainPaper | TrainTafim
)

COMMANDS: dict[str, type[TrainingCommand]] = {
    "attacker": TrainAttacker,
    "diffusion": TrainDiffusion,
    "protector": TrainProtector,
    "classifier": TrainClassifier,
    "mits-gan-paper": TrainPaper,
    "tafim": TrainTafim,
}
"""What can be trained, for `mitsgan.cli.train.config`; the same as in `Train`."""


@dataclass(frozen=True)
class Train:
    """Train attackers on scans, a protector against them, a nodule classifier, or a baseline."""

    what: Annotated[
        Annotated[TrainAttacker, subcommand("attacker")]
        | Annotated[TrainDiffusion, subcommand("diffusion")]
        | Annotated[TrainProtector, subcommand("protector")]
        | Annotated[TrainClassifier, subcommand("classifier")]
        | Annotated[TrainPaper, subcommand("mits-gan-paper")]
        | Annotated[TrainTafim, subcommand("tafim")],
        arg(name=""),
    ]
    """Attackers first: a protector learns from how they fail. Split your scans by patient."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.jobs.train.job import train

        with Console(quiet=self.what.quiet) as console:
            result = train(self.what, progress=console)
            console.say(
                f"{result.output}: trained in {result.seconds:.0f} s; the run: {result.run}"
            )
        return 0
