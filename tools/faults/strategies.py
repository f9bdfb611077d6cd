"""Command lines by the types of the settings: what Hypothesis draws, and shrinks where one fails.

`command_lines` mistypes right lines; here each option gets values of its own type and of others,
so that more lines get as far as the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from tyro.conf import Positional

from faults.command_lines import KEPT, PATHS, VALUES
from mitsgan.cli.commands import COMMANDS
from mitsgan.terminal.choice import load
from mitsgan.terminal.command import Command

LEFT_OUT = frozenset(
    {
        *(("archive", "run"), ("archive", "verify"), ("data", "fetch"), ("demo",)),
        *(("node", "run"), ("node", "retry"), ("weights", "fetch"), ("studio",)),
    }
)
"""What serves, fetches, starts processes of its own or takes minutes."""
_BLOCK = 50
_POSITIONAL = get_args(Positional[int])[1]
# No slash: nothing is to be written elsewhere.
_NAMES = st.text(st.characters(max_codepoint=0x24F, exclude_characters="\0/"), max_size=12)
_PATHS = st.sampled_from(KEPT) | st.sampled_from((*KEPT, *PATHS)) | _NAMES
_ODD = st.sampled_from(VALUES)


@dataclasses.dataclass(frozen=True)
class Option:
    """An option or a positional argument of a command.

    Attributes:
        name: with its dashes; empty for a positional argument.
        values: the words that follow it.
        required: whether there is no line without it.
    """

    name: str
    values: st.SearchStrategy[list[str]]
    required: bool

    def words(self) -> st.SearchStrategy[list[str]]:
        """The option with its values."""
        return self.values.map(lambda values: [self.name, *values] if self.name else values)


def commands() -> Mapping[tuple[str, ...], Sequence[Option]]:
    """Every command that is tried, with what it takes."""
    return {words: _options(cls) for words, cls in _commands() if words not in LEFT_OUT}


def command_lines() -> st.SearchStrategy[list[str]]:
    """Lines of all commands: right ones, and such as have too much, too little or other things."""
    return st.one_of([_line(words, options) for words, options in commands().items()])


def drawn(seed: int, number: int) -> list[str]:
    """The line of a number: always the same of the same release of Hypothesis."""
    block, place = divmod(number, _BLOCK)
    lines = _drawn(f"{seed}:{block}")
    return lines[place % len(lines)]


@cache
def _drawn(seed: str) -> Sequence[list[str]]:
    lines: list[list[str]] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=_BLOCK,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(command_lines())
    def collect(line: list[str]) -> None:
        lines.append(line)

    collect()
    return lines


def _line(words: tuple[str, ...], options: Sequence[Option]) -> st.SearchStrategy[list[str]]:
    needed = [option.words() for option in options if option.required]
    more = [option.words() for option in options if not option.required]
    chosen = st.lists(st.one_of(more), max_size=4)
    nothing: st.SearchStrategy[list[str]] = st.just([])
    stray = nothing | nothing | st.lists(_ODD | _PATHS, min_size=1, max_size=1)
    lost = st.none() | st.none() | st.integers(0, 5)

    def joined(
        parts: tuple[Sequence[list[str]], list[list[str]], list[str], int | None],
    ) -> list[str]:
        given = [word for group in (*parts[0], *parts[1], parts[2]) for word in group]
        if parts[3] is not None:
            del given[parts[3] : parts[3] + 1]
        return [*words, *given]

    return st.tuples(st.tuples(*needed), chosen, stray, lost).map(joined)


def _commands() -> Iterator[tuple[tuple[str, ...], type[Command]]]:
    """All commands, those of groups too, and their classes."""
    for name, entry in COMMANDS.items():
        if isinstance(entry, str):
            yield (name,), load(entry)
        else:
            for inner, where in entry.commands.items():
                yield (name, inner), load(where)


def _options(cls: type) -> list[Option]:
    hints = get_type_hints(cls, include_extras=True)
    return [_option(field, hints[field.name]) for field in dataclasses.fields(cls)]


def _option(field: dataclasses.Field[Any], hint: Any) -> Option:
    bare, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    required = field.default is field.default_factory is dataclasses.MISSING
    if any(note == _POSITIONAL for note in notes):
        return Option("", _values(bare), required)
    dashed = f"--{field.name.replace('_', '-')}"
    if bare is bool and field.default is True:
        dashed = dashed.replace("--", "--no-", 1)
    return Option(dashed, _values(bare), required)


def _values(hint: Any) -> st.SearchStrategy[list[str]]:
    """Words for a value of a type; one in six is of another."""
    if hint is bool:
        return st.just([])
    if get_origin(hint) is tuple:
        return st.lists(_word(get_args(hint)[0]), max_size=3)
    right = _word(hint)
    return st.one_of(*[right] * 5, _ODD).map(lambda word: [word])


def _word(hint: Any) -> st.SearchStrategy[str]:
    if get_origin(hint) is Literal:
        return st.sampled_from([str(choice) for choice in get_args(hint)])
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([_word(one) for one in get_args(hint)])
    if hint is int:
        return (st.integers(-3, 40) | st.integers()).map(str)
    if hint is float:
        return (st.floats(0, 60) | st.floats()).map(repr)
    return _PATHS if hint is Path else _PATHS | _NAMES | _ODD
