"""The command ``mitsgan``: which subcommand, and what an error means for the exit code.

Exit codes: 0 done; 2 something is wrong with the input, the output or the options, told in one
message; 130 interrupted, 143 terminated, 129 its terminal closed, nothing left behind; 70 a bug,
with its traceback. `verify` alone answers with 0 intact, 1 tampered, 3 unknown.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import tyro
from tyro.conf import subcommand

from mitsgan import __version__
from mitsgan.cli.attacker import AttackerCommand
from mitsgan.cli.benchmark import Benchmark
from mitsgan.cli.candidates import Candidates
from mitsgan.cli.data import Data
from mitsgan.cli.demo import Demo
from mitsgan.cli.evaluate import Evaluate
from mitsgan.cli.evaluate_mark import EvaluateMark
from mitsgan.cli.extensions import describe
from mitsgan.cli.keygen import Keygen
from mitsgan.cli.memory import keep_freed_memory
from mitsgan.cli.options import as_options
from mitsgan.cli.protect import Protect
from mitsgan.cli.report import Report
from mitsgan.cli.seal import SealCommand
from mitsgan.cli.train import Train
from mitsgan.cli.train_config import from_file
from mitsgan.cli.verify import Verify
from mitsgan.errors import MitsganError

DESCRIPTION = """\
mitsgan protects CT scans against tampering by generative models: it adds a perturbation of a \
few HU that spoils what such a model paints. It also measures what that is worth.

examples:
  mitsgan protect SCAN OUT --report run.json
      protect the DICOM series in SCAN, write the protected one to OUT
  mitsgan demo demo
      see it work on a synthetic chest; then open demo/report.html

`mitsgan COMMAND --help` explains a command, `mitsgan --version` says which version this is.
"""

Command = (
    Annotated[Protect, subcommand("protect")]
    | Annotated[Verify, subcommand("verify")]
    | Annotated[Keygen, subcommand("keygen")]
    | Annotated[SealCommand, subcommand("seal")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[EvaluateMark, subcommand("evaluate-mark")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Benchmark, subcommand("benchmark")]
    | Annotated[Train, subcommand("train")]
    | Annotated[AttackerCommand, subcommand("attacker")]
    | Annotated[Data, subcommand("data")]
    | Annotated[Candidates, subcommand("candidates")]
    | Annotated[Demo, subcommand("demo")]
)


_BUG = 70

_OBJECTS = 100_000
"""New objects until Python looks for garbage cycles; by default 700 or 2000."""

_ENDINGS = tuple(s for s in signal.Signals if s.name in ("SIGTERM", "SIGHUP"))
"""Signals that must clean up as an interrupt does; Windows has no SIGHUP."""


class _Terminated(KeyboardInterrupt):
    """One of those signals, by its number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name, by default those of the process.

    Returns:
        The exit code; usage errors and ``--help`` leave by `SystemExit`, as argparse does.
    """
    if argv is None:  # the process is ours
        keep_freed_memory()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"mitsgan {__version__}\n")
        return 0
    if {"-h", "--help"} & set(arguments):
        describe({Protect: ("--protector", "--attackers"), Evaluate: ("--attackers",)})
    try:
        with _terminable(), _rarely_collected():
            command = from_file(arguments) or tyro.cli(
                Command,
                prog="mitsgan",
                description=DESCRIPTION,
                args=arguments or ["--help"],
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
            )
            code = int(command.run())
            sys.stdout.flush()
            return code
    except MitsganError as error:
        return _fail(as_options(str(error)))
    except _Terminated as ending:
        return _fail("terminated; no output was written", 128 + int(ending.args[0]))
    except KeyboardInterrupt:
        return _fail("interrupted; no output was written", 130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        return _fail("this machine's memory is full; close other programs, or use a larger machine")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except Exception:  # noqa: BLE001 - Python's own code for a bug, 1, would read as "tampered"
        traceback.print_exc()
        return _BUG


def _fail(message: str, code: int = 2) -> int:
    sys.stderr.write(f"error: {message}\n" if code == 2 else f"mitsgan: {message}\n")
    return code


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Let Python look for garbage cycles less often while a command runs.

    At the usual pace it walks through all that torch imports, again and again: a quarter of the
    time that protecting a scan takes, start included. Commands make few objects and hardly a cycle.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn these signals into an exception while a command runs, so that it can clean up.

    One that is ignored, as `nohup` has it, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated(number)

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
