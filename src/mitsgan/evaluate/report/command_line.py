"""The command that makes a result again, as it is typed: for readers of a report.

The one place of the library that writes options of the command line. Messages name settings.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mitsgan.reading import Reading
from mitsgan.settings import Settings
from mitsgan.typed import to_tree


def command_line(command: str, *words: str, **settings: object) -> str:
    """``mitsgan COMMAND WORDS --setting value``.

    Args:
        command: which command.
        words: what is given by its place; files by name, not by where they lie.
        settings: the others: a number or text, a file by its name, whether or not, several texts,
            points in mm that are given one by one, or None, which is left out.
    """
    typed = ["mitsgan", *command.split(), *words]
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if value is None:
            continue
        if isinstance(value, bool):
            typed.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, Path):
            typed += [option, value.name]
        elif isinstance(value, Sequence) and all(isinstance(part, str) for part in value):
            typed += [option, value] if isinstance(value, str) else [option, *value]
        elif isinstance(value, Sequence):
            for point in value:
                typed += [option, ",".join(f"{coordinate:g}" for coordinate in point)]
        else:
            typed += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(typed)


def changed(settings: Settings) -> dict[str, object]:
    """The settings that are not what they are by default, as JSON values."""
    defaults, given = to_tree(type(settings)()), to_tree(settings)
    return {name: value for name, value in given.items() if value != defaults[name]}


def told_of_reading(settings: Reading) -> dict[str, object]:
    """What was told of how a scan is to be read."""
    told = ("series", "select", "strict", "hu_offset", "assume_hu")
    return {name: getattr(settings, name) or None for name in told}
