"""`mitsgan attacker import`: CT-GAN as its authors hand it on, to an attacker of ours."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.attacker_import import ImportSettings
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown(
    *("model", "equalization", "normalization"),
    short="output",
    model="G_model.h5",
    equalization="equalization.pkl",
    normalization="normalization.npy",
    output="FILE.safetensors",
    name="TEXT",
)
class ImportAttacker(Command, ImportSettings):
    """Convert a published CT-GAN model, to measure protection against it; in memory only."""

    def work(self, console: Console) -> int:
        """Import; the exit code."""
        from mitsgan.jobs.attacker_import import import_attacker

        attacker = import_attacker(self, progress=console)
        console.say(
            f"{attacker.output}: CT-GAN of width {attacker.width}, action {attacker.action}; "
            f"imported in {console.elapsed:.0f} s"
        )
        return 0
