"""`mitsgan attacker`: take in attackers that others trained, and say what an attacker is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.attacker.import_ctgan import ImportAttacker
from mitsgan.cli.attacker.info import AttackerInfo


@dataclass(frozen=True)
class AttackerCommand:
    """Import a published CT-GAN model, or show what an attacker's card says."""

    what: Annotated[
        Annotated[ImportAttacker, subcommand("import")]
        | Annotated[AttackerInfo, subcommand("info")],
        arg(name=""),
    ]
    """An imported attacker serves `mitsgan evaluate --injector` and `--remover`."""

    def run(self) -> int:
        """Import or show; the exit code."""
        return self.what.run()
