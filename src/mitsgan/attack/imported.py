"""The card of an attacker that was made from the files of others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mitsgan import __version__
from mitsgan.networks import Card


def imported_card(config: Card, sources: Iterable[Path], licence: str) -> Card:
    """What it is, which files it was made from, and under which licence."""
    return {
        "config": config,
        "licence": licence,
        "imported": [{"name": path.name, "sha256": _sha256(path)} for path in sources],
        "version": __version__,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
