"""How the settings of the library look as options, and what a command's help says of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, TypeVar, get_type_hints

from tyro.conf import Positional, arg

from mitsgan.terminal.help_content import METAVARS, SWITCHED_OFF
from mitsgan.terminal.options import as_options

C = TypeVar("C")

_POSITIONAL: Any = Positional

_OF_TYPES: Mapping[object, str] = {int: "N", int | None: "N", Path: "FILE", Path | None: "FILE"}
"""What stands for other values of a type."""

_NO_DEFAULT = object()
_UNSAID = (None, False, (), True)
"""Defaults that say no more than that an option was left out."""

_SHOWN: list[type] = []


def shown(*positional: str, short: str = "", **metavars: str) -> Callable[[type[C]], type[C]]:
    """Say how the settings that a command inherits look on the command line.

    Stands below ``@dataclass``. Names, types, defaults and descriptions are those of the library.

    Args:
        positional: settings that are given by their place.
        short: a setting whose option has the short form ``-o``.
        metavars: what stands for a value in usage texts, where it is another than usual.
    """

    def decorate(cls: type[C]) -> type[C]:
        own, plain = dict(cls.__annotations__), get_type_hints(cls)
        for name, hint in get_type_hints(cls, include_extras=True).items():
            metavar = metavars.get(name) or METAVARS.get(name) or _OF_TYPES.get(plain[name])
            aliases = ["-o"] if name == short else None
            default = getattr(cls, name, _NO_DEFAULT)
            says = "" if any(default is unsaid for unsaid in _UNSAID) else None
            if name in positional and default is _NO_DEFAULT:
                says = "(required)"  # of many values tyro would say that by default there is none
            hint = Annotated[hint, arg(metavar=metavar, aliases=aliases, help_behavior_hint=says)]
            own[name] = _POSITIONAL[hint] if name in positional else hint
        cls.__annotations__ = own
        _SHOWN.append(cls)
        return cls

    return decorate


def join_lines() -> None:
    """Say on one line what settings say on several, whose breaks tyro would keep, of what is on by
    default what its option, which switches it off, does, and of other settings what they are called
    as options.

    For help texts alone: the source of every command that is loaded is read, once.
    """
    while _SHOWN:
        command = _SHOWN.pop(0)
        hints = get_type_hints(command, include_extras=True)
        for base in command.__mro__:
            for name, text in _descriptions(base).items():
                said = text
                if getattr(command, name, None) is True:
                    said = SWITCHED_OFF.get(name, text)
                said = as_options(" ".join(said.split()), hints)
                if said != text:
                    command.__annotations__[name] = Annotated[hints[name], arg(help=said)]


@cache
def _descriptions(cls: type) -> Mapping[str, str]:
    """What the settings of a class say."""
    if not cls.__module__.startswith("mitsgan."):
        return {}
    (definition,) = ast.parse(dedent(inspect.getsource(cls))).body
    descriptions = {}
    for pair in pairwise(definition.body if isinstance(definition, ast.ClassDef) else []):
        match pair:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                descriptions[name] = text
    return descriptions
