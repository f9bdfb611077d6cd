"""Settings of trainings in TOML: read with every key and type checked, and kept by a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import fields
from glob import glob
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.train.settings import (
    TRAININGS,
    PaperTraining,
    TafimTraining,
    Training,
    TrainingFiles,
)
from mitsgan.typed import read_toml

T = TypeVar("T", bound=TrainingFiles)

NAME = "config.toml"
"""What a run's folder calls the settings that it was made with."""

_MANY = frozenset({"scans", "validate"})
"""What may be named by patterns, for it may be many."""

_HOW_CALLED = frozenset({"resume", "overwrite"})
"""How a training is started is no part of what it is."""

_AFTERWARDS = frozenset({"run", "output", "validate", "licence", "classifier", "held_out"})
"""What may change when a run is resumed, for it plays a part only once the training has ended."""

_MAY_GROW = frozenset({(PaperTraining, "epochs"), (TafimTraining, "steps")})
"""What may be more when a run is resumed: rates that never fall take a longer run the same way."""


def read_settings(path: Path, kind: type[T], **values: object) -> T:
    """Settings of a training from a TOML file.

    Args:
        path: the file; paths in it that are relative start at its folder.
        kind: which training.
        values: settings that win over the file's.

    Raises:
        SettingsError: no such file, no TOML, another key, a value of another type, one that is
            missing or makes no sense.
    """
    both = {**read_values(path, kind), **values}
    for field in fields(kind):
        if field.default is dataclasses.MISSING and field.name not in both:
            raise SettingsError(f"{path}: {field.name} is missing")
    return kind(**both)


def read_values(path: Path, kind: type[TrainingFiles]) -> dict[str, Any]:
    """What a TOML file says of a training, which may be a part of its settings; by name.

    Raises:
        SettingsError: see `read_settings`.
    """
    if not path.is_file():
        raise SettingsError(f"{path} does not exist, or is no file; name settings in TOML")
    _check_kind(path, _training(kind))
    values = read_toml(
        path, _partial(kind), resolve=lambda text: path.parent / Path(text).expanduser()
    )
    named = {field.name: getattr(values, field.name) for field in fields(values)}
    for name in _MANY.intersection(named):
        if named[name] is not None:
            named[name] = tuple(found for one in named[name] for found in _alike(one, path))
    return {name: value for name, value in named.items() if value is not None}


def _alike(entry: Path, file: Path) -> list[Path]:
    """A path as it is, or all that its pattern stands for, in the order of their names."""
    if entry.exists() or not any(sign in str(entry) for sign in "*?["):
        return [entry]
    names = glob(str(entry), recursive=True)  # noqa: PTH207 - Path.glob takes hidden files, too
    found = [Path(name) for name in sorted(names)]
    if not found:
        raise SettingsError(f"{file}: nothing lies at {entry}; name scans, or a pattern of some")
    return found


def keep(settings: Training) -> None:
    """Write settings into the folder of the run, whole paths and all."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    path = settings.folder / NAME
    lines = [_head(name_of(settings))]
    values = {key: getattr(settings, key) for key in _keys(type(settings))}
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def _head(name: str) -> str:
    """The first line of what a run keeps."""
    return f"# the configuration of `mitsgan train {name}`"


def is_kept(path: Path) -> bool:
    """Whether a file is what a run kept, of whichever training."""
    return path.is_file() and _first_line(path) in {_head(name).encode() for name in TRAININGS}


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline().strip()


def _check_kind(path: Path, kind: type[Training]) -> None:
    """Raise where a run kept the file that trains something else."""
    first = _first_line(path)
    for name, other in TRAININGS.items():
        if other is not kind and first == _head(name).encode():
            wanted = next(name for name, training in TRAININGS.items() if training is kind)
            raise SettingsError(
                f"{path} is the configuration of `mitsgan train {name}`, and this is "
                f"`mitsgan train {wanted}`; name another, or train with that command"
            )


def name_of(settings: Training) -> str:
    """What `mitsgan train` calls the training that settings are of."""
    return next(name for name, kind in TRAININGS.items() if isinstance(settings, kind))


def check_resumed(settings: Training) -> None:
    """Raise where a resumed run would take another course than it began with.

    Raises:
        OutputError: a setting contradicts the run's; names it, both values, and what to do.
    """
    path = settings.folder / NAME
    if not settings.resume or not path.exists():
        return
    kept = read_values(path, _training(type(settings)))
    for key in _keys(type(settings)):
        now, before = (
            "nothing" if value is None else _toml(value)
            for value in (getattr(settings, key), kept.get(key))
        )
        if (_training(type(settings)), key) in _MAY_GROW and kept[key] <= getattr(settings, key):
            continue
        if now != before and key not in _AFTERWARDS:
            raise OutputError(
                f"{settings.folder} holds a run with {key} = {before}, found {now}; leave that out "
                "to resume it, or begin another with another `run`"
            )


def _training(kind: type[TrainingFiles]) -> type[Training]:
    """The training that a class is, or extends, as commands do."""
    return next(training for training in TRAININGS.values() if issubclass(kind, training))


def _keys(kind: type[TrainingFiles]) -> list[str]:
    """What a file may say."""
    names = (field.name for field in fields(_training(kind)))
    return [name for name in names if name not in _HOW_CALLED]


def _partial(kind: type[TrainingFiles]) -> type[Any]:
    """A dataclass of the same settings, each of which may be missing."""
    hints: Mapping[str, Any] = get_type_hints(_training(kind))
    optional = [(key, hints[key] | None, dataclasses.field(default=None)) for key in _keys(kind)]
    return dataclasses.make_dataclass("Partial", optional, frozen=True)


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
