"""The parsers of all commands, kept for the next line.

For each line tyro builds them anew; where an option is mistyped, those of every command, to look
for what was meant. That takes most of the time of a line, and comes to the same each time. What
reads a line, and what is said of it, is as ever. A process that runs one line has no use for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, partial
from inspect import signature
from typing import Any

from tyro._parsers import ParserSpecification

from mitsgan.cli import main
from mitsgan.cli.commands import COMMANDS


@cache
def keep_parsers() -> None:
    """Build each parser once in this process, from now on."""
    build = ParserSpecification.from_callable_or_type
    names = [*signature(build).parameters]
    # With the arguments, so that no other object gets the address of one of them.
    built: dict[Hashable, tuple[ParserSpecification, Any]] = {}

    def kept(*arguments: Any, **named: Any) -> ParserSpecification:
        given = dict(zip(names, arguments, strict=False)) | named
        key = tuple(_key(given[name]) for name in names if name != "description")
        if key not in built:
            built[key] = build(**given), given
        return built[key][0]

    ParserSpecification.from_callable_or_type = staticmethod(kept)  # type: ignore[method-assign]
    offered = cache(partial(main.offered, COMMANDS))  # type: ignore[attr-defined]
    main.offered = lambda _, brief: offered(brief)  # type: ignore[assignment,attr-defined]


def _key(value: Any) -> Hashable:
    if isinstance(value, set):
        return frozenset(value)
    try:
        hash(value)
    except TypeError:
        return type(value), id(value)
    return value  # type: ignore[no-any-return]
