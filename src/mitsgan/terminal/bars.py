"""Bars on a terminal, one for each phase of a command."""

from __future__ import annotations

from rich.console import Console as Terminal
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.progress import TimeRemainingColumn as Remaining


class Bars:
    """Bars of phases on stderr, one beneath the other; those of earlier phases stay."""

    def __init__(self) -> None:
        self._live: Progress | None = None
        self._task = TaskID(0)

    def show(self, phase: str, done: int, total: int, note: str, *, begins: bool) -> None:
        """Show how far a phase is; one that ``begins`` gets a bar of its own."""
        if self._live is None:
            self._live = _bars()
            self._live.start()
            begins = True
        if begins:
            self._task = self._live.add_task(phase, total=None, note="")
        self._live.update(self._task, completed=done, total=total or None, note=note)

    def close(self) -> None:
        """Leave the bars as they are, for what is printed next."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        Elapsed(),
        Remaining(),
        TextColumn("left"),
        TextColumn("{task.fields[note]}", markup=False),
        console=Terminal(stderr=True),
    )
