"""Options under the names that they had in 0.1: understood for one version more, and said so."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

OLD_NAMES: Mapping[str, Mapping[str, str]] = {
    "protect": {"--report": "--output"},
    "verify": {"--report": "--output"},
    "restore": {"--report": "--output"},
    "data check": {"--report": "--output"},
    "seal": {"--out": "--output"},
    "archive plan": {"--out": "--output"},
    "studio": {"--out": "--output"},
    "evaluate-mark": {"--budget": "--max-hu"},
}
"""What options of a command are called today, by what they were called."""


def with_new_names(command: str, arguments: Sequence[str]) -> list[str]:
    """The arguments of a command with options by today's names; stderr says which were not.

    Args:
        command: by its words, such as ``data check``.
        arguments: what follows these words.
    """
    return list(_renamed(OLD_NAMES.get(command, {}), arguments))


def _renamed(names: Mapping[str, str], arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        option, equals, value = argument.partition("=")
        new = names.get(option)
        if new is None:
            yield argument
            continue
        sys.stderr.write(f"note: {option} is now {new}; the old name goes with the next version\n")
        yield f"{new}{equals}{value}"
