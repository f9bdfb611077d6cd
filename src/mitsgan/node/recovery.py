"""What a node does first: bring spool and ledger together again, whatever ended it before.

Objects are on the disk before they are in the ledger, so a crash may leave some that only the
spool knows. They are entered now; their sender may or may not have had its answer, and if it sends
them again they are duplicates. So are all objects of series that a ledger does not know, which was
restored from a copy, or is new. Work that was interrupted is begun anew.
"""

from __future__ import annotations

import logging
from pathlib import Path

from mitsgan.node.config import NodeConfig
from mitsgan.node.store.incoming import is_whole
from mitsgan.node.store.intake import Intake
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, ObjectError, Origin, Spool, read_header

LOG = logging.getLogger("mitsgan.node")


def recover(spool: Spool, ledger: Ledger, intake: Intake, config: NodeConfig) -> int:
    """Enter what only the spool knows, and forget half-done work; how many objects it entered.

    Raises:
        OSError: the spool cannot be read or written.
    """
    spool.clear()
    entered = 0
    numbers = sorted(spool.numbers())
    ledger.number_after(max(numbers, default=0))
    for number in numbers:
        entered += _enter(number, spool, ledger, intake, config)
    for series in ledger.in_states("working"):
        ledger.move(series.id, "complete", of=["working"])
    return entered


def _enter(number: int, spool: Spool, ledger: Ledger, intake: Intake, config: NodeConfig) -> int:
    series = ledger.find(number)
    folder = spool.received(number)
    if series is None:
        return _adopt(number, spool, intake, config)
    if series.files == "deleted":
        spool.remove(number)  # the node was killed before it did
        return 0
    if not folder.is_dir():
        return 0
    objects = ledger.objects(number)
    entered = 0
    for path in sorted(folder.glob("*.dcm")):
        if path.stem in objects:
            continue
        origin = Origin(route=series.route, calling=series.calling, address=series.address)
        entered += _take(path, origin, intake, config)
    return entered


def _adopt(number: int, spool: Spool, intake: Intake, config: NodeConfig) -> int:
    """Enter the objects of a series without a row, under a number of its own.

    Rows are on the disk before objects, so the ledger is older than these, which may have been
    acknowledged, and sent on or not.
    """
    paths = sorted(spool.received(number).glob("*.dcm"))
    origin, entered = spool.origin(number), 0
    if origin is not None:
        entered = sum(_take(path, origin, intake, config) for path in paths)
    elif any(map(is_whole, paths)):
        LOG.error(
            "%s: the ledger does not know this series, nor does the folder tell who sent it; it "
            "stays. Send its `received` to the node again, then remove it",
            spool.folder(number),
        )
        return 0
    spool.remove(number)
    return entered


def _take(path: Path, origin: Origin, intake: Intake, config: NodeConfig) -> bool:
    """Enter an object from where it lies; False where not all of it reached the disk."""
    header: Header | None
    route = config.route(origin.route)
    try:
        header = read_header(path, "" if route is None else route.expected)
    except ObjectError:
        header = None
    if header is None or not is_whole(path):
        path.unlink()  # so it was not acknowledged
        return False
    # From where it lies: once moved into `incoming`, another crash would lose it.
    repeats = route is not None and route.action == "restore"
    who = origin.calling, origin.address
    intake.take(path, header, origin.route, *who, repeats=repeats)
    return True
