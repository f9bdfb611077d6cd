"""`mitsgan attacker import-lefusion`: LeFusion's checkpoint, to an attacker of ours."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.attacker_import import LesionImportSettings
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown(
    "checkpoint",
    short="output",
    checkpoint="lidc.pt",
    output="FILE.safetensors",
    name="TEXT",
)
class ImportLefusion(Command, LesionImportSettings):
    """Convert LeFusion's published checkpoint, to measure protection against it; in memory only."""

    def work(self, console: Console) -> int:
        """Import; the exit code."""
        from mitsgan.jobs.attacker_import import import_lefusion

        attacker = import_lefusion(self, progress=console)
        console.say(
            f"{attacker.output}: LeFusion of width {attacker.width}, action {attacker.action}; "
            f"imported in {console.elapsed:.0f} s"
        )
        return 0
