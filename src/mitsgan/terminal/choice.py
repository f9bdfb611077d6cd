"""A choice between commands, some of which choose again; each is loaded when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from importlib import import_module
from typing import Annotated, Any, TypeAlias, Union

from tyro.conf import arg, subcommand

from mitsgan.errors import ConfigurationError
from mitsgan.terminal.command import Command
from mitsgan.terminal.help_content import SUMMARIES


class Group:
    """A command that only chooses another, as `mitsgan node` does."""

    command: Command


@dataclass(frozen=True)
class Several:
    """A group of commands.

    Attributes:
        what: it is for.
        hint: which of the others to begin with.
        commands: where the others are, by name.
    """

    what: str
    hint: str
    commands: Mapping[str, str]

    def group(self, brief: bool) -> type[Group]:
        """As tyro reads it."""
        kinds = {name: load(where) for name, where in self.commands.items()}
        chosen: Any = Annotated[_one_of(kinds, brief), arg(name="", help=self.hint)]
        fields, doc = [("command", chosen)], {"__doc__": self.what}
        return make_dataclass("_Group", fields, bases=(Group,), frozen=True, namespace=doc)


Choice: TypeAlias = Mapping[str, str | Several]
"""Commands by name: each a ``module:class``, or a group of them."""


def load(where: str) -> type[Command]:
    """The command ``module:class``."""
    module, _, name = where.partition(":")
    command: type[Command] = getattr(import_module(module), name)
    return command


def named(choice: Choice, arguments: Sequence[str]) -> tuple[type[Command], int] | None:
    """The command that arguments name, and how many of them do; None where they name none."""
    entry = choice.get(arguments[0]) if arguments else None
    if isinstance(entry, str):
        return load(entry), 1
    where = entry.commands.get(arguments[1]) if entry and len(arguments) > 1 else None
    return None if where is None else (load(where), 2)


def offered(choice: Choice, brief: bool) -> Any:
    """All commands as tyro reads them; to list them, a line of each."""
    commands = {
        name: entry.group(brief) if isinstance(entry, Several) else load(entry)
        for name, entry in choice.items()
    }
    return _one_of(commands, brief, SUMMARIES)


def lists(choice: Choice, arguments: Sequence[str]) -> bool:
    """Whether arguments ask for the commands that there are, or for those of a group."""
    named = [argument for argument in arguments if argument not in ("-h", "--help")]
    return not named or (len(named) == 1 and isinstance(choice.get(named[0]), Several))


def check_names(choice: Choice, arguments: Sequence[str]) -> None:
    """Raise `ConfigurationError` where arguments name a command that there is not."""
    known: Mapping[str, object] = choice
    for word in arguments[:2]:
        if word not in known and not word.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(word, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"there is no command {word}; {hint}")
        entry = known.get(word)
        if not isinstance(entry, Several):
            return
        known = entry.commands


def _one_of(
    commands: Mapping[str, type[Command | Group]],
    brief: bool,
    summaries: Mapping[str, str] | None = None,
) -> Any:
    """The type of which tyro makes a choice between commands, by name; ``brief``: to list them, by
    a summary each, or its first sentence.
    """
    said = summaries or {}
    kinds = (
        Annotated[
            kind, subcommand(name, description=(said.get(name) or _first(kind)) if brief else None)
        ]
        for name, kind in commands.items()
    )
    return Union[tuple(kinds)]  # noqa: UP007


def _first(kind: type[Command | Group]) -> str:
    """What a command does, in its first sentence."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
