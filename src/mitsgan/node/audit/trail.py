"""The audit trail of a node: what happens becomes a message, which waits until it was sent.

Messages wait in the ledger, so that those who cause them never wait for a collector, and none is
lost while that is away; where the disk is full, in memory. A fault here stops nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydicom.filereader import read_partial
from pydicom.tag import Tag

from mitsgan.errors import MitsganError
from mitsgan.node.audit import syslog
from mitsgan.node.audit.messages import PATIENT_NUMBER, STUDY_UID, Event, Thing, to_xml
from mitsgan.node.config import NodeConfig
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import Series
from mitsgan.node.store.spool import Spool, sync_file, sync_folder
from mitsgan.quiet import UNREADABLE

LOG = logging.getLogger("mitsgan.node")

_BATCH = 100
_MOST = 100_000
"""Messages that wait at most; beyond these the oldest go."""
_PATIENT_ID = Tag("PatientID")


class AuditTrail:
    """Takes events from any thread or command, and sends them from one.

    Attributes:
        config: may be exchanged at any time.
    """

    def __init__(self, config: NodeConfig, spool: Spool, ledger: Ledger) -> None:
        self.config, self._spool, self._ledger = config, spool, ledger
        self._attempts, self._not_before = 0, 0.0
        self._unkept: deque[str] = deque(maxlen=_MOST)
        self._sent = 0

    def add(self, event: Event, *, durable: bool = False) -> None:
        """Note an event; nothing where no audit trail is wanted.

        Args:
            event: what happened.
            durable: wait until the message is on the disk.
        """
        audit = self.config.audit
        if audit is None:
            return
        xml = to_xml(event, self.config.listen.ae_title.strip(), audit.site)
        message = syslog.record(xml, event.outcome)
        try:
            with self._ledger.change(durable=durable) as db:
                db.execute("INSERT INTO audit (message) VALUES (?)", (message,))
        except sqlite3.Error as error:
            if not self._unkept:  # once, not for every message
                LOG.error("audit messages cannot be kept, and wait in memory: %s", error)
            self._unkept.append(message)

    def study(self, uid: str, classes: Mapping[str, int], path: Path | None) -> list[Thing]:
        """A study and, as far as the settings let it, its patient.

        Args:
            uid: Study Instance UID.
            classes: how many objects of each SOP class it was about.
            path: one of its objects.
        """
        audit = self.config.audit
        things = [Thing(STUDY_UID, uid, classes=classes)]
        if audit is None or audit.patient == "none" or path is None:
            return things
        number = _patient_id(path)
        if number and audit.patient == "hashed":
            try:
                salt = self._salt()
            except OSError as error:
                LOG.error("the audit trail tells no patient: %s", error)
                return things
            number = hmac.new(salt, number.encode(), hashlib.sha256).hexdigest()[:32]
        if number:
            things.append(Thing(PATIENT_NUMBER, number, type_code=1, role=1))
        return things

    def received(self, series: Series) -> list[Thing]:
        """The study of a series that was received, as `study`."""
        objects = self._ledger.objects(series.id)
        folder = self._spool.received(series.id)
        first = next((folder / f"{uid}.dcm" for uid in objects), None)
        return self.study(series.study_uid, Counter(objects.values()), first)

    def next(self) -> bool:
        """Send what waits; whether more does."""
        audit = self.config.audit
        if audit is None or time.monotonic() < self._not_before:
            return False
        # On a full disk, what was sent cannot be deleted; it is not sent again.
        rows = self._ledger.query(
            "SELECT id, message FROM audit WHERE id > ? ORDER BY id LIMIT ?", (self._sent, _BATCH)
        )
        unkept = list(self._unkept)[: _BATCH - len(rows)]
        if not rows and not unkept:
            return False
        try:
            syslog.send([*(str(row[1]) for row in rows), *unkept], audit)
        except (OSError, MitsganError) as error:
            self._failed(error)
            return False
        if self._attempts:
            LOG.warning("audit messages are sent again")
        self._attempts = 0
        for _ in unkept:
            self._unkept.popleft()
        if rows:
            self._sent = int(rows[-1][0])
            with self._ledger.change(durable=False) as db:
                db.execute("DELETE FROM audit WHERE id <= ?", (self._sent,))
        return len(rows) + len(unkept) == _BATCH

    def waiting(self) -> int:
        """How many messages wait."""
        return int(self._ledger.query("SELECT COUNT(*) FROM audit", ())[0][0])

    def _failed(self, error: Exception) -> None:
        self._attempts += 1
        self._not_before = time.monotonic() + self.config.retry.wait(self._attempts)
        if self._attempts == 1:
            LOG.error("audit messages cannot be sent, and wait: %s", error)
        surplus = self.waiting() - _MOST
        if surplus > 0:
            LOG.error("%d audit messages are dropped: too many wait", surplus)
            with self._ledger.change(durable=False) as db:
                db.execute(
                    "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?)",
                    (surplus,),
                )

    def _salt(self) -> bytes:
        """A secret of this spool, so that hashes tell a patient's number to nobody."""
        path = self._spool.root / "audit.key"
        if not path.exists():
            new = path.with_name(f"audit.key.{os.urandom(4).hex()}")
            new.touch(0o600)
            new.write_bytes(os.urandom(32))
            sync_file(new)  # an empty one would keep no number secret
            with suppress(FileExistsError):  # another thread was quicker, and has used its own
                os.link(new, path)
            new.unlink()
            sync_folder(path.parent)
        return path.read_bytes()


def _patient_id(path: Path) -> str:
    """The Patient ID of an object; "" where there is none."""
    try:
        with path.open("rb") as file:
            dataset = read_partial(
                file,
                stop_when=lambda tag, vr, length: tag > _PATIENT_ID,
                specific_tags=[_PATIENT_ID],
            )
        return str(dataset.get("PatientID", "") or "").strip()
    except (OSError, *UNREADABLE):
        return ""
