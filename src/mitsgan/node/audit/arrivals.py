"""What comes in each association, told to the audit trail once that has ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from pynetdicom.association import Association

from mitsgan.node.audit.events import received
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, Spool

_UNKNOWN = "unknown"
"""In place of the UID of a study that an object does not tell, or that nobody looked for."""


@dataclass
class _Study:
    """Objects of one study that came in one association."""

    first: Header | None
    route: str
    classes: Counter[str] = field(default_factory=Counter)
    new: int = 0
    failed: str = ""


class Arrivals:
    """Counts, in the thread of each association."""

    def __init__(self, trail: AuditTrail, spool: Spool, ledger: Ledger) -> None:
        self._trail, self._spool, self._ledger = trail, spool, ledger
        self._studies: WeakKeyDictionary[Association, dict[str, _Study]] = WeakKeyDictionary()

    def note(
        self, association: Association, header: Header, route: str, *, new: bool, failed: str = ""
    ) -> None:
        """An object came; ``failed`` says why it was not taken."""
        studies = self._studies.setdefault(association, {})
        study = studies.setdefault(header.study_uid, _Study(header, route))
        study.classes[header.class_uid] += 1
        study.new += new
        study.failed = study.failed or failed

    def refuse(self, association: Association, class_uid: str, why: str) -> None:
        """An object was not taken before it was known what study it is of."""
        studies = self._studies.setdefault(association, {})
        study = studies.setdefault(_UNKNOWN, _Study(None, ""))
        study.classes[class_uid] += 1
        study.failed = study.failed or why

    def end(self, association: Association, calling: str, address: str) -> None:
        """The association has ended."""
        listen = self._trail.config.listen
        for uid, study in self._studies.pop(association, {}).items():
            things = self._trail.study(uid, study.classes, self._path(study))
            again = not study.new and not study.failed
            event = received(listen, calling, address, things, again=again, failed=study.failed)
            self._trail.add(event)

    def _path(self, study: _Study) -> Path | None:
        """Where an object of a study is, if it was taken."""
        header = study.first
        if header is None:
            return None
        known = self._ledger.known(header.series_uid, study.route, header.sop_uid)
        if known is None:
            return None
        return self._spool.received(known[0]) / f"{header.sop_uid}.dcm"
