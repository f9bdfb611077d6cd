"""The JSON of a benchmark's summary, taken apart with words for whoever must mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mitsgan.errors import ResultError
from mitsgan.evaluate.report.content import (
    Axis,
    Cell,
    Column,
    Curve,
    Headline,
    Json,
    Point,
    Series,
    Summary,
    Table,
)

SCHEMA = 1

T = TypeVar("T")


def parse_summary(value: object, where: str) -> Summary:
    """A `Summary` from the JSON of a benchmark.

    Args:
        value: the JSON value.
        where: the file's name, for messages.

    Raises:
        ResultError: names the key that is missing or of another kind.
    """
    reader = _Reader(where)
    top = reader.mapping(value, "the file")
    if top.get("schema") != SCHEMA or top.get("kind") != "benchmark":
        raise ResultError(
            f"{where}: expected the summary of a benchmark (kind benchmark, schema {SCHEMA}), "
            f"found kind {top.get('kind')!r}, schema {top.get('schema')!r}; "
            "name the folder that `mitsgan benchmark` wrote, or its summary.json"
        )
    return Summary(
        title=reader.get(top, "title", str, "title"),
        version=reader.get(top, "version", str, "version"),
        command=reader.get(top, "command", str, "command"),
        config=reader.get(top, "config_toml", str, "config_toml"),
        provenance=reader.mapping(top.get("provenance", {}), "provenance"),
        headline=tuple(
            Headline(
                reader.get(item, "label", str, at),
                reader.cell(item.get("value"), f"{at}.value"),
                reader.get(item, "unit", str, at, ""),
                reader.optional(item, "n", int, at),
                reader.get(item, "note", str, at, ""),
            )
            for item, at in reader.items(top, "headline")
        ),
        tables=tuple(_table(reader, item, at) for item, at in reader.items(top, "tables")),
        curves=tuple(_curve(reader, item, at) for item, at in reader.items(top, "curves")),
        gaps=tuple(str(gap) for gap in reader.sequence(top.get("gaps", []), "gaps")),
    )


def _table(reader: _Reader, item: Json, at: str) -> Table:
    columns = tuple(
        Column(
            reader.get(column, "key", str, there),
            reader.get(column, "label", str, there),
            reader.get(column, "unit", str, there, ""),
        )
        for column, there in reader.items(item, "columns", at)
    )
    rows = tuple(
        {c.key: reader.cell(row.get(c.key), f"{there}.{c.key}") for c in columns}
        for row, there in reader.items(item, "rows", at)
    )
    return Table(
        reader.get(item, "id", str, at),
        reader.get(item, "title", str, at),
        columns,
        rows,
        reader.get(item, "note", str, at, ""),
    )


def _curve(reader: _Reader, item: Json, at: str) -> Curve:
    def axis(key: str) -> Axis:
        there = f"{at}.{key}"
        held = reader.mapping(item.get(key), there)
        return Axis(
            reader.get(held, "label", str, there),
            reader.get(held, "unit", str, there, ""),
            reader.get(held, "log", bool, there, False),
        )

    def point(held: Json, there: str) -> Point:
        x, y = (reader.number(held, key, there) for key in ("x", "y"))
        low, high = (reader.optional(held, key, float, there) for key in ("low", "high"))
        return Point(x, y, low, high, reader.optional(held, "n", int, there))

    return Curve(
        reader.get(item, "id", str, at),
        reader.get(item, "title", str, at),
        axis("x"),
        axis("y"),
        tuple(
            Series(
                reader.get(one, "name", str, there),
                tuple(
                    point(held, deep)
                    for held, deep in reader.items(one, "points", there)
                    if held.get("y") is not None  # nothing was measured there
                ),
            )
            for one, there in reader.items(item, "series", at)
        ),
        reader.get(item, "note", str, at, ""),
    )


class _Reader:
    """Takes JSON apart, and says in words where it is not as it should be."""

    def __init__(self, where: str) -> None:
        self._where = where

    def mapping(self, value: object, at: str) -> Json:
        return self._expect(value, dict, at)

    def sequence(self, value: object, at: str) -> Sequence[object]:
        return self._expect(value, list, at)

    def items(self, held: Json, key: str, at: str = "") -> list[tuple[Json, str]]:
        """The objects of a list, each with its place; a list that is not there is empty."""
        place = f"{at}.{key}" if at else key
        found = self.sequence(held.get(key, []), place)
        return [
            (self.mapping(one, f"{place}[{i}]"), f"{place}[{i}]") for i, one in enumerate(found)
        ]

    def get(self, held: Json, key: str, kind: type[T], at: str, default: T | None = None) -> T:
        """A value of a kind; a missing one, or null, is the default."""
        value = held.get(key)
        if value is None and default is not None:
            return default
        return self._expect(value, kind, key if at == key else f"{at}.{key}")

    def number(self, held: Json, key: str, at: str) -> float:
        value = held.get(key)
        return float(self._expect(value, int if type(value) is int else float, f"{at}.{key}"))

    def optional(self, held: Json, key: str, kind: type[T], at: str) -> T | None:
        value = held.get(key)
        if value is None:
            return None
        if kind is float and type(value) is int:
            value = float(value)
        return self._expect(value, kind, f"{at}.{key}")

    def cell(self, value: object, at: str) -> Cell:
        if value is None or isinstance(value, str | bool | int | float):
            return value
        raise self._wrong("text, a number or null", value, at)

    def _expect(self, value: object, kind: type[T], at: str) -> T:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._wrong(_WORDS[kind], value, at)
        return value

    def _wrong(self, expected: str, value: object, at: str) -> ResultError:
        found = "nothing" if value is None else f"{value!r:.60}"
        return ResultError(
            f"{self._where}: expected {expected} at {at}, found {found}; "
            "it was changed, or written by another version of mitsgan: repeat the run"
        )


_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
