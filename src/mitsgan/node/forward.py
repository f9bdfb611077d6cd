"""A destination's deliveries, one after another: send, have committed, read back."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mitsgan.errors import MitsganError, counted
from mitsgan.node.audit.events import begins_sending, fetched, queried, sent
from mitsgan.node.audit.messages import Event, Thing
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.commitment import ask_commitment
from mitsgan.node.config import Destination, Listen, NodeConfig
from mitsgan.node.dicomweb import send_web, stored_at_web
from mitsgan.node.http.counters import Counters
from mitsgan.node.processing.tasks import Answer, CompareTask, Task
from mitsgan.node.read_back.get import fetch
from mitsgan.node.read_back.move import fetch_by_move
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.read_back.web import fetch_web
from mitsgan.node.send import Item, PeerError, RefusedError, items, send, stored_at
from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Delivery, Series
from mitsgan.node.store.spool import Spool, read_header

LOG = logging.getLogger("mitsgan.node")


_LOST = "the configuration has no such destination any more"


class _AnsweredError(Exception):
    """The result of an earlier question for storage commitment came while the peer was called."""


class Forwarder:
    """Sends to one destination.

    Attributes:
        config: may be exchanged between two deliveries.
    """

    def __init__(
        self,
        name: str,
        config: NodeConfig,
        spool: Spool,
        ledger: Ledger,
        counters: Counters,
        do: Callable[[Task], Answer],
        audit: AuditTrail,
        returns: Returns,
    ) -> None:
        """Prepare.

        Args:
            name: of the destination, in the configuration.
            config: the whole configuration.
            spool, ledger: where series are.
            counters: told of what was sent.
            do: does tasks, in a worker.
            audit: told of what is sent, asked and fetched.
            returns: told of what a C-MOVE will bring.
        """
        self.name, self.config = name, config
        self._spool, self._ledger, self._counters, self._do = spool, ledger, counters, do
        self._audit, self._returns = audit, returns
        self._deliveries = Deliveries(ledger)

    def next(self) -> bool:
        """Go on with the oldest delivery that is due; False where none is."""
        delivery = self._deliveries.due(self.name)
        if delivery is None:
            return False
        destination = self.config.destinations.get(self.name)
        series = self._ledger.find(delivery.series)
        if destination is None or series is None:
            self._die(delivery, _LOST)
            return True
        try:
            self._go_on(delivery, series, destination)
        except RefusedError as error:
            self._die(delivery, str(error))
        except (MitsganError, OSError) as error:  # a key that cannot be read now, too
            self._failed(delivery, str(error))
        except Exception:
            # A fault of ours, which is told elsewhere: those behind it must not wait for ever.
            self._failed(delivery, "an error ended it; see the log")
            raise
        return True

    def _go_on(self, delivery: Delivery, series: Series, destination: Destination) -> None:
        """The next step of a delivery."""
        match delivery.state:
            case "pending":
                self._send(delivery, series, destination)
            case "sent" if destination.commitment:
                self._ask(delivery, destination)
            case _ if destination.read_back and delivery.what == "protected":
                self._read_back(delivery, series, destination)
            case _:
                self._committed(delivery)

    def _files(self, delivery: Delivery) -> list[Item]:
        """What the destination is to have."""
        if delivery.what == "protected":
            return items(self._spool.protected(delivery.series))
        if delivery.what == "restored":
            return items(self._spool.restored(delivery.series))
        objects = self._ledger.objects(delivery.series)
        listed = items(self._spool.received(delivery.series))
        return [item for item in listed if item.sop_uid in objects]

    def _send(self, delivery: Delivery, series: Series, destination: Destination) -> None:
        self._deliveries.begin(delivery)
        files = self._files(delivery)
        title = self.config.listen.ae_title
        present = self._deliveries.sent(delivery)
        lacking = [item for item in files if item.sop_uid not in present]
        # What it refused to commit is sent again, whatever its index says.
        asks = destination.ask and not (destination.commitment and delivery.denied)
        if asks and lacking:
            there = self._there(series, delivery, lacking[0], destination)
            for item in lacking:
                if item.sop_uid in there:
                    self._deliveries.note_sent(delivery, item.sop_uid)
            lacking = [item for item in lacking if item.sop_uid not in there]

        def on_sent(item: Item) -> None:
            self._deliveries.note_sent(delivery, item.sop_uid)
            self._counters.sent.labels(self.name).inc()

        with self._audited(lacking, destination, begins_sending, sent):
            if lacking and destination.url:
                send_web(destination, lacking, on_sent)
                self._check_there(series, delivery, files, destination)
            elif lacking:
                send(title, destination, lacking, on_sent)
        if destination.commitment or destination.read_back:
            self._deliveries.advance(delivery, "sent")
        else:
            self._committed(delivery)

    def _check_there(
        self, series: Series, delivery: Delivery, files: list[Item], destination: Destination
    ) -> None:
        """Raise where a server answered that it stored what it then does not have."""
        if not destination.ask:
            return
        there = self._there(series, delivery, files[0], destination)
        lacking = [item.sop_uid for item in files if item.sop_uid not in there]
        if lacking:
            self._deliveries.denied(delivery, lacking)
            raise PeerError(
                f"it does not have {counted(len(lacking), 'object')} that it said it stored"
            )

    def _there(
        self, series: Series, delivery: Delivery, first: Item, destination: Destination
    ) -> set[str]:
        """What the destination has of the series that it is to get, as far as it says."""
        header = read_header(first.path)
        listen = self.config.listen
        uids = header.study_uid, header.series_uid
        try:
            if destination.url:
                there = stored_at_web(destination, *uids)
            else:
                there = stored_at(listen.ae_title, destination, *uids) or set()
        except MitsganError as error:
            self._audit.add(queried(listen, destination, *uids, str(error)))
            raise
        self._audit.add(queried(listen, destination, *uids))
        return there

    def _ask(self, delivery: Delivery, destination: Destination) -> None:
        """Ask for storage commitment; its result comes to the storage SCP, or is asked for anew."""
        if delivery.attempts >= self.config.retry.delivery_attempts:
            self._die(delivery, "storage commitment was asked for, and no result came")
            return

        def before(uid: str) -> None:
            # The result may come before the answer, so nothing is written after it is asked for.
            if not self._deliveries.asks(delivery, uid, destination.commitment_seconds):
                raise _AnsweredError

        title, files = self.config.listen.ae_title, self._files(delivery)
        try:
            transaction = ask_commitment(title, destination, files, before)
        except _AnsweredError:
            return
        LOG.info("series %d: asked %s for commitment %s", delivery.series, self.name, transaction)

    def _read_back(self, delivery: Delivery, series: Series, destination: Destination) -> None:
        """Fetch the series and compare it with its seal."""
        route = self.config.route(series.route)
        if route is None or not self._spool.seal(series.id).exists():
            raise RefusedError("there is no seal to compare what it returns with")
        files = self._files(delivery)
        place = self._spool.work / f"back-{delivery.series}-{self.name}"
        shutil.rmtree(place, ignore_errors=True)
        try:
            with self._audited(files, destination, None, fetched):
                self._fetch(destination, files, place)
            seal = self._spool.seal(delivery.series)
            task = CompareTask(source=place, seal=seal, settings=route.protecting)
            answer = self._do(Task(compare=task))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        if answer.error and answer.passing:
            raise PeerError(answer.error)
        if answer.error or answer.verdict != "intact":
            why = answer.error or f"the seal says {answer.verdict} {answer.text}".strip()
            self._die(delivery, f"what it returned is not what was sent: {why}")
            return
        self._ledger.verdict(delivery.series, "intact")
        self._committed(delivery)

    def _fetch(self, destination: Destination, files: list[Item], place: Path) -> None:
        title = self.config.listen.ae_title
        if destination.url:
            fetch_web(destination, files, place)
        elif destination.read_back_by == "C-MOVE":
            fetch_by_move(title, destination, files, place, self._returns)
        else:
            fetch(title, destination, files, place)

    @contextmanager
    def _audited(
        self,
        files: Sequence[Item],
        destination: Destination,
        before: Callable[[Listen, Destination, list[Thing]], Event] | None,
        after: Callable[[Listen, Destination, list[Thing], str], Event],
    ) -> Iterator[None]:
        """Tell the audit trail that files go, before and after they do."""
        if not files or self.config.audit is None:
            yield
            return
        listen = self.config.listen
        classes = Counter(item.class_uid for item in files)
        study = self._audit.study(read_header(files[0].path).study_uid, classes, files[0].path)
        if before is not None:
            self._audit.add(before(listen, destination, study))
        try:
            yield
        except (MitsganError, OSError) as error:
            self._audit.add(after(listen, destination, study, str(error)))
            raise
        self._audit.add(after(listen, destination, study, ""))

    def _failed(self, delivery: Delivery, reason: str) -> None:
        self._counters.failures.labels(self.name).inc()
        attempts = delivery.attempts + 1
        retry = self.config.retry
        if attempts >= retry.delivery_attempts:
            self._die(delivery, f"{reason} ({attempts} attempts)")
            return
        wait = retry.wait(attempts)
        self._deliveries.failed(delivery, reason, wait)
        LOG.warning("series %d to %s: %s; next in %g s", delivery.series, self.name, reason, wait)

    def _committed(self, delivery: Delivery) -> None:
        self._deliveries.advance(delivery, "committed")
        count = len(self._deliveries.sent(delivery))
        LOG.info("series %d to %s: committed, %d objects", delivery.series, self.name, count)

    def _die(self, delivery: Delivery, reason: str) -> None:
        self._deliveries.advance(delivery, "dead", reason=reason)
        LOG.error("series %d to %s: %s", delivery.series, self.name, reason)


def end_lost(ledger: Ledger, destinations: Collection[str]) -> None:
    """Make dead letters of what waits for destinations that the configuration no longer has.

    After a new start nobody sends to these, and their series would be on their way for ever.
    """
    deliveries = Deliveries(ledger)
    for name in set(deliveries.waiting()) - set(destinations):
        for delivery in deliveries.open(name):
            deliveries.advance(delivery, "dead", reason=_LOST)
            LOG.error("series %d to %s: %s", delivery.series, name, _LOST)
