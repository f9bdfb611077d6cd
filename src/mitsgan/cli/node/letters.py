"""`mitsgan node queue`, `show`, `retry`, `export`, `discard`: look after series from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from mitsgan.node.store.ledger_schema import State
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("config")
class OfNode(Command):
    """A command about the series of a node."""

    config: Path
    """The configuration that the node runs with."""


@dataclass(frozen=True, kw_only=True)
@shown("config")
class NodeQueue(OfNode):
    """List series: number, state, objects, sender, route, series UID, reason."""

    state: State | None = None
    """Only those in one state; dead letters are `dead`."""

    def work(self, console: Console) -> int:
        """List; the exit code."""
        from mitsgan.node.store.letters import Letters

        with Letters.opened(self.config) as letters:
            for line in letters.listed(self.state):
                console.say(line)
        return 0


@dataclass(frozen=True, kw_only=True)
class OfSeries(OfNode):
    """A command about one series."""

    number: Annotated[Positional[int], arg(metavar="NUMBER")]
    """Of the series, as `mitsgan node queue` lists it."""


@dataclass(frozen=True, kw_only=True)
class NodeShow(OfSeries):
    """Show all that is known of a series, and of each of its deliveries."""

    def work(self, console: Console) -> int:
        """Show; the exit code."""
        from mitsgan.node.store.letters import Letters

        with Letters.opened(self.config) as letters:
            for line in letters.described(self.number):
                console.say(line)
        return 0


@dataclass(frozen=True, kw_only=True)
class NodeRetry(OfNode):
    """Take a dead letter up again: protect it anew, or send it to those who lack it."""

    number: Annotated[Positional[int | None], arg(metavar="[NUMBER]", help_behavior_hint="")] = None
    """Of the series, as `mitsgan node queue` lists it."""
    all: Annotated[bool, arg(help_behavior_hint="")] = False
    """Every dead letter, for instance once a destination is back that was away for long."""

    def work(self, console: Console) -> int:
        """Take up; the exit code."""
        from mitsgan.errors import SettingsError, counted
        from mitsgan.node.store.letters import Letters

        if self.all == (self.number is not None):
            raise SettingsError("give the number of a dead letter, or `all`")
        with Letters.opened(self.config) as letters:
            if self.number is None:
                console.say(f"{counted(letters.retry_all(), 'dead letter')} taken up again")
                return 0
            letters.retry(self.number)
        console.say(f"series {self.number} is taken up again")
        return 0


@dataclass(frozen=True, kw_only=True)
class NodeExport(OfSeries):
    """Copy the files of a series to a new folder: as received, and as protected if it was."""

    out: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """A folder that does not exist yet."""

    def work(self, console: Console) -> int:
        """Copy; the exit code."""
        from mitsgan.node.store.letters import Letters

        with Letters.opened(self.config) as letters:
            letters.export(self.number, self.out)
        console.say(f"{self.out}: series {self.number}")
        return 0


@dataclass(frozen=True, kw_only=True)
class NodeDiscard(OfSeries):
    """Throw a dead letter away that nobody is to get: its files are deleted, its row stays.

    Whoever sent it was told that it arrived, so export it first if nobody else has it.
    """

    yes: Annotated[bool, arg(help_behavior_hint="")] = False
    """Do delete; without it nothing is."""

    def work(self, console: Console) -> int:
        """Delete; the exit code."""
        from mitsgan.errors import SettingsError
        from mitsgan.node.store.letters import Letters

        with Letters.opened(self.config) as letters:
            if not self.yes:
                for line in letters.described(self.number):
                    console.say(line)
                raise SettingsError(
                    f"series {self.number} may be nowhere else; `mitsgan node export` copies it, "
                    "and `yes` deletes it"
                )
            letters.discard(self.number)
        console.say(f"series {self.number} is discarded")
        return 0
