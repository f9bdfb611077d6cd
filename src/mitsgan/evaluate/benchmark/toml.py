"""TOML tables into frozen dataclasses: types checked, paths resolved, unknown keys refused."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def read_table(
    kind: type[T], table: Mapping[str, Any], folder: Path, environment: Mapping[str, str]
) -> T:
    """Make a dataclass of a TOML table.

    Args:
        kind: the dataclass; fields of text, numbers, paths, tuples, literals and dataclasses.
        table: as `tomllib` reads it.
        folder: where relative paths start.
        environment: what ``${NAME}`` in a path stands for.

    Raises:
        ValueError: names the key, what was found there and what was expected.
    """
    made = _Reader(folder, environment).value(kind, table, "")
    return typing.cast(T, made)


@dataclasses.dataclass(frozen=True)
class _Reader:
    folder: Path
    environment: Mapping[str, str]

    def value(self, kind: Any, found: Any, where: str) -> Any:
        """``found`` as a ``kind``; ``where`` is its key."""
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is types.UnionType:
            (kind,) = (k for k in inner if k is not types.NoneType)
            return self.value(kind, found, where)
        if origin is tuple:
            return self._tuple(inner, found, where)
        if origin is typing.Literal:
            if found not in inner:
                raise ValueError(f"{where}: expected one of {', '.join(inner)}, found {found!r}")
            return found
        if dataclasses.is_dataclass(kind):
            return self._dataclass(kind, found, where)
        if kind is Path and isinstance(found, str):
            return self._path(found, where)
        if kind is float and type(found) is int:
            return float(found)
        if type(found) is not kind or (kind is float and math.isnan(found)):
            names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
            raise ValueError(f"{where}: expected {names.get(kind, 'text')}, found {found!r}")
        return found

    def _tuple(self, inner: tuple[Any, ...], found: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(found, list):
            raise ValueError(f"{where}: expected a list, found {found!r}")
        if inner[-1] is not Ellipsis:
            if len(found) != len(inner):
                raise ValueError(f"{where}: expected {len(inner)} values, found {len(found)}")
            return tuple(
                self.value(kind, item, f"{where}[{number}]")
                for number, (kind, item) in enumerate(zip(inner, found, strict=True))
            )
        return tuple(
            self.value(inner[0], item, f"{where}[{_name(item, number)}]")
            for number, item in enumerate(found)
        )

    def _dataclass(self, kind: Any, found: Any, where: str) -> Any:
        fields = {field.name: field for field in dataclasses.fields(kind)}
        first = next(iter(fields))
        if not isinstance(found, Mapping):
            # A budget that is a cap alone is written as that number.
            if isinstance(found, int | float) and typing.get_type_hints(kind)[first] is float:
                found = {first: found}
            else:
                raise ValueError(f"{where}: expected a table, found {found!r}")
        at = f"{where}." if where else ""
        for key in found:
            if key not in fields:
                raise ValueError(f"{at}{key} is no key; there are: {', '.join(fields)}")
        for name, field in fields.items():
            required = field.default is dataclasses.MISSING
            if required and name not in found:
                raise ValueError(f"{at}{name} is missing")
        hints = typing.get_type_hints(kind)
        reader = self
        if isinstance(found.get("data"), str) and "data" in fields:
            data = self._path(found["data"], f"{at}data")
            # Scans lie in the data folder, all else beside the configuration.
            reader = dataclasses.replace(self, folder=data)
        return kind(
            **{
                key: (reader if key == "scans" else self).value(hints[key], item, f"{at}{key}")
                for key, item in found.items()
            }
        )

    def _path(self, text: str, where: str) -> Path:
        def named(match: re.Match[str]) -> str:
            if match[1] not in self.environment:
                raise ValueError(
                    f"{where}: the environment variable {match[1]} is not set; set it, or write "
                    "the folder itself"
                )
            return str(Path(self.environment[match[1]]).resolve())

        return self.folder / Path(_VARIABLE.sub(named, text)).expanduser()


def _name(item: Any, number: int) -> str:
    """An entry's own name where it has one: easier to find in a file than its number."""
    named = isinstance(item, Mapping) and isinstance(item.get("name"), str)
    return item["name"] if named else str(number)
