"""From a complete series to what its destinations get: protect, verify, restore or pass."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mitsgan.errors import counted
from mitsgan.node.audit.events import restored
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import NodeConfig, Route
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer, ProtectTask, RestoreTask, Task, VerifyTask
from mitsgan.node.store.deliveries import HELD, Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Series
from mitsgan.node.store.originals import keep
from mitsgan.node.store.spool import Spool, link_files, sync_file, sync_files, sync_folder

LOG = logging.getLogger("mitsgan.node")


class Work:
    """Decides what becomes of series, one at a time.

    Attributes:
        config: may be exchanged between two series.
    """

    def __init__(
        self,
        config: NodeConfig,
        spool: Spool,
        ledger: Ledger,
        counters: Counters,
        do: Callable[[Task], Answer],
        audit: AuditTrail,
    ) -> None:
        """Prepare.

        Args:
            config: the whole configuration.
            spool, ledger: where series are.
            counters: told of outcomes.
            do: does the tasks, in a worker.
            audit: told of every original that was given back, or was not.
        """
        self.config = config
        self._spool, self._ledger, self._counters, self._do = spool, ledger, counters, do
        self._audit = audit
        self._deliveries = Deliveries(ledger)
        self._stopping: Callable[[], bool] = lambda: False

    def complete(self) -> None:
        """Find series of which nothing more is expected."""
        now = time.time()
        waiting = self._ledger.in_states("received")
        latest: dict[tuple[str, str], float] = {}
        count = {series.id: self._ledger.count(series.id) for series in waiting}
        came: Counter[tuple[str, str]] = Counter()
        for series in waiting:
            study = series.study_uid, series.route
            latest[study] = max(latest.get(study, 0.0), series.last_object)
            came[series.series_uid, series.route] += count[series.id]
        for series in waiting:
            route = self.config.route(series.route)
            quiet = 0.0 if route is None else route.quiet_seconds
            last = series.last_object
            if route is not None and route.quiet == "study":
                last = latest[series.study_uid, series.route]
            # What lies beside its slices counts, too.
            so_far = came[series.series_uid, series.route]
            whole = series.expected is not None and so_far >= series.expected
            if count[series.id] and (whole or now - last >= quiet):
                self._ledger.complete(series.id, series.last_object)
            elif not count[series.id] and now - last >= max(quiet, 60):
                # Its first object never reached the disk, and its sender was told so.
                self._ledger.forget(series.id)

    def next(self, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Work on the oldest series that waits; False where none does.

        Args:
            stopping: whether the node ends: then what a worker did not do is no failed attempt.
        """
        self._stopping = stopping
        for series in self._ledger.in_states("working"):
            # Nobody else works, so a fault ended the work on it, which the log tells: of a ledger
            # that could not be written, even.
            again = Answer(error="an error ended the work on it; see the log", passing=True)
            if self._give_up(series, again):
                self._end(series, again.error)
        now = time.time()
        for series in self._ledger.in_states("complete"):
            if series.not_before > now:
                continue
            if self._ledger.move(series.id, "working", of=["complete"]):
                try:
                    self._work(series)
                except OSError as error:  # the disk is full, or a folder cannot be written
                    if self._give_up(series, Answer(error=str(error), passing=True)):
                        self._end(series, str(error))
                return True
        return False

    def _work(self, series: Series) -> None:
        route = self.config.route(series.route)
        if route is None:
            self._end(series, f"the configuration has no route {series.route} any more")
            return
        if route.action == "pass" or series.beside:
            note = "no slices of a CT scan: forwarded as they are" if series.beside else ""
            self._pass(series, route, note)
        elif route.action == "verify":
            self._verify(series, route)
        elif route.action == "restore":
            self._restore(series, route)
        else:
            self._protect(series, route)

    def _pass(self, series: Series, route: Route, note: str = "") -> None:
        plans = {name: Plan("received") for name in route.destinations}
        self._counters.series.labels("passed").inc()
        self._deliveries.plan(series.id, plans, "sending", note)

    def _verify(self, series: Series, route: Route) -> None:
        assert route.verify is not None
        with self._place(series) as place:
            source = self._gather(series, place)
            task = VerifyTask(source=source, settings=route.verify)
            answer = self._asked(Task(verify=task), source)
        if answer.error and not self._give_up(series, answer):
            return
        verdict = answer.verdict or "unknown"
        self._ledger.verdict(series.id, verdict)
        self._counters.series.labels(f"verified_{verdict}").inc()
        reason = answer.error or f"the mark says {verdict} {answer.text}".strip()
        self._divide(series, route, None if verdict == "intact" else reason)

    def _protect(self, series: Series, route: Route) -> None:
        with self._place(series) as place:
            out = place / "protected"
            source = self._gather(series, place)
            task = ProtectTask(source=source, out=out, settings=route.protecting)
            answer = self._asked(Task(protect=task), source)
            if not answer.error:
                if route.protecting.restorable:
                    keep(self._originals, out)
                self._move(out, self._spool.protected(series.id), self._spool.seal(series.id))
        if answer.error:
            if self._give_up(series, answer):
                self._counters.series.labels("not_protected").inc()
                self._divide(series, route, f"cannot be protected: {answer.error}")
            return
        self._counters.series.labels("protected").inc()
        plans = {name: Plan("protected") for name in route.destinations}
        gone = self._gone(series)
        if gone:
            LOG.warning("series %d: %s", series.id, gone)
        note = "; ".join(filter(None, (answer.text, gone, *answer.notes)))
        self._deliveries.plan(series.id, plans, "protected", note)
        LOG.info("series %d: protected: %s", series.id, answer.text)

    def _restore(self, series: Series, route: Route) -> None:
        assert route.restore is not None
        with self._place(series) as place:
            out = place / "restored"
            source = self._gather(series, place)
            task = RestoreTask(
                source=source, out=out, originals=self._originals, settings=route.restore
            )
            answer = self._asked(Task(restore=task), source)
            if not answer.error:
                self._move(out, self._spool.restored(series.id))
        if answer.error:
            if self._give_up(series, answer):
                self._tell(series, answer)
                self._counters.series.labels("not_restored").inc()
                self._divide(series, route, f"cannot be restored: {answer.error}")
            return
        self._tell(series, answer)  # before anybody gets it
        self._counters.series.labels("restored").inc()
        plans = {name: Plan("restored") for name in route.destinations}
        self._deliveries.plan(series.id, plans, "sending", answer.text)

    def _asked(self, task: Task, source: Path) -> Answer:
        """A worker's answer; it names files as they lie in the folder of the series.

        The folder that it worked in is gone by the time that somebody reads of it.
        """
        answer = self._do(task)
        return replace(answer, error=answer.error.replace(str(source), source.name))

    def _tell(self, series: Series, answer: Answer) -> None:
        """Tell the audit trail that an original was given back, or why it was not."""
        who, study = (series.calling, series.address), self._audit.received(series)
        event = restored(self.config.listen, *who, study, series.series_uid, answer)
        self._audit.add(event, durable=True)

    @property
    def _originals(self) -> Path:
        return self.config.originals or self._spool.originals

    def _move(self, out: Path, target: Path, seal: Path | None = None) -> None:
        """Move what the worker made to its place, on the disk, in place of an earlier one."""
        sync_files(out.iterdir())
        sync_folder(out)
        shutil.rmtree(target, ignore_errors=True)
        if seal is not None:
            seal.unlink(missing_ok=True)
            sealed = out.with_name(f"{out.name}.seal.json")
            if sealed.exists():
                sync_file(sealed)
                sealed.rename(seal)
        out.rename(target)
        sync_folder(target.parent)

    def _divide(self, series: Series, route: Route, trouble: str | None) -> None:
        """Pass a series on to those who may have it, and hold it back from the others."""
        plans = {}
        for name in route.destinations:
            passes = self.config.destinations[name].on_failure == "pass"
            opened = trouble is None or (passes and route.action != "restore")
            plans[name] = Plan("received", "" if opened else f"{HELD}{trouble}")
        note = "" if trouble is None else f"the original: {trouble}"
        self._deliveries.plan(series.id, plans, "sending", note)
        if trouble is not None:
            LOG.error("series %d: %s", series.id, trouble)

    def _give_up(self, series: Series, answer: Answer) -> bool:
        """Whether an error is final; otherwise the series is tried again later."""
        if not answer.passing:
            return True
        if self._stopping():
            self._ledger.move(series.id, "complete", of=["working"])
            return False
        retry = self.config.retry
        attempts = series.attempts + 1
        if attempts >= retry.attempts:
            return True
        self._ledger.postpone(series.id, retry.wait(attempts), answer.error)
        LOG.warning("series %d: attempt %d: %s", series.id, attempts, answer.error)
        return False

    def _end(self, series: Series, reason: str) -> None:
        self._ledger.move(series.id, "dead", of=["working"], reason=reason)
        self._counters.series.labels("dead").inc()
        LOG.error("series %d: %s", series.id, reason)

    @contextmanager
    def _place(self, series: Series) -> Iterator[Path]:
        """A new folder to work on a series in, which goes in the end, whatever that is.

        Each attempt on a full disk would leave another copy of the series on it.
        """
        place = self._spool.work / f"{series.id}-{os.urandom(4).hex()}"
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _gather(self, series: Series, place: Path) -> Path:
        """Exactly the objects that the ledger knows, those of series that this one follows, too."""
        folder = place / "received"
        link_files([file for file in self._files(series) if file.exists()], folder)
        return folder

    def _gone(self, series: Series) -> str:
        """What of a series came so long ago that its files are no longer kept; nothing is ""."""
        files = list(self._files(series))
        lost = len({file.name for file in files} - {file.name for file in files if file.exists()})
        if not lost:
            return ""
        which = f"{counted(lost, 'object')} of this series that came earlier"
        return f"without {which} and {'is' if lost == 1 else 'are'} no longer kept"

    def _files(self, series: Series) -> Iterator[Path]:
        """Where the objects of a series lay when they came, and of those that it follows."""
        current: Series | None = series
        while current is not None:
            folder = self._spool.received(current.id)
            yield from (folder / f"{uid}.dcm" for uid in self._ledger.objects(current.id))
            current = None if current.follows is None else self._ledger.find(current.follows)
