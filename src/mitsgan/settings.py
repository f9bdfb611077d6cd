"""Checks that the settings of many jobs share; each names the setting as Python does.

In messages a setting stands in backticks, `max_hu`, so that whoever shows them can say what it is
called there: on the command line an option.
"""

from __future__ import annotations

from mitsgan.errors import SettingsError


def at_least(name: str, value: float, lowest: float) -> None:
    """Raise `SettingsError` where a number is too small."""
    if not value >= lowest:
        raise SettingsError(f"`{name}` must be {lowest:g} or more, found {value:g}")


def within(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise `SettingsError` where a number lies outside of a range."""
    if not lowest <= value <= highest:
        raise SettingsError(
            f"`{name}` must lie between {lowest:g} and {highest:g}, found {value:g}"
        )
