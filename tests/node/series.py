"""What became of a series that a test has sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE

from mitsgan.node.send import items
from mitsgan.node.store.ledger_schema import Series
from node_peers import NodeProcess, storescu


def uid_of(path: Path) -> str:
    """The Series Instance UID of a file, or of a folder's files."""
    first = path if path.is_file() else sorted(path.iterdir())[0]
    return str(dcmread(first, stop_before_pixels=True).SeriesInstanceUID)


def series_of(node: NodeProcess, sent: Path) -> list[Series]:
    """What became of a series that was sent, apart from what was refused."""
    uid = uid_of(sent)
    ledger = node.ledger()
    try:
        listed = ledger.in_states()
    finally:
        ledger.close()
    return [series for series in listed if series.series_uid == uid and series.state != "refused"]


def ended(node: NodeProcess, sent: Path, count: int = 1) -> Callable[[], bool]:
    def check() -> bool:
        states = [series.state for series in series_of(node, sent)]
        return len(states) == count and all(state in ("committed", "dead") for state in states)

    return check


def output_uids(node: NodeProcess, series: Series) -> set[str]:
    """UIDs of what the node made of a series."""
    folder = node.spool / "series" / str(series.id) / "protected"
    return {item.sop_uid for item in items(folder)}


def uids(folder: Path) -> set[str]:
    return {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in folder.iterdir()}


def send_raw(port: int, path: Path, calling: str) -> int:
    """Send a file in its own encoding, by pynetdicom in this process; the status."""
    dataset = dcmread(path)
    ae = AE(calling)
    ae.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", port)
    assert association.is_established
    assert association.accepted_contexts
    status = association.send_c_store(dataset)
    association.release()
    return int(status.Status)


def strangers_may_only_echo(port: int, phantom: Path) -> None:
    assert storescu(port, phantom, calling="STRANGER") != 0
    stranger = AE("STRANGER")
    stranger.add_requested_context("1.2.840.10008.1.1")
    association = stranger.associate("127.0.0.1", port)
    assert association.send_c_echo().Status == 0
    association.release()
