"""What a node does first: bring spool and ledger together again, whatever ended it before.

Objects are on the disk before they are in the ledger, so a crash may leave some that only the
spool knows. They are entered now; their sender may or may not have had its answer, and if it sends
them again they are duplicates. Work that was interrupted is begun anew.
"""

from __future__ import annotations

import logging

from mitsgan.node.config import NodeConfig
from mitsgan.node.store.incoming import is_whole
from mitsgan.node.store.intake import Intake
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, ObjectError, Spool, read_header

LOG = logging.getLogger("mitsgan.node")


def recover(spool: Spool, ledger: Ledger, intake: Intake, config: NodeConfig) -> int:
    """Enter what only the spool knows, and forget half-done work; how many objects it entered.

    Raises:
        OSError: the spool cannot be read or written.
    """
    spool.clear()
    entered = 0
    for number in sorted(spool.numbers()):
        entered += _enter(number, spool, ledger, intake, config)
    for series in ledger.in_states("working"):
        ledger.move(series.id, "complete", of=["working"])
    return entered


def _enter(number: int, spool: Spool, ledger: Ledger, intake: Intake, config: NodeConfig) -> int:
    series = ledger.find(number)
    folder = spool.received(number)
    if series is None:
        spool.remove(number)  # nothing was acknowledged without a row, which is on the disk first
        return 0
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
        header: Header | None
        try:
            route = config.route(series.route)
            header = read_header(path, "" if route is None else route.expected)
        except ObjectError:
            header = None
        if header is None or not is_whole(path):
            path.unlink()  # not all of it reached the disk, so it was not acknowledged
            continue
        # From where it lies: once moved into `incoming`, another crash would lose it.
        repeats = route is not None and route.action == "restore"
        who = series.calling, series.address
        intake.take(path, header, series.route, *who, repeats=repeats)
        entered += 1
    return entered
