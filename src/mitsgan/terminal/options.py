"""What a command calls the settings of the library: options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Container

_SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]+))?`")


def as_options(message: str, known: Container[str] | None = None) -> str:
    r"""A message of the library with its settings as options.

    `max_hu` becomes --max-hu, `max_hu=10` becomes --max-hu 10, `resume=True` becomes --resume,
    `attack=False` becomes --no-attack, `select=type=A\B` becomes --select 'type=A\B', as a shell
    takes it, and what is in backticks otherwise, such as a command, stays.

    Args:
        message: the message.
        known: settings that there are; other names stay. By default, all are taken for settings.
    """

    def option(match: re.Match[str]) -> str:
        if known is not None and match[1] not in known:
            return match[0]
        name, value = match[1].replace("_", "-"), match[2]
        if value in (None, "True"):
            return f"--{name}"
        return f"--no-{name}" if value == "False" else f"--{name} {shlex.quote(value)}"

    return _SETTING.sub(option, message)
