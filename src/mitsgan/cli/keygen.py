"""`mitsgan keygen`: a new secret for marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown(short="output", output="KEYFILE")
class Keygen(Command):
    """Make a key for `protect --key` and `verify --key`: a file that only its owner can read."""

    output: Path
    """The file to write. An existing one is never replaced: its marks could not be verified."""

    def work(self, console: Console) -> int:
        """Make the key; the exit code."""
        from mitsgan.mark.keys import Key

        Key.generate().save(self.output)
        console.say(
            f"{self.output}: a new key, readable by you alone; keep a copy in a safe place: "
            "whoever has it can forge the mark, and without it no mark can be verified"
        )
        return 0
