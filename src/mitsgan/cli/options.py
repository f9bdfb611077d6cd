"""Checks of options that several commands share."""

from __future__ import annotations

from mitsgan.errors import MitsganError


class UsageError(MitsganError):
    """Options that make no sense, alone or together."""


def at_least(option: str, value: float, lowest: float) -> None:
    """Raise `UsageError` where a number is too small."""
    if value < lowest:
        raise UsageError(f"{option} must be {lowest:g} or more, found {value:g}")
