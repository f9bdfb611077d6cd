"""Configuration files in TOML: read with every key and type checked, and written by a run."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from mitsgan.errors import DataError, OutputError

NAME = "config.toml"
"""What a run's folder calls the configuration that it was made with."""


def read_config(path: Path, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Read a TOML file that has some of the ``keys``.

    Args:
        path: the file. Paths in it that are relative start at its folder.
        keys: their types, as annotations: bool, int, float, str, `Path`, literals of strings,
            tuples and optional ones of these.

    Returns:
        Values by key.

    Raises:
        DataError: no such file, no TOML, another key, or a value of another type.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist, or is no file; name a configuration in TOML")
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no TOML ({error}); see docs/training-config.md") from error
    for key in told:
        if key not in keys:
            raise DataError(f"{path}: unknown key {key}; expected some of {', '.join(keys)}")
    return {key: _value(value, keys[key], f"{path}: {key}", path) for key, value in told.items()}


def write_config(path: Path, values: Mapping[str, Any], comment: str) -> None:
    """Write ``values`` so that `read_config` gives them again; None is left out.

    ``comment`` becomes the first line. Paths are written from the root on.
    """
    lines = [f"# {comment}"]
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def check_same(path: Path, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise unless ``values`` are what the run's configuration at ``path`` says.

    Raises:
        OutputError: one is another; names key, both values, and what to do.
    """
    held = read_config(path, keys)
    for key, value in values.items():
        now, before = (_toml(v) if v is not None else "nothing" for v in (value, held.get(key)))
        if now != before:
            raise OutputError(
                f"{path.parent} holds a run with {key} = {before}, found {now}; leave that out to "
                "resume it, or begin another with another --run"
            )


def _value(value: Any, hint: Any, where: str, path: Path) -> Any:
    """One value as its field has it; a float may be written as an integer."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (hint,) = (arg for arg in args if arg is not type(None))
        return _value(value, hint, where, path)
    if origin is Literal:
        if value in args and isinstance(value, str):
            return value
    elif origin is tuple:
        endless = args[-1] is Ellipsis
        if isinstance(value, list) and (endless or len(value) == len(args)):
            hints = [args[0]] * len(value) if endless else args
            pairs = enumerate(zip(value, hints, strict=True))
            return tuple(_value(v, h, f"{where}[{n}]", path) for n, (v, h) in pairs)
    elif hint is Path and isinstance(value, str):
        return path.parent / Path(value).expanduser()
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif type(value) is hint:
        return value
    raise DataError(f"{where} is {_toml(value)}; expected {_expected(hint)}")


def _expected(hint: Any) -> str:
    """A type in words."""
    args = get_args(hint)
    if get_origin(hint) is Literal:
        return " or ".join(json.dumps(arg) for arg in args)
    if get_origin(hint) is tuple:
        count = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{count}, each {_expected(args[0])}"
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return words.get(hint, "text")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        value = str(value.resolve())
    if isinstance(value, str):  # JSON's escapes are TOML's, but for one that JSON does not need
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return repr(value)
