"""Options that a command does not have, told with the one that was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import get_args, get_type_hints

from tyro.conf import Positional

from mitsgan.errors import ConfigurationError

_POSITIONAL = get_args(Positional[int])[1]


def check_options(command: type, words: str, arguments: Sequence[str]) -> None:
    """Raise `ConfigurationError` where arguments hold an option that the command does not have.

    tyro takes what follows such an option for its values, and so misses what is given by its place.

    Args:
        command: the command's class.
        words: what it is called, such as ``archive plan``.
        arguments: what follows these words.
    """
    known = sorted({"--help", *option_names(command)})
    for argument in takewhile(lambda argument: argument != "--", arguments):
        option = argument.partition("=")[0]
        if not option.startswith("--") or option.replace("_", "-") in known:
            continue
        near = get_close_matches(option, known, 1)
        hint = f"did you mean {near[0]}? See" if near else "see"
        raise ConfigurationError(f"there is no option {option}; {hint} mitsgan {words} --help")


def option_names(command: type) -> Iterator[str]:
    """All options of a command, their other long names, and of each also its opposite."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        marks = get_args(hint)[1:]
        if _POSITIONAL in marks:
            continue
        renamed = [named for mark in marks if (named := getattr(mark, "name", None))]
        option = (renamed[0] if renamed else name).replace("_", "-")
        yield from (f"--{option}", f"--no-{option}")
        for mark in marks:
            for alias in getattr(mark, "aliases", None) or ():
                if alias.startswith("--"):
                    yield alias
