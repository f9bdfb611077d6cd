"""`mitsgan node queue`, `show`, `retry`, `export`: look after series, node running or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from mitsgan.cli.command import Command, shown
from mitsgan.cli.terminal.console import Console
from mitsgan.errors import DataError, SettingsError

if TYPE_CHECKING:
    from mitsgan.node.store.deliveries import Deliveries
    from mitsgan.node.store.ledger import Ledger
    from mitsgan.node.store.ledger_schema import Series
    from mitsgan.node.store.spool import Spool


@dataclass(frozen=True, kw_only=True)
@shown("config")
class OfNode(Command):
    """A command about the series of a node."""

    config: Path
    """The configuration that the node runs with."""

    @contextmanager
    def opened(self) -> Iterator[tuple[Spool, Ledger, Deliveries]]:
        """The node's spool and ledger."""
        from mitsgan.node.config import read_config
        from mitsgan.node.store.deliveries import Deliveries
        from mitsgan.node.store.ledger import Ledger
        from mitsgan.node.store.spool import Spool

        spool = Spool(read_config(self.config).spool)
        if not spool.ledger.is_file():
            raise DataError(f"{spool.root} has no ledger yet; `mitsgan node run` begins one")
        ledger = Ledger(spool.ledger)
        try:
            yield spool, ledger, Deliveries(ledger)
        finally:
            ledger.close()


@dataclass(frozen=True, kw_only=True)
class NodeQueue(OfNode):
    """List series: number, state, objects, sender, route, series UID, reason."""

    state: Literal[
        "", "received", "complete", "working", "protected", "sending", "committed", "dead",
        "refused",
    ] = ""  # fmt: skip
    """Only those in one state; dead letters are `dead`."""

    def work(self, console: Console) -> int:
        """List; the exit code."""
        with self.opened() as (_, ledger, _deliveries):
            for series in ledger.in_states(*([self.state] if self.state else [])):
                console.say(_line(series, ledger.count(series.id)))
            counts = ledger.counts()
        console.say(", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "no series")
        return 0


@dataclass(frozen=True, kw_only=True)
class OfSeries(OfNode):
    """A command about one series."""

    number: Annotated[Positional[int], arg(metavar="NUMBER")]
    """Of the series, as `mitsgan node queue` lists it."""

    def look_up(self, ledger: Ledger) -> Series:
        """The series.

        Raises:
            SettingsError: there is none of that number.
        """
        series = ledger.find(self.number)
        if series is None:
            raise SettingsError(f"the ledger has no series {self.number}; see `mitsgan node queue`")
        return series


@dataclass(frozen=True, kw_only=True)
class NodeShow(OfSeries):
    """Show all that is known of a series, and of each of its deliveries."""

    def work(self, console: Console) -> int:
        """Show; the exit code."""
        with self.opened() as (spool, ledger, deliveries):
            series = self.look_up(ledger)
            console.say(_line(series, ledger.count(series.id)))
            console.say(f"study {series.study_uid}")
            console.say(f"received from {_when(series.created)} to {_when(series.last_object)}")
            for name, value in (("note", series.note), ("mark or seal", series.verdict)):
                if value:
                    console.say(f"{name}: {value}")
            for delivery in deliveries.of(series.id):
                console.say(
                    f"to {delivery.destination}: {delivery.state}, "
                    f"{len(deliveries.sent(delivery))} objects, as {delivery.what}"
                    + (f"; {delivery.reason}" if delivery.reason else "")
                )
            console.say(f"files {series.files}: {spool.folder(series.id)}")
        return 0


@dataclass(frozen=True, kw_only=True)
class NodeRetry(OfSeries):
    """Take a dead letter up again: protect it anew, or send it to those who lack it."""

    def work(self, console: Console) -> int:
        """Take up; the exit code."""
        with self.opened() as (_, ledger, deliveries):
            series = self.look_up(ledger)
            if not deliveries.retry(series.id):
                raise SettingsError(
                    f"series {series.id} is {series.state}, no dead letter whose files are kept"
                )
        console.say(f"series {self.number} is taken up again")
        return 0


@dataclass(frozen=True, kw_only=True)
class NodeExport(OfSeries):
    """Copy the files of a series to a new folder: as received, and as protected if it was."""

    out: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """A folder that does not exist yet."""

    def work(self, console: Console) -> int:
        """Copy; the exit code."""
        import shutil

        from mitsgan.atomic import atomic_output
        from mitsgan.node.audit.events import exported
        from mitsgan.node.audit.trail import AuditTrail
        from mitsgan.node.config import read_config

        with self.opened() as (spool, ledger, _deliveries):
            series = self.look_up(ledger)
            if series.files != "kept":
                raise SettingsError(f"the files of series {series.id} are {series.files}")
            with atomic_output(self.out, folder=True) as place:
                shutil.copytree(spool.folder(series.id), place, dirs_exist_ok=True)
            trail = AuditTrail(read_config(self.config), spool, ledger)
            files = [spool.received(series.id) / f"{uid}.dcm" for uid in ledger.objects(series.id)]
            classes = Counter(ledger.objects(series.id).values())
            study = trail.study(series.study_uid, classes, files[0] if files else None)
            trail.add(exported(trail.config.listen, self.out, study))
        console.say(f"{self.out}: series {series.id}")
        return 0


def _line(series: Series, objects: int) -> str:
    reason = f"  {series.reason}" if series.reason else ""
    return (
        f"{series.id:>6}  {series.state:<9}  {objects:>5} objects  {series.calling}  "
        f"{series.route or '-'}  {series.series_uid}{reason}"
    )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
