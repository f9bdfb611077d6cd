"""What all commands have in common: a console, and results as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from mitsgan.terminal.console import Console

if TYPE_CHECKING:
    from mitsgan.result import Result

NOTHING_LEFT = "no output was written"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the command line."""

    quiet: Annotated[bool, arg(aliases=["-q"], help_behavior_hint="")] = False
    """No progress and no summary; errors are still told."""
    verbose: Annotated[bool, arg(aliases=["-v"], help_behavior_hint="")] = False
    """Tell every step on a line of its own, in place of a bar."""

    def start(self) -> int:
        """Do it; the exit code."""
        with Console(quiet=self.quiet, verbose=self.verbose) as console:
            return self.work(console)

    def work(self, console: Console) -> int:
        """Do it, with progress and results on the console; the exit code."""
        raise NotImplementedError

    def left_behind(self) -> str:
        """What is there of its outputs once it was interrupted, for people."""
        return NOTHING_LEFT


@dataclass(frozen=True, kw_only=True)
class Reporting(Command):
    """A command whose result can be written as JSON."""

    output: Path | None = None
    """Write the whole result as JSON, for machines."""

    def open_output(self, **outputs: Path | None) -> Callable[[Result], None]:
        """Check before the work that its result can be written; what then writes it, if asked for.

        Args:
            **outputs: what the report must not replace, see `mitsgan.jobs.outputs.check_file`.
        """
        from mitsgan.jobs.outputs import check_file, write_result

        overwrite = bool(getattr(self, "overwrite", False))
        path = self.output
        if path is None:
            return lambda _: None
        check_file(path, overwrite, "output", **outputs)
        return lambda result: write_result(path, result, overwrite=overwrite)
