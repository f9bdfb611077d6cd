"""Typed values of JSON and TOML: read into frozen dataclasses, and written from them.

msgspec checks every type; what it finds wrong is said in our own words: the file, the place in it,
what was expected there and what was found. A key that no field has is refused: a misspelt one
would otherwise do nothing, unnoticed.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from mitsgan.errors import MitsganError, ResultError, SettingsError

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<place>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|([^.\[\]]+)")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_OUR_WORDS = ("Expected ", "Invalid ")
_PATH_EXPECTED = "Expected `path`"
_SHOWN = 60
_TABLES = (inspect.DataclassType, inspect.DictType)
_LISTS = (inspect.VarTupleType, inspect.TupleType, inspect.ListType)


def read_json(path: Path, kind: type[T], *, error: type[MitsganError] = ResultError) -> T:
    """Read a JSON file.

    Args:
        path: the file.
        kind: a dataclass, or any type that msgspec knows; paths are text in the file.
        error: what is raised.

    Raises:
        MitsganError: ``error``, where there is no such file, it is no JSON, or not of this kind.
    """
    return parse_json(read_bytes(path, error), kind, str(path), error=error)


def parse_json(
    text: str | bytes, kind: type[T], where: str, *, error: type[MitsganError] = ResultError
) -> T:
    """As `read_json`, of a text that messages call ``where``."""
    try:
        tree = json.loads(text)
    except ValueError as reason:
        raise error(f"{where} is no JSON ({reason}); name another file, or make it anew") from None
    return convert(tree, kind, where, error=error)


def read_toml(
    path: Path,
    kind: type[T],
    *,
    error: type[MitsganError] = SettingsError,
    resolve: Callable[[str], Path] | None = None,
    prepare: Callable[[dict[str, Any]], object] | None = None,
) -> T:
    """Read a TOML file.

    Args:
        path: the file.
        kind: see `read_json`.
        error: what is raised.
        resolve: makes a path of its text, by default from the file's own folder. A `ValueError`
            of it is told with the place in the file.
        prepare: makes the tree that is read of the one in the file, where short forms are allowed.

    Raises:
        MitsganError: ``error``, where there is no such file, it is no TOML, or not of this kind.
    """
    try:
        tree = tomllib.loads(read_bytes(path, error).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise error(f"{path} is no TOML ({reason}); mend it, or name another file") from None
    return convert(
        tree if prepare is None else prepare(tree),
        kind,
        str(path),
        error=error,
        resolve=resolve or path.parent.joinpath,
    )


def convert(
    tree: object,
    kind: type[T],
    where: str,
    *,
    error: type[MitsganError] = ResultError,
    resolve: Callable[[str], Path] = Path,
) -> T:
    """Mappings, lists and plain values as a ``kind``; arguments as of `read_toml`.

    Raises:
        MitsganError: ``error``, where they are not of this kind.
    """
    info = inspect.type_info(kind)

    def path_of(wanted: type[Any], value: object) -> Any:
        if not isinstance(value, str) or not issubclass(wanted, Path):
            raise ValueError(_PATH_EXPECTED)
        try:
            return resolve(value)
        except RuntimeError:  # of `Path.expanduser`
            raise ValueError(f"nobody knows the folder that ~ stands for in {value}") from None

    def made(part: object, of: type[Any]) -> Any:
        return msgspec.convert(part, of, dec_hook=path_of)

    try:
        value: T = made(tree, kind)
    except (msgspec.ValidationError, MitsganError) as reason:
        raise error(f"{where}: {_fault(tree, info, '', reason, made)}") from reason
    for place, wrong in _strays(tree, info, ""):
        raise error(f"{where}: {place + ': ' if place else ''}{wrong}")
    return value


_LONE = re.compile("[\ud800-\udfff]")
"""Halves of a character, as which Python reads bytes that are no UTF-8."""


def to_tree(value: object) -> Any:
    """A dataclass as mappings, lists and plain values; of what is not finite, None."""
    return _finite(msgspec.to_builtins(_whole(value), enc_hook=_plain))


def to_json(value: object) -> str:
    """A dataclass or a mapping as JSON for people and machines; what is not finite is null.

    Names of files that are no UTF-8 are escaped, so that reading gives them back.
    """
    text = json.dumps(to_tree(value), indent=2, ensure_ascii=False, allow_nan=False)
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def read_bytes(path: Path, error: type[MitsganError]) -> bytes:
    """The bytes of a file, or ``error`` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as reason:
        raise error(f"{path} cannot be read: {reason.strerror or reason}") from reason


def _plain(value: Any) -> Any:
    """What msgspec does not know: paths, and numbers of NumPy."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} has no JSON")


def _whole(value: Any) -> Any:
    """With the defaults of what was read: msgspec leaves those out that no file has named."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _whole(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fault(
    tree: object,
    info: inspect.Type,
    place: str,
    reason: Exception,
    made: Callable[[object, type[Any]], object],
) -> str:
    """What is wrong in a tree, with its place: looked for in one table after another.

    Dataclasses that check their own values do not know it, and msgspec tells no name of an entry.
    """
    for at, part, kind in _tables(tree, info, place):
        try:
            made(part, kind.cls)
        except (msgspec.ValidationError, MitsganError) as inner:
            return _fault(part, kind, at, inner, made)
    if isinstance(reason, MitsganError):
        return f"{place}: {reason}" if place else str(reason)
    return _in_words(str(reason), tree, info, place)


def _tables(
    tree: object, info: inspect.Type, place: str
) -> Iterator[tuple[str, object, inspect.DataclassType]]:
    """The outermost tables within a tree that are to be dataclasses: place, content and type."""
    entries: list[tuple[str, object, inspect.Type]] = []
    if isinstance(tree, Mapping):
        info = _alternative(info, _TABLES)
        known: Iterable[str] = tree
        if isinstance(info, inspect.DataclassType):
            known = [field.encode_name for field in info.fields]
        for key, value in tree.items():
            if key in known:
                at = f"{place}.{key}" if place else str(key)
                entries.append((at, value, _inside(info, "", key)))
    elif isinstance(tree, list) and isinstance(info, inspect.VarTupleType | inspect.ListType):
        entries = [(f"{place}[{n}]", value, info.item_type) for n, value in enumerate(tree)]
    for at, value, inner in entries:
        kind = _alternative(inner, (inspect.DataclassType,))
        if isinstance(value, Mapping) and isinstance(kind, inspect.DataclassType):
            yield at, value, kind
        else:
            yield from _tables(value, inner, at)


def _in_words(message: str, tree: object, info: inspect.Type, within: str) -> str:
    """What msgspec found wrong with the table ``within`` a tree, as: place, expected, found."""
    match = _PLACE.match(message)
    reason, place = (match["reason"], match["place"] or "") if match else (message, "")
    full = f"{within}.{place}" if within and place else within or place
    at = f"{full}: " if full else ""
    if missing := _MISSING.match(reason):
        return f"{full}.{missing[1]} is missing" if full else f"{missing[1]} is missing"
    if not reason.startswith(_OUR_WORDS):
        return at + reason
    value, shown = tree, ""
    for number, key in _STEP.findall(place):
        info = _inside(info, number, key)
        if number == "...":  # some entry of a table: msgspec does not say which
            shown = re.sub("^.*, got |^Invalid enum value ", "", reason)
        elif not shown:
            value = value[int(number)] if number else value[key]  # type: ignore[index]
    return f"{at}expected {_words(info)}, found {shown or _shown(value)}"


def _inside(info: inspect.Type, number: str, key: str) -> inspect.Type:
    """The type of an item or a field."""
    info = _alternative(info, _LISTS if number.isdecimal() else _TABLES)
    match info:
        case inspect.DataclassType():
            return next(field.type for field in info.fields if field.encode_name == key)
        case inspect.TupleType():
            return info.item_types[int(number)]
        case inspect.VarTupleType() | inspect.ListType():
            return info.item_type
        case inspect.DictType():
            return info.value_type
    return inspect.AnyType()


def _alternative(info: inspect.Type, kinds: tuple[type[inspect.Type], ...]) -> inspect.Type:
    """Of a union the first type of some kinds; any other type as it is."""
    if not isinstance(info, inspect.UnionType):
        return info
    return next((kind for kind in info.types if isinstance(kind, kinds)), inspect.AnyType())


def _words(info: inspect.Type) -> str:
    """A type for people."""
    match info:
        case inspect.UnionType():
            return " or ".join(_words(k) for k in info.types if not isinstance(k, inspect.NoneType))
        case inspect.LiteralType():
            return "one of " + ", ".join(json.dumps(value) for value in info.values)
        case inspect.TupleType():
            return f"a list of {len(info.item_types)}"
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list, each {_words(info.item_type)}"
        case inspect.DataclassType():
            return f"a table with {', '.join(field.encode_name for field in info.fields)}"
    names: Mapping[type, str] = {
        inspect.BoolType: "true or false",
        inspect.IntType: "a whole number",
        inspect.FloatType: "a number",
        inspect.StrType: "text",
        inspect.CustomType: "a path",
        inspect.DictType: "a table",
    }
    return names.get(type(info), "another value")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _strays(tree: object, info: inspect.Type, place: str) -> list[tuple[str, str]]:
    """Keys that no field has, and numbers that are none: place and what is wrong there."""
    wrong: list[tuple[str, str]] = []
    if isinstance(tree, Mapping):
        info = _alternative(info, _TABLES)
        for key, value in tree.items():
            at = f"{place}.{key}" if place else str(key)
            if isinstance(info, inspect.DataclassType):
                names = [field.encode_name for field in info.fields]
                if key not in names:
                    return [*wrong, (at, f"no such key; there are: {', '.join(names)}")]
            wrong += _strays(value, _inside(info, "", key), at)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            wrong += _strays(value, _inside(info, str(number), ""), f"{place}[{number}]")
    elif isinstance(tree, float) and math.isnan(tree):
        wrong.append((place, "expected a number, found nan"))
    return wrong
