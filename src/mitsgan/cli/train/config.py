"""Training commands from a configuration file: its values stand where no option is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import zip_longest
from pathlib import Path

import tyro

from mitsgan.cli.train.train import TRAININGS, TrainingCommand
from mitsgan.jobs.train.config_file import NAME, read_values

_SHORT = {"output": "-o"}


def from_file(arguments: Sequence[str]) -> TrainingCommand | None:
    """The training command that arguments name together with a configuration file.

    That is ``--config FILE``, or what the run keeps that ``--resume`` goes on with.

    Returns:
        None where there is no training command among the arguments, or no file.

    Raises:
        SettingsError: the file cannot be read, has an unknown key or a value of another type.
    """
    if len(arguments) < 2 or arguments[0] != "train" or arguments[1] not in TRAININGS:
        return None
    command, options = TRAININGS[arguments[1]], arguments[2:]
    path = _option(options, "config") or _kept(options)
    if path is None or {"-h", "--help"} & set(options):
        return None
    training: TrainingCommand = tyro.cli(
        command,
        prog=f"mitsgan train {arguments[1]}",
        args=options,
        default=_defaults(command, read_values(path, command)),
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return training


def _defaults(command: type[TrainingCommand], values: Mapping[str, object]) -> TrainingCommand:
    """A command with the values of a file, some still missing: it checks nothing yet."""
    default = object.__new__(command)
    for field in fields(command):
        missing = tyro.MISSING if field.default is MISSING else field.default
        object.__setattr__(default, field.name, values.get(field.name, missing))
    return default


def _kept(options: Sequence[str]) -> Path | None:
    """The configuration of the run that is to be resumed."""
    output = _option(options, "output")
    beside = output.with_suffix(".run") if output and output.name else None
    folder = _option(options, "run") or beside
    path = folder / NAME if folder else None
    return path if path and path.is_file() and "--resume" in options else None


def _option(options: Sequence[str], name: str) -> Path | None:
    for option, following in zip_longest(options, options[1:], fillvalue=""):
        if option in (f"--{name}", _SHORT.get(name)) and following:
            return Path(following)
        if option.startswith(f"--{name}="):
            return Path(option.split("=", 1)[1])
    return None
