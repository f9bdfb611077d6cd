"""`mitsgan attacker info`: what an attacker's card says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class AttackerInfo:
    """Show an attacker's card: what it does, where it comes from, its licence; checks the file."""

    file: Annotated[Positional[Path], arg(metavar="FILE.safetensors")]
    """The attacker's weights."""
    json: bool = False
    """As JSON, for machines."""

    def run(self) -> int:
        """Show; the exit code."""
        import json

        from mitsgan.cli.terminal.console import Console
        from mitsgan.jobs.attackers import attacker_card

        card = attacker_card(self.file)
        if self.json:
            Console().say(json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False))
        else:
            Console().say("\n".join(f"{key}: {value}" for key, value in _flat(card)))
        return 0


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """``{"config": {"width": 2}}`` as ``config.width`` and 2."""
    items: dict[str, object] = {}
    if isinstance(value, dict):
        items = dict(sorted(value.items()))
    elif isinstance(value, list):
        items = {str(number): item for number, item in enumerate(value, 1)}
    else:
        yield name, value
    for key, item in items.items():
        yield from _flat(item, f"{name}.{key}" if name else key)
