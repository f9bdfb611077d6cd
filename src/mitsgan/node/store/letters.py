"""The series of a node, looked after from outside, node running or not: dead letters above all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mitsgan.atomic import atomic_output
from mitsgan.errors import DataError, OutputError, SettingsError, counted
from mitsgan.node.config import NodeConfig, read_config
from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Series, State
from mitsgan.node.store.spool import Spool


@dataclass(frozen=True)
class Letters:
    """All series that a node's ledger knows."""

    config: NodeConfig
    spool: Spool
    ledger: Ledger
    deliveries: Deliveries

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Letters]:
        """Those of the node that runs with a configuration file.

        Raises:
            MitsganError: the file cannot be read, or makes no sense.
            DataError: the node never ran.
        """
        config = read_config(path)
        spool = Spool(config.spool)
        if not spool.ledger.is_file():
            raise DataError(f"{spool.root} has no ledger yet; `mitsgan node run` begins one")
        ledger = Ledger(spool.ledger)
        try:
            yield cls(config, spool, ledger, Deliveries(ledger))
        finally:
            ledger.close()

    def listed(self, state: State | None = None) -> Iterator[str]:
        """A line for each series, or each in one state; how many are in each state comes last."""
        for series in self.ledger.in_states(*([state] if state else [])):
            yield self._line(series)
        counts = sorted(self.ledger.counts().items())
        yield ", ".join(f"{n} {name}" for name, n in counts) or "no series"

    def described(self, number: int) -> Iterator[str]:
        """All that is known of a series, and of each of its deliveries; raises as `find`."""
        series = self.find(number)
        yield self._line(series)
        yield f"study {series.study_uid}"
        yield f"received from {_when(series.created)} to {_when(series.last_object)}"
        for name, value in (("note", series.note), ("mark or seal", series.verdict)):
            if value:
                yield f"{name}: {value}"
        for delivery in self.deliveries.of(series.id):
            reason = f"; {delivery.reason}" if delivery.reason else ""
            sent = f"{counted(len(self.deliveries.sent(delivery)), 'object')}, as {delivery.what}"
            yield f"to {delivery.destination}: {delivery.state}, {sent}{reason}"
        yield f"files {series.files}: {self.spool.folder(series.id)}"

    def find(self, number: int) -> Series:
        """A series by its number; raises `SettingsError` where there is none."""
        series = self.ledger.find(number)
        if series is None:
            raise SettingsError(f"the ledger has no series {number}; see `mitsgan node queue`")
        return series

    def retry(self, number: int) -> None:
        """Take a dead letter up again.

        Raises:
            SettingsError: there is no such series, it is none, or its files are gone.
        """
        series = self.find(number)
        if not self.deliveries.retry(series.id):
            raise SettingsError(
                f"series {series.id} is {series.state}, no dead letter whose files are kept"
            )

    def retry_all(self) -> int:
        """Take every dead letter up again whose files are kept; how many these are."""
        listed = self.ledger.in_states("dead", "sending")
        return sum(self.deliveries.retry(series.id) for series in listed)

    def export(self, number: int, out: Path) -> None:
        """Copy the files of a series to a new folder, which the audit trail tells.

        Raises:
            SettingsError: there is no such series, or its files are gone.
            OutputError: the folder exists, or cannot be written.
        """
        from mitsgan.node.audit.events import exported  # needs pynetdicom
        from mitsgan.node.audit.trail import AuditTrail

        series = self.find(number)
        if series.files != "kept":
            raise SettingsError(f"the files of series {series.id} are {series.files}")
        if out.exists():
            raise OutputError(f"{out} exists; name a folder that does not exist yet")
        with atomic_output(out, folder=True) as place:
            shutil.copytree(self.spool.folder(series.id), place, dirs_exist_ok=True)
        trail = AuditTrail(self.config, self.spool, self.ledger)
        trail.add(exported(self.config.listen, out, trail.received(series)))

    def discard(self, number: int) -> None:
        """Delete the files of a dead letter, which the audit trail tells.

        Raises:
            SettingsError: there is no such series, or it is none.
        """
        from mitsgan.node.audit.events import discarded  # needs pynetdicom
        from mitsgan.node.audit.trail import AuditTrail

        series = self.find(number)
        trail = AuditTrail(self.config, self.spool, self.ledger)
        event = discarded(self.config.listen, series.series_uid, trail.received(series))
        if not self.deliveries.discard(series.id):
            raise SettingsError(f"series {series.id} is {series.state}, no dead letter")
        self.spool.remove(series.id)
        trail.add(event)

    def _line(self, series: Series) -> str:
        reason = f"  {series.reason}" if series.reason else ""
        return (
            f"{series.id:>6}  {series.state:<9}  {self.ledger.count(series.id):>5} objects  "
            f"{series.calling}  {series.route or '-'}  {series.series_uid}{reason}"
        )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
