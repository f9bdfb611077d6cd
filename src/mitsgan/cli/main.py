"""The command ``mitsgan``: which subcommand, and what an error means for the exit code.

Exit codes: 0 done; 2 something is wrong with the input, the output or the options, told in one
message; 130 interrupted, 143 terminated, 129 its terminal closed, nothing left behind; 70 a bug,
with its traceback. `verify` alone answers with 0 intact, 4 processed, 1 tampered,
3 unknown.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext

import tyro

from mitsgan import __version__
from mitsgan.cli.commands import COMMANDS
from mitsgan.cli.old_names import with_new_names
from mitsgan.errors import ConfigurationError, MitsganError, plain
from mitsgan.terminal.choice import Group, check_names, lists, named, offered
from mitsgan.terminal.command import NOTHING_LEFT, Command
from mitsgan.terminal.extensions import describe
from mitsgan.terminal.help_content import DESCRIPTION
from mitsgan.terminal.help_text import grouped
from mitsgan.terminal.known_options import check_options
from mitsgan.terminal.options import as_options
from mitsgan.terminal.process import (
    Terminated,
    escape_what_cannot_be_shown,
    hold_closed_streams,
    keep_freed_memory,
    leave_at_once,
    rarely_collected,
    terminable,
)
from mitsgan.terminal.shown import join_lines

_BUG = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name, by default those of the process.

    Returns:
        The exit code; usage errors and ``--help`` leave by `SystemExit`, as argparse does.
    """
    if argv is None:  # the process is ours
        keep_freed_memory()
        leave_at_once()
        hold_closed_streams()
        escape_what_cannot_be_shown()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"mitsgan {__version__}\n")
        return 0
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if any("\0" in argument for argument in arguments):  # no shell can, but Python
        return _say("an argument holds a null byte, which no name has; leave it out", 2)
    command = None
    try:
        with terminable(), rarely_collected():
            command = _command(arguments)
            code = command.start()
            sys.stdout.flush()
            return code
    except (MitsganError, KeyboardInterrupt, MemoryError, OSError) as error:
        return _fail(error, command)
    except Exception:  # noqa: BLE001 - Python's own code for a bug, 1, would read as "tampered"
        traceback.print_exc()
        return _BUG


def _command(arguments: Sequence[str]) -> Command:
    """The command that arguments name, or a configuration file that they name.

    Only that one is loaded; all of them, where arguments ask which there are.
    """
    check_names(COMMANDS, arguments)
    kind, words = named(COMMANDS, arguments) or (None, 0)
    if kind is None:
        kind = offered(COMMANDS, brief=lists(COMMANDS, arguments))
    asks = not arguments or bool({"-h", "--help"} & set(arguments))
    if asks:
        join_lines()
        if arguments[:1] in (["protect"], ["evaluate"]):
            describe(kind)
    name, options = " ".join(arguments[:words]), arguments[words:]
    if words:
        options = with_new_names(name, options)
        check_options(kind, name, options)
    if words == 2 and arguments[0] == "train":
        from mitsgan.cli.train.config import from_file

        configured = from_file(arguments)
        if configured is not None:
            return configured
    with grouped(arguments) if asks else nullcontext():
        chosen: Command | Group = tyro.cli(
            kind,
            prog=f"mitsgan {name}".rstrip(),
            description=None if words else DESCRIPTION,
            args=options or ([] if words else ["--help"]),
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
        )
    return chosen.command if isinstance(chosen, Group) else chosen


def _fail(error: BaseException, command: Command | None) -> int:
    """Tell what went wrong, or what is there of what was stopped, and give the exit code."""
    if isinstance(error, KeyboardInterrupt):
        left = NOTHING_LEFT if command is None else command.left_behind()
        if isinstance(error, Terminated):
            return _say(f"terminated; {left}", 128 + int(error.args[0]))
        return _say(f"interrupted; {left}", 130)
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone; Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if isinstance(error, MemoryError):
        return _say("this machine's memory is full; close other programs, or use a larger machine")
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}")
    if isinstance(error, ConfigurationError):
        return _say(str(error))
    return _say(as_options(str(error)))


def _say(message: str, code: int = 2) -> int:
    told = plain(message, keep="\n\t")
    sys.stderr.write(f"error: {told}\n" if code == 2 else f"mitsgan: {told}\n")
    return code
