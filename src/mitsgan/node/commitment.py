"""Storage commitment (PS3.4 annex J): an archive says that it keeps what it was sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom.presentation import build_context

from mitsgan.errors import counted
from mitsgan.node.config import Destination, Retry
from mitsgan.node.send import Item, PeerError, RefusedError, accepts, connected
from mitsgan.node.services import COMMITMENT, COMMITMENT_INSTANCE
from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger

LOG = logging.getLogger("mitsgan.node")

_REQUEST = 1
"""The action of N-ACTION (PS3.4 table J.3.2.1.1-1)."""


def ask_commitment(
    calling: str,
    destination: Destination,
    files: Sequence[Item],
    before: Callable[[str], None],
) -> str:
    """Ask for storage commitment of files; the UID of the transaction.

    The result comes later, in an association that the peer opens.

    Args:
        calling: our AE title.
        destination: the peer.
        files: what it was sent.
        before: told the UID before it is asked, for the result may be quicker than the answer.

    Raises:
        PeerError: the peer cannot be reached, or answers with a failure.
        RefusedError: it knows no storage commitment.
    """
    transaction = generate_uid()
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = [_reference(item) for item in files]
    with connected(calling, destination, [build_context(COMMITMENT)]) as association:
        if not accepts(association, COMMITMENT):
            raise RefusedError(f"{destination.ae_title} does not accept storage commitment")
        before(transaction)
        status, _ = association.send_n_action(
            request, _REQUEST, UID(COMMITMENT), UID(COMMITMENT_INSTANCE)
        )
        if "Status" not in status or status.Status != 0:
            shown = f"{status.Status:04X}" if "Status" in status else "none"
            raise PeerError(f"{destination.ae_title}: storage commitment was answered {shown}")
    return transaction


def take_report(report: Dataset, ledger: Ledger, retry: Retry) -> None:
    """Enter the result of a storage commitment; one that was never asked for changes nothing.

    Args:
        report: *Event Information* of an N-EVENT-REPORT (PS3.4 table J.3.3.1.1-1).
        ledger: where the transaction is.
        retry: how often objects that were not committed are sent again, and how long apart.
    """
    deliveries = Deliveries(ledger)
    delivery = deliveries.of_transaction(str(report.get("TransactionUID", "")))
    if delivery is None:
        LOG.warning("a result of storage commitment came that nobody waits for")
        return
    granted = {
        str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])
    }
    lacking = sorted(deliveries.sent(delivery) - granted)
    if not lacking:
        deliveries.advance(delivery, "granted")
        return
    were = "was" if len(lacking) == 1 else "were"
    reason = f"{counted(len(lacking), 'object')} {were} not committed"
    denied = delivery.denied + 1
    if denied >= retry.attempts:
        reason = f"{reason} ({counted(denied, 'time')})"
        deliveries.not_committed(delivery, lacking, "dead", reason=reason)
    else:
        wait = retry.wait(denied)
        deliveries.not_committed(delivery, lacking, "pending", reason=reason, wait=wait)


def _reference(item: Item) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = item.class_uid
    reference.ReferencedSOPInstanceUID = item.sop_uid
    return reference
