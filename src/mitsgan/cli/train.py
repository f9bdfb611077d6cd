"""`mitsgan train`: make attackers, protectors, and the classifier that judges both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.train_attacker import TrainAttacker
from mitsgan.cli.train_classifier import TrainClassifier
from mitsgan.cli.train_paper import TrainPaper
from mitsgan.cli.train_protector import TrainProtector
from mitsgan.cli.train_tafim import TrainTafim

TrainingCommand = TrainAttacker | TrainProtector | TrainClassifier | TrainPaper | TrainTafim

COMMANDS: dict[str, type[TrainingCommand]] = {
    "attacker": TrainAttacker,
    "protector": TrainProtector,
    "classifier": TrainClassifier,
    "mits-gan-paper": TrainPaper,
    "tafim": TrainTafim,
}
"""What can be trained, for `mitsgan.cli.train_config`; the same as in `Train`."""


@dataclass(frozen=True)
class Train:
    """Train attackers on scans, a protector against them, a nodule classifier, or a baseline."""

    what: Annotated[
        Annotated[TrainAttacker, subcommand("attacker")]
        | Annotated[TrainProtector, subcommand("protector")]
        | Annotated[TrainClassifier, subcommand("classifier")]
        | Annotated[TrainPaper, subcommand("mits-gan-paper")]
        | Annotated[TrainTafim, subcommand("tafim")],
        arg(name=""),
    ]
    """Attackers first: a protector learns from how they fail. Split your scans by patient."""

    def run(self) -> int:
        """Train; the exit code."""
        return self.what.run()
