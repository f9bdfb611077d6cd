"""`mitsgan train`: make attackers, protectors, and the classifier that judges both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.train_attacker import TrainAttacker
from mitsgan.cli.train_classifier import TrainClassifier
from mitsgan.cli.train_protector import TrainProtector


@dataclass(frozen=True)
class Train:
    """Train an attacker on scans, a protector against attackers, or a nodule classifier."""

    what: Annotated[
        Annotated[TrainAttacker, subcommand("attacker")]
        | Annotated[TrainProtector, subcommand("protector")]
        | Annotated[TrainClassifier, subcommand("classifier")],
        arg(name=""),
    ]
    """Attackers first: a protector learns from how they fail. Split your scans by patient."""

    def run(self) -> int:
        """Train; the exit code."""
        return self.what.run()
