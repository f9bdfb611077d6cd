"""What a command calls the settings of the library: options."""

from __future__ import annotations

import re

_SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]+))?`")


def as_options(message: str) -> str:
    """A message of the library with its settings as options.

    `max_hu` becomes --max-hu, `max_hu=10` becomes --max-hu 10, `resume=True` becomes --resume,
    `attack=False` becomes --no-attack, and what is in backticks otherwise, such as a command,
    stays.
    """

    def option(match: re.Match[str]) -> str:
        name, value = match[1].replace("_", "-"), match[2]
        if value in (None, "True"):
            return f"--{name}"
        return f"--no-{name}" if value == "False" else f"--{name} {value}"

    return _SETTING.sub(option, message)
