"""Checks of options that several commands share."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

from mitsgan.errors import MitsganError

_NAME = re.compile(r"(?<![\w./\\-])[a-z]+(?:_[a-z]+)+(?![\w/\\-]|\.\w)")


class UsageError(MitsganError):
    """Options that make no sense, alone or together."""


def at_least(option: str, value: float, lowest: float) -> None:
    """Raise `UsageError` where a number is too small."""
    if value < lowest:
        raise UsageError(f"{option} must be {lowest:g} or more, found {value:g}")


def in_options(message: str, command: object) -> str:
    """A message of the library with the options of a command in place of what Python calls them.

    ``max_hu`` becomes ``--max-hu`` where the command has a field of that name.
    """
    names = {field.name for field in fields(command)} if is_dataclass(command) else set()

    def option(found: re.Match[str]) -> str:
        return f"--{found[0].replace('_', '-')}" if found[0] in names else found[0]

    return _NAME.sub(option, message)
