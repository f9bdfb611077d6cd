"""The node: its threads, from start to end."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pydicom.dataset import Dataset
from pynetdicom import _config as pynetdicom_config

from mitsgan.errors import ConfigurationError
from mitsgan.node.audit.events import activity, login_failed
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.commitment import take_report
from mitsgan.node.config import Http, Listen, NodeConfig
from mitsgan.node.forward import Forwarder, end_lost
from mitsgan.node.http.counters import Counters
from mitsgan.node.http.server import Views, http_server
from mitsgan.node.network.certificates import Certificates
from mitsgan.node.processing.work import Work
from mitsgan.node.processing.workers import WorkerProcess
from mitsgan.node.promises import Promises
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.receive import Receiver
from mitsgan.node.recovery import recover
from mitsgan.node.store.clock import catch_up
from mitsgan.node.store.incoming import receive_into
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Spool, data_digest
from mitsgan.node.tokens import own_token
from mitsgan.serving.server import HttpServer

LOG = logging.getLogger("mitsgan.node")

_TICK = 0.2
"""Seconds between two looks at the ledger; commands change it while the node runs."""
_CLEAN = 60.0
"""Seconds between two looks for files that may go."""
_CERTIFICATES = 86400.0
"""Seconds between two looks at certificates."""


class Node:
    """A node: receives, works, sends.

    pynetdicom knows only one switch a process for streaming objects to files; so a process runs one
    node, and nothing else.
    """

    def __init__(self, config: NodeConfig) -> None:
        """Open spool and ledger.

        Args:
            config: checked, and its secrets, too.

        Raises:
            ConfigurationError: a secret others may read, or another node has the spool.
            DataError: see `Ledger`.
        """
        config.check_secrets()
        self.config = config
        self.spool = Spool(config.spool)
        self.spool.prepare()
        self._lock = os.open(self.spool.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigurationError(f"`spool` {config.spool}: another node has it") from None
        self.ledger = Ledger(self.spool.ledger)
        self.counters = Counters()
        self.worker = WorkerProcess(config.series_seconds)
        self.promises = Promises(config, self.ledger)
        self.audit = AuditTrail(config, self.spool, self.ledger)
        self.returns = Returns()
        self.receiver = Receiver(
            config,
            self.spool,
            self.ledger,
            self.counters,
            self._on_commitment,
            self.promises.ask,
            self.audit,
            self.returns,
        )
        self._work = Work(
            config, self.spool, self.ledger, self.counters, self.worker.do, self.audit
        )
        self._forwarders: dict[str, Forwarder] = {}
        self._http: HttpServer | None = None
        if config.http is not None:
            token = own_token(config.http)
            registry = self.counters.registry
            views = Views(
                self.ledger, self.spool, registry, self.not_ready, token, self._on_wrong_token
            )
            self._http = http_server(views, config.http)
        self._cleaned = -_CLEAN
        self._certificates = Certificates(self.counters.certificates)
        self._certificates_seen = time.monotonic()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, str] = {}

    def start(self) -> None:
        """Recover, then listen and work.

        Raises:
            ConfigurationError: an address cannot be listened at.
            OSError: the spool cannot be read.
        """
        pynetdicom_config.STORE_SEND_CHUNKED_DATASET = True
        pynetdicom_config.LOG_HANDLER_LEVEL = "none"
        receive_into(self.spool.incoming, self.config.listen.max_object_mb * 1e6)
        entered = recover(self.spool, self.ledger, self.receiver.intake, self.config)
        if entered:
            LOG.warning("%d objects were found in the spool and entered", entered)
        self._run("work", self._work_once)
        self._run("complete", self._complete_once)
        self._run("commitment", self.promises.next)
        self._run("audit", self.audit.next)
        self._add_forwarders()
        listen = self.config.listen
        self._certificates.look(self.config)
        _listen("listen", listen, self.receiver.start)
        if self._http is not None and self.config.http is not None:
            _listen("http", self.config.http, self._http.start)
        self.audit.add(activity(listen, begins=True))
        LOG.info("%s listens at %s:%d", listen.ae_title, listen.address, listen.port)

    def stop(self) -> None:
        """Stop; what was acknowledged is on the disk, and goes on with the next start."""
        self._stopping.set()
        if self._http is not None:
            self._http.stop()
        self.receiver.stop()
        self.worker.stop()
        for thread in self._threads:
            thread.join()
        self.worker.stop()  # one that began in between
        self.audit.add(activity(self.config.listen, begins=False))
        self.audit.next()
        self.ledger.close()
        os.close(self._lock)

    def reload(self, config: NodeConfig) -> None:
        """Take another configuration; associations go on.

        Raises:
            ConfigurationError: it changes what only a new start can, or a secret is not safe.
        """
        for name in ("spool", "listen", "http"):
            if getattr(config, name) != getattr(self.config, name):
                raise ConfigurationError(
                    f"`{name}` cannot change while the node runs; start it anew"
                )
        if _forwards(config) and not _forwards(self.config):
            raise ConfigurationError("`others` of a first route cannot change while the node runs")
        config.check_secrets()
        self.config = self.receiver.config = self._work.config = self.promises.config = config
        self.audit.config = config
        self.worker.seconds = config.series_seconds
        for forwarder in self._forwarders.values():
            forwarder.config = config
        self._add_forwarders()
        self.worker.renew()
        self._certificates.look(config)
        LOG.info("took a new configuration")

    def not_ready(self) -> str:
        """Why it cannot take objects now; nothing is ""."""
        for failure in list(self._failures.values()):
            return failure
        if not self.receiver.listening:
            return "does not listen"
        return self.receiver.lack()

    def _add_forwarders(self) -> None:
        for name in self.config.destinations:
            if name not in self._forwarders:
                forwarder = Forwarder(
                    name,
                    self.config,
                    self.spool,
                    self.ledger,
                    self.counters,
                    self.worker.do,
                    self.audit,
                    self.returns,
                )
                self._forwarders[name] = forwarder
                self._run(f"send to {name}", forwarder.next)

    def _run(self, name: str, step: Callable[[], bool]) -> None:
        """Repeat a step in a thread of its own, with a pause where there was nothing to do."""

        def loop() -> None:
            while not self._stopping.is_set():
                try:
                    busy = step()
                    self._failures.pop(name, None)
                    if busy:
                        continue
                except Exception:
                    if self._stopping.is_set():
                        return
                    # A fault of ours must not stop the others; readiness tells of it.
                    LOG.exception("%s failed", name)
                    self._failures[name] = f"{name} failed; see the log"
                    self._stopping.wait(5)
                self._stopping.wait(_TICK)

        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work_once(self) -> bool:
        return self._work.next(self._stopping.is_set)

    def _complete_once(self) -> bool:
        self._work.complete()
        now = time.monotonic()
        if now - self._cleaned >= _CLEAN:
            self._cleaned = now
            waits = [d.commitment_seconds for d in self.config.destinations.values()]
            longest = max(self.config.retry.longest_seconds, *waits, 0)
            if catch_up(self.ledger, time.time(), longest):
                LOG.warning("the clock was set back: what waits does not wait for it")
            end_lost(self.ledger, self.config.destinations)
            self.clean()
        if now - self._certificates_seen >= _CERTIFICATES:
            self._certificates_seen = now
            self._certificates.look(self.config)
        return False

    def clean(self) -> None:
        """Delete files of series that were committed long enough ago, and of aborted objects."""
        before = time.time() - self.config.keep_hours * 3600
        for series in self.ledger.expired(before):
            # What comes again later is compared with these.
            files = list(self.spool.received(series).glob("*.dcm"))
            self.ledger.files_gone(series, {path.stem: data_digest(path) for path in files})
            self.spool.remove(series)
        oldest = time.time() - max(3600.0, 10 * self.config.listen.idle_seconds)
        for path in self.spool.incoming.iterdir():
            with suppress(FileNotFoundError):  # it has come to its end, and was moved
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _on_wrong_token(self, address: str, forwarded: str) -> None:
        self.audit.add(login_failed(self.config.listen, address, forwarded))

    def _on_commitment(self, report: Dataset) -> None:
        take_report(report, self.ledger, self.config.retry)


def _listen(name: str, at: Listen | Http, start: Callable[[], None]) -> None:
    try:
        start()
    except OSError as error:
        where = f"{at.address}:{at.port}"
        why = (error.strerror or str(error)).partition(" (while")[0]  # which names it again
        raise ConfigurationError(f"`{name}`: no listening at {where}: {why}") from error


def _forwards(config: NodeConfig) -> bool:
    return any(route.others == "forward" for route in config.routes)
