"""The storage SCP: who may send, and the way of an object to the disk.

An object is acknowledged with 0x0000 only once its bytes, as they were received, are on the disk
under its name and in the ledger. Until then nothing depends on it, and the sender still has it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

from mitsgan.errors import MitsganError
from mitsgan.node.audit.arrivals import Arrivals
from mitsgan.node.audit.events import rejected
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import NodeConfig, Route
from mitsgan.node.http.counters import Counters
from mitsgan.node.network.server import Server, peer_certificate
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.services import (
    COMMITMENT,
    CT_CLASSES,
    TRANSFER_SYNTAXES,
    VERIFICATION,
    other_classes,
)
from mitsgan.node.store.incoming import IncomingFile
from mitsgan.node.store.intake import REASON_OTHER, Intake
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import (
    Memory,
    ObjectError,
    Spool,
    find_header,
    read_header,
)

LOG = logging.getLogger("mitsgan.node")

SUCCESS = 0x0000
NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
OTHER_CONTENT = 0xC001
"""Statuses of C-STORE (PS3.4 annex B.2.3); the last is ours: an object of the same UID, which
differs, was received before."""

STATUSES: dict[int, str] = {
    SUCCESS: "the object is on the disk, or was before",
    NOT_SUPPORTED: "the route of this sender refuses objects that are no CT",
    NOT_AUTHORISED: "no route is for this sender any more",
    OUT_OF_RESOURCES: "free space or memory is below the reserve, or the object is too large",
    CANNOT_UNDERSTAND: "the object cannot be read, or has no UIDs",
    OTHER_CONTENT: "an object of this UID but with other content was received before",
}

_REJECTED_PERMANENT, _BY_USER, _CALLING_UNKNOWN = 0x01, 0x01, 0x03


@dataclass(frozen=True)
class Sender:
    """Who is at the other end of an association."""

    calling: str
    address: str
    certificate: str | None

    @classmethod
    def of(cls, association: Association) -> Sender:
        """The peer of an association that it asked for."""
        requestor = association.requestor
        # Before negotiation ends, only the request itself knows the title.
        request = cast(A_ASSOCIATE, requestor.primitive)
        title = str(request.calling_ae_title).strip()
        return cls(title, requestor.address, peer_certificate(association))


def _discard(event: Event) -> None:
    """Delete what came of an object whose connection ended in its middle."""
    message = event.assoc.dimse.message
    file = None if message is None else cast("IncomingFile | None", message._data_set_file)
    if file is not None:
        file.discard()


class Receiver:
    """The storage SCP of a node.

    Attributes:
        config: may be exchanged while it runs.
        intake: where objects go.
    """

    def __init__(
        self,
        config: NodeConfig,
        spool: Spool,
        ledger: Ledger,
        counters: Counters,
        report: Callable[[Dataset], None] | None = None,
        promise: Callable[[str, Dataset], int] | None = None,
        audit: AuditTrail | None = None,
        returns: Returns | None = None,
    ) -> None:
        """Prepare; `start` listens.

        Args:
            config: the whole configuration.
            spool, ledger: where objects go.
            counters: told of what happens.
            report: told of every result of storage commitment.
            promise: takes a sender's request for storage commitment; its status.
            audit: told of what came, and of who was rejected.
            returns: takes what archives were asked to send back.
        """
        self.config = config
        self._spool, self._ledger, self._counters = spool, ledger, counters
        self._report, self._promise = report, promise
        self._audit = audit or AuditTrail(config, spool, ledger)
        self._arrivals = Arrivals(self._audit, spool, ledger)
        self._returns = returns or Returns()
        self._server: Server | None = None
        self._memory = Memory()
        self._lacked = ""
        self._answered: WeakKeyDictionary[Association, set[int]] = WeakKeyDictionary()
        self.intake = Intake(spool, ledger, config.listen.max_associations)

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened at.
        """
        listen = self.config.listen
        ae = AE(listen.ae_title)
        ae.maximum_associations = listen.max_associations
        ae.maximum_pdu_size = listen.max_pdu
        ae.acse_timeout = listen.association_seconds
        ae.network_timeout = ae.dimse_timeout = listen.idle_seconds
        syntaxes = list(TRANSFER_SYNTAXES)
        for uid in CT_CLASSES:
            ae.add_supported_context(uid, syntaxes)
        if any(route.others == "forward" for route in self.config.routes):
            for uid in other_classes():
                ae.add_supported_context(uid, syntaxes)
        ae.add_supported_context(VERIFICATION)
        ae.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
        handlers = [
            (evt.EVT_REQUESTED, self._on_request),
            (evt.EVT_C_ECHO, lambda event: SUCCESS),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_EVENT_REPORT, self._on_report),
            (evt.EVT_N_ACTION, self._on_action),
            (evt.EVT_ABORTED, lambda event: self._counters.aborted.inc()),
            (evt.EVT_ABORTED, self._on_end),
            (evt.EVT_RELEASED, self._on_end),
            (evt.EVT_CONN_CLOSE, _discard),
        ]
        self._server = Server.start(ae, listen, handlers, self._on_refused)

    def stop(self) -> None:
        """Take no more associations, and abort those that are there."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def listening(self) -> bool:
        """Whether it takes associations."""
        return self._server is not None

    def _route(self, sender: Sender) -> Route | None:
        for route in self.config.routes:
            if route.fits(sender.calling, sender.address, sender.certificate):
                return route
        return None

    def _on_request(self, event: Event) -> None:
        """Reject who has no route; anybody may ask for an echo."""
        association = event.assoc
        sender = Sender.of(association)
        self._counters.associations.inc()
        asked = {context.abstract_syntax for context in association.requestor.requested_contexts}
        peers = {d.ae_title.strip() for d in self.config.destinations.values()} - {""}
        if asked <= {VERIFICATION} or self._route(sender) is not None:
            return
        if asked <= {VERIFICATION, COMMITMENT} and sender.calling in peers:
            return
        if self._returns.from_peer(sender.calling):
            return
        LOG.warning("rejected an association of %s at %s", sender.calling, sender.address)
        self._counters.rejected.inc()
        self._on_refused(sender.calling, sender.address, "no route is for this sender")
        association.acse.send_reject(_REJECTED_PERMANENT, _BY_USER, _CALLING_UNKNOWN)
        association.kill()

    def _on_refused(self, calling: str, address: str, reason: str) -> None:
        """Somebody unknown was turned away."""
        self._audit.add(rejected(self.config.listen, calling, address, reason))

    def _on_end(self, event: Event) -> None:
        """An association has ended; its last object was dealt with."""
        sender = Sender.of(event.assoc)
        self._arrivals.end(event.assoc, sender.calling, sender.address)

    def _on_store(self, event: Event) -> int | Dataset:
        """Take one object."""
        path = Path(event.dataset_path)
        sender = Sender.of(event.assoc)
        try:
            if self._is_return(event, path, sender):
                return SUCCESS
            status, reason = self._store(event, path, sender)
        except ObjectError as error:
            status, reason = CANNOT_UNDERSTAND, str(error)
        except (OSError, sqlite3.Error, MitsganError) as error:
            # Whatever stands in the way of the disk or the ledger: the sender keeps its object.
            LOG.error("an object could not be stored: %s", error)
            status, reason = OUT_OF_RESOURCES, "the object could not be stored"
        self._counters.objects.labels(f"{status:04X}").inc()
        if status == SUCCESS:
            return status
        self._log_refusal(event.assoc, sender, status)
        if status not in (NOT_SUPPORTED, OTHER_CONTENT):  # which were told with their study
            class_uid = str(cast(C_STORE, event.request).AffectedSOPClassUID)
            self._arrivals.refuse(event.assoc, class_uid, STATUSES[status])
        path.unlink(missing_ok=True)
        answer = Dataset()
        answer.Status = status
        answer.ErrorComment = reason[:64]
        return answer

    def _log_refusal(self, association: Association, sender: Sender, status: int) -> None:
        """Tell once of an association what it is answered; why, in words that quote no value."""
        if status in self._answered.setdefault(association, set()) or self._lacked:
            return
        self._answered[association].add(status)
        who = sender.calling, sender.address
        LOG.warning("answers %s at %s with %04X: %s", *who, status, STATUSES[status])

    def _is_return(self, event: Event, path: Path, sender: Sender) -> bool:
        """Whether an object is one that the node has asked back by C-MOVE; then it is taken."""
        request = cast(C_STORE, event.request)
        origin = (request.MoveOriginatorApplicationEntityTitle or "").strip()
        if origin != self.config.listen.ae_title.strip():
            return False
        return self._returns.take(sender.calling, str(request.AffectedSOPInstanceUID), path)

    def _store(self, event: Event, path: Path, sender: Sender) -> tuple[int, str]:
        lack = self.lack()
        if lack != self._lacked:  # once, not for every object
            self._lacked = lack
            LOG.warning("%s", f"answers A700: {lack}" if lack else "takes objects again")
        if lack:
            return OUT_OF_RESOURCES, lack
        route = self._route(sender)
        if route is None:
            return NOT_AUTHORISED, "no route is for this sender"
        # pynetdicom has written the object to this file as it came in, and not closed it yet.
        request = cast(C_STORE, event.request)
        file = cast(IncomingFile, request._dataset_file)
        if file.size > self.config.listen.max_object_mb * 1e6:
            return OUT_OF_RESOURCES, "the object is too large"
        file.finish()
        known = file.head, str(event.context.transfer_syntax)
        header = find_header(*known, route.expected) or read_header(path, route.expected)
        if header.sop_uid != str(request.AffectedSOPInstanceUID):
            raise ObjectError("SOPInstanceUID is not that of the request")
        if header.class_uid not in CT_CLASSES and route.others == "refuse":
            self._ledger.refuse(
                header.series_uid, sender.calling, sender.address, "its objects are no CT"
            )
            reason = "objects that are no CT are refused here"
            self._arrivals.note(event.assoc, header, route.name, new=False, failed=reason)
            return NOT_SUPPORTED, reason
        repeats = route.action == "restore"  # a reader asks for an original whenever it is needed
        who = sender.calling, sender.address
        taken = self.intake.take(path, header, route.name, *who, repeats=repeats)
        failed = REASON_OTHER if taken == "other content" else ""
        new = taken == "new"
        self._arrivals.note(event.assoc, header, route.name, new=new, failed=failed)
        if failed:
            return OTHER_CONTENT, REASON_OTHER
        if taken == "again":
            self._counters.duplicates.inc()
        return SUCCESS, ""

    def lack(self) -> str:
        """What there is too little of to take an object; nothing is "" """
        if self._spool.free_mb() < self.config.reserve_mb:
            return "too little free space"
        if self._memory.available_mb() < self.config.reserve_memory_mb:
            return "too little free memory"
        return ""

    def _on_action(self, event: Event) -> tuple[int, None]:
        """A sender asks for storage commitment."""
        if self._promise is None or event.action_type != 1:
            return NOT_SUPPORTED, None
        return self._promise(Sender.of(event.assoc).calling, event.action_information), None

    def _on_report(self, event: Event) -> tuple[int, None]:
        """A peer tells what became of a storage commitment."""
        if self._report is not None:
            self._report(event.event_information)
        return SUCCESS, None
