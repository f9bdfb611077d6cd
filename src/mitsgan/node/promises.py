"""Storage commitment served to senders (PS3.4 annex J): may they delete what they sent?

A sender asks by N-ACTION, and gets its result by N-EVENT-REPORT in an association that the node
opens. The node says yes for an object once every destination of its series has it; no for one that
it never received, and for one that became a dead letter.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_role
from pynetdicom.presentation import build_context

from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.node.config import Destination, NodeConfig
from mitsgan.node.send import PeerError, accepts, connected
from mitsgan.node.services import COMMITMENT, COMMITMENT_INSTANCE
from mitsgan.node.store.ledger import Ledger

LOG = logging.getLogger("mitsgan.node")

SUCCESS, PROCESSING_FAILURE, NO_SUCH_OBJECT = 0x0000, 0x0110, 0x0112
INVALID_ARGUMENT, NOT_AUTHORISED = 0x0115, 0x0124
"""Statuses of N-ACTION, and failure reasons (PS3.7 annex C, PS3.3 C.14.1.1)."""

_ALL, _NOT_ALL = 1, 2
"""Event types (PS3.4 table J.3.3.1.1-1)."""


class Promises:
    """What senders want committed, and the results that they are owed.

    Attributes:
        config: may be exchanged at any time.
    """

    def __init__(self, config: NodeConfig, ledger: Ledger) -> None:
        self.config, self._ledger = config, ledger

    def ask(self, calling: str, request: Dataset) -> int:
        """Take a request; its status. The result comes later.

        Args:
            calling: AE title of the sender; where it listens, a destination of its title tells.
            request: *Action Information* of the N-ACTION.
        """
        if self._sender(calling) is None:
            return NOT_AUTHORISED
        transaction = str(request.get("TransactionUID", ""))
        references = request.get("ReferencedSOPSequence", [])
        objects = {
            str(r.get("ReferencedSOPInstanceUID", "")): str(r.get("ReferencedSOPClassUID", ""))
            for r in references
        }
        if not objects or not all(map(is_uid, (transaction, *objects, *objects.values()))):
            return INVALID_ARGUMENT
        with self._ledger.change() as db:
            db.execute(
                "INSERT OR REPLACE INTO promises VALUES (?, ?, ?, ?, 0, 0)",
                (transaction, calling, json.dumps(objects), time.time()),
            )
        return SUCCESS

    def next(self) -> bool:
        """Report the results that are due; False, for it is not urgent to look again."""
        rows = self._ledger.query("SELECT * FROM promises WHERE not_before <= ?", (time.time(),))
        for transaction, calling, text, created, attempts, _ in rows:
            late = time.time() - created > self.config.series_seconds
            outcomes = self._outcomes(json.loads(text), late)
            if outcomes is not None:
                self._tell(transaction, calling, json.loads(text), outcomes, attempts)
        return False

    def _outcomes(self, objects: Mapping[str, str], late: bool) -> dict[str, int | None] | None:
        """Of each object, by its UID; None while one is under way, unless it is late for that."""
        outcomes = {}
        for uid in objects:
            outcomes[uid] = self._outcome(uid)
            if outcomes[uid] is None and not late:
                return None  # this is looked at again and again, and others wait for the ledger
        return outcomes

    def _outcome(self, sop_uid: str) -> int | None:
        """Success, the reason of a failure, or None: under way."""
        rows = self._ledger.query(
            "SELECT s.state FROM objects o JOIN series s ON s.id = o.series WHERE o.sop_uid = ? "
            "AND s.state != 'discarded' ORDER BY s.id",
            (sop_uid,),
        )
        states = [str(row[0]) for row in rows]
        if not states:
            return NO_SUCH_OBJECT
        if all(state == "committed" for state in states):
            return SUCCESS
        return PROCESSING_FAILURE if "dead" in states else None

    def _tell(
        self,
        transaction: str,
        calling: str,
        objects: Mapping[str, str],
        outcomes: Mapping[str, int | None],
        attempts: int,
    ) -> None:
        """Report a result; later where the sender is away, and never once that was too often."""
        sender, retry = self._sender(calling), self.config.retry
        try:
            if sender is None:
                raise PeerError(f"no destination is called {calling} any more")
            _report(self.config.listen.ae_title, sender, _result(transaction, objects, outcomes))
        except PeerError as error:
            if attempts + 1 < retry.delivery_attempts:
                with self._ledger.change() as db:
                    db.execute(
                        "UPDATE promises SET attempts = attempts + 1, not_before = ? "
                        "WHERE transaction_uid = ?",
                        (time.time() + retry.wait(attempts + 1), transaction),
                    )
                LOG.warning("the result of storage commitment %s: %s", transaction, error)
                return
            LOG.error("the result of storage commitment %s is dropped: %s", transaction, error)
        with self._ledger.change() as db:
            db.execute("DELETE FROM promises WHERE transaction_uid = ?", (transaction,))

    def _sender(self, calling: str) -> Destination | None:
        """Where a sender listens."""
        listed = self.config.destinations.values()
        return next((d for d in listed if d.ae_title and d.ae_title.strip() == calling), None)


def _result(
    transaction: str, objects: Mapping[str, str], outcomes: Mapping[str, int | None]
) -> Dataset:
    """*Event Information* of the N-EVENT-REPORT; what is still under way counts as failed."""
    result = Dataset()
    result.TransactionUID = transaction
    committed, failed = [], []
    for sop_uid, class_uid in objects.items():
        reference = Dataset()
        reference.ReferencedSOPClassUID = class_uid
        reference.ReferencedSOPInstanceUID = sop_uid
        outcome = outcomes[sop_uid]
        if outcome == SUCCESS:
            committed.append(reference)
        else:
            reference.FailureReason = PROCESSING_FAILURE if outcome is None else outcome
            failed.append(reference)
    if committed:
        result.ReferencedSOPSequence = committed
    if failed:
        result.FailedSOPSequence = failed
    return result


def _report(calling: str, sender: Destination, result: Dataset) -> None:
    """Send an N-EVENT-REPORT.

    Raises:
        PeerError: the sender cannot be reached, or does not take it.
    """
    event = _NOT_ALL if "FailedSOPSequence" in result else _ALL
    roles = [build_role(UID(COMMITMENT), scp_role=True)]
    with connected(calling, sender, [build_context(COMMITMENT)], roles=roles) as association:
        if not accepts(association, COMMITMENT):
            raise PeerError(f"{sender.ae_title} takes no results of storage commitment")
        status, _ = association.send_n_event_report(
            result, event, UID(COMMITMENT), UID(COMMITMENT_INSTANCE)
        )
        if "Status" not in status or status.Status != SUCCESS:
            raise PeerError(f"{sender.ae_title} did not take a result of storage commitment")
