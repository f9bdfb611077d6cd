"""`mitsgan attacker info`: what an attacker's card says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("file", file="FILE.safetensors")
class AttackerInfo(Command):
    """Show an attacker's card: what it does, where it comes from, its licence; checks the file."""

    file: Path
    """The attacker's weights."""
    json: bool = False
    """As JSON, for machines."""

    def work(self, console: Console) -> int:
        """Show; the exit code."""
        from mitsgan.jobs.attackers import attacker_card, card_lines

        card = attacker_card(self.file)
        as_json = json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False)
        console.say(as_json if self.json else "\n".join(card_lines(card)))
        return 0
