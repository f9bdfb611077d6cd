"""What settings are, and what those of many jobs share: checks, and the default protector.

In messages of the checks a setting stands in backticks, `max_hu`, so that whoever shows them can
say what it is called there: on the command line an option.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args, get_origin, get_type_hints

from mitsgan.errors import SettingsError

Place = tuple[float, float, float]
"""A point in the patient, LPS mm."""

_AXES = 3

LARGEST_SEED = 2**63 - 1
"""torch takes 64 bits, and some seeds are counted up from the one that is given."""

DEFAULT_PROTECTOR = "mits-gan-waves"
"""What protects unless another one is asked for. It stands here, not beside the protectors, because
commands read their settings long before they import any."""


class Settings:
    """What a job is to do: a frozen dataclass that checks itself when it is made.

    Subclasses extend `__post_init__`, and call this one's.
    """

    def __post_init__(self) -> None:
        """Raise a `MitsganError` where values make no sense, alone or together."""


def check_choices(settings: Settings) -> None:
    """Raise `SettingsError` where a value is none of those that its type, a `Literal`, names."""
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(kind) is Literal and value not in get_args(kind):
            choices = ", ".join(map(str, get_args(kind)))
            raise SettingsError(f"`{name}` must be one of {choices}, found {value!r}")


def at_least(name: str, value: float, lowest: float) -> None:
    """Raise `SettingsError` where a number is too small."""
    if not value >= lowest:
        raise SettingsError(f"`{name}` must be {lowest:g} or more, found {value:g}")


def a_seed(name: str, value: int) -> None:
    """Raise `SettingsError` where torch takes no such seed."""
    at_least(name, value, 0)
    if value > LARGEST_SEED:
        raise SettingsError(f"`{name}` must be {LARGEST_SEED} at most, found {value}")


def within(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise `SettingsError` where a number lies outside of a range."""
    if not lowest <= value <= highest:
        raise SettingsError(
            f"`{name}` must lie between {lowest:g} and {highest:g}, found {value:g}"
        )


def a_place(name: str, place: Sequence[float]) -> None:
    """Raise `SettingsError` where this is no point: three finite numbers."""
    if len(place) != _AXES or not all(map(math.isfinite, place)):
        raise SettingsError(f"`{name}`: {place} is no place in mm (LPS)")


def above_zero(name: str, value: float) -> None:
    """Raise `SettingsError` where a number is not above zero, or not finite."""
    if not 0 < value < math.inf:
        raise SettingsError(f"`{name}` must be above 0, found {value:g}")
