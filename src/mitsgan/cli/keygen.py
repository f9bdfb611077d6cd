"""`mitsgan keygen`: a new secret for marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg


@dataclass(frozen=True)
class Keygen:
    """Make a key for `protect --key` and `verify --key`: a file that only its owner can read."""

    output: Annotated[Path, arg(aliases=["-o"], metavar="KEYFILE")]
    """The file to write. An existing one is never replaced: its marks could not be verified."""
    quiet: bool = False
    """Say nothing; errors are still told."""

    def run(self) -> int:
        """Make the key; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.mark.keys import Key

        Key.generate().save(self.output)
        Console(quiet=self.quiet).say(
            f"{self.output}: a new key, readable by you alone; keep a copy in a safe place: "
            "whoever has it can forge the mark, and without it no mark can be verified"
        )
        return 0
