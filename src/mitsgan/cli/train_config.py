"""Training commands from a configuration file: its values stand where no option is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import tyro

from mitsgan.cli.train import COMMANDS, TrainingCommand
from mitsgan.cli.train_options import Training
from mitsgan.training.config_file import NAME, check_same, read_config, write_config

_ONLY_OPTIONS = ("config", "resume", "overwrite", "quiet")
"""How a command is called is no part of its configuration."""

_AFTERWARDS = ("run", "output", "validate", "licence", "classifier", "held_out")
"""What may change when a run is resumed, for it plays a part only once the training has ended."""


def from_file(arguments: Sequence[str]) -> TrainingCommand | None:
    """The training command that arguments name together with a configuration file.

    That is ``--config FILE``, or what the run keeps that ``--resume`` goes on with.

    Returns:
        None where there is no training command among the arguments, or no file.

    Raises:
        DataError: the file cannot be read, has an unknown key or a value of another type.
    """
    if len(arguments) < 2 or arguments[0] != "train" or arguments[1] not in COMMANDS:
        return None
    command, options = COMMANDS[arguments[1]], arguments[2:]
    path = _option(options, "config") or _kept(options)
    if path is None or {"-h", "--help"} & set(options):
        return None
    told = {_field(key): value for key, value in read_config(path, _keys(command)).items()}
    required = {f.name: tyro.MISSING for f in fields(command) if f.default is MISSING}
    return tyro.cli(
        command,
        prog=f"mitsgan train {arguments[1]}",
        args=options,
        default=command(**{**required, **told}),
        config=(tyro.conf.OmitArgPrefixes,),
    )


def check_resumed(command: Training, folder: Path) -> None:
    """Raise where a resumed run would take another course than it began with.

    Raises:
        OutputError: an option, or the file that ``--config`` names, contradicts the run's.
    """
    path = folder / NAME
    if command.resume and path.exists():
        values = _values(command).items()
        same = {key: value for key, value in values if key not in _AFTERWARDS}
        check_same(path, _keys(type(command)), same)


def keep(command: Training, folder: Path) -> None:
    """Write the configuration as it was resolved into the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    name = next(name for name, kind in COMMANDS.items() if isinstance(command, kind))
    comment = f"mitsgan train {name} --config {NAME}"
    write_config(folder / NAME, _values(command), comment)


def _kept(options: Sequence[str]) -> Path | None:
    """The configuration of the run that is to be resumed."""
    output = _option(options, "output")
    folder = _option(options, "run") or (output and output.with_suffix(".run"))
    path = folder / NAME if folder else None
    return path if path and path.is_file() and "--resume" in options else None


def _option(options: Sequence[str], name: str) -> Path | None:
    for option, following in zip(options, [*options[1:], ""], strict=True):
        if option == f"--{name}" and following:
            return Path(following)
        if option.startswith(f"--{name}="):
            return Path(option.split("=", 1)[1])
    return None


def _keys(command: type[Training]) -> Mapping[str, Any]:
    """What a file may have, and the types."""
    hints = get_type_hints(command)
    names = (field.name for field in fields(command) if field.name not in _ONLY_OPTIONS)
    return {_key(name): hints[name] for name in names}


def _values(command: Training) -> Mapping[str, Any]:
    return {key: getattr(command, _field(key)) for key in _keys(type(command))}


def _key(field: str) -> str:
    return "run" if field == "run_folder" else field  # `run` is what a command does


def _field(key: str) -> str:
    return "run_folder" if key == "run" else key
