"""What an archive of many series takes on many machines, simulated from measured costs.

Every worker goes round: take a series (ledger), read it (shared disks), work on it (its own
processor), write and read back (shared disks), enter the end (ledger). The ledger serves one
transaction at a time. The disks serve everybody together at a limited rate, and each worker at a
rate of its own. Nothing else is waited for: no network, no scheduler, no failure. Leases are
renewed while the work takes long, which the ledger is charged for.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

_RENEWED_AFTER_S = 30.0
"""A quarter of the usual lease."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured.

    Attributes:
        seconds_per_megavoxel: of one processor, for all that is done to a series.
        transaction_s: for which the ledger is nobody else's, to take a series or to enter an end.
        read_mb_s, write_mb_s: of one worker at the disks.
    """

    seconds_per_megavoxel: float
    transaction_s: float
    read_mb_s: float
    write_mb_s: float


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where it runs.

    Attributes:
        nodes: machines.
        workers: on each, one for a processor.
        disk_mb_s: of the disks that all share.
    """

    nodes: int
    workers: int
    disk_mb_s: float


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What it comes to.

    Attributes:
        hours: until the last series is done.
        processors, disks, ledger: share of that time for which they were busy.
        limit: which of these it is that decides.
    """

    hours: float
    processors: float
    disks: float
    ledger: float
    limit: str


class _Queue:
    """Serves one after the other, in the order of coming."""

    def __init__(self) -> None:
        self.free = self.busy = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When it is done."""
        self.free = max(self.free, now) + seconds
        self.busy += seconds
        return self.free


def megavoxels(series: int, seed: int = 0) -> list[float]:
    """Sizes of chest CTs: 100 to 500 slices of 512 x 512, the largest first as the ledger has it.

    As likely one as the other.
    """
    rng = random.Random(seed)
    return sorted((rng.randint(100, 500) * 0.262144 for _ in range(series)), reverse=True)


def simulate(sizes: Sequence[float], costs: Costs, site: Site) -> Simulated:
    """Do series of so many megavoxels, in this order."""
    ledger, disks = _Queue(), _Queue()
    count = site.nodes * site.workers
    # Of each worker: when its step is over, a number, the step, and the size of its series.
    events = [(0.0, number, "take", 0.0) for number in range(count)]
    heapq.heapify(events)
    waiting = iter(sizes)
    end = work = 0.0
    while events:
        now, number, step, size = heapq.heappop(events)
        megabytes = 2 * size
        if step == "take":
            following = next(waiting, None)
            if following is None:
                continue
            heapq.heappush(
                events, (ledger.serve(now, costs.transaction_s), number, "read", following)
            )
        elif step == "read":
            done = max(
                disks.serve(now, megabytes / site.disk_mb_s), now + megabytes / costs.read_mb_s
            )
            heapq.heappush(events, (done, number, "work", size))
        elif step == "work":
            seconds = costs.seconds_per_megavoxel * size
            work += seconds
            renewals = int(seconds / _RENEWED_AFTER_S)
            ledger.serve(now, renewals * costs.transaction_s)
            heapq.heappush(events, (now + seconds, number, "write", size))
        elif step == "write":
            # Written once, and read back to be checked.
            alone = megabytes / costs.write_mb_s + megabytes / costs.read_mb_s
            done = max(disks.serve(now, 2 * megabytes / site.disk_mb_s), now + alone)
            heapq.heappush(events, (done, number, "enter", size))
        else:
            end = ledger.serve(now, costs.transaction_s)
            heapq.heappush(events, (end, number, "take", 0.0))
    shares = {
        "processors": work / (end * count),
        "disks": disks.busy / end,
        "ledger": ledger.busy / end,
    }
    return Simulated(hours=end / 3600, limit=max(shares, key=lambda name: shares[name]), **shares)


def most_workers(sizes: Sequence[float], costs: Costs, disk_mb_s: float) -> dict[str, float]:
    """How many workers fill the ledger, and how many fill the disks, on average."""
    mean = sum(sizes) / len(sizes)
    alone = mean * costs.seconds_per_megavoxel
    alone += 2 * mean * (2 / costs.read_mb_s + 1 / costs.write_mb_s)
    transactions = 2 + int(mean * costs.seconds_per_megavoxel / _RENEWED_AFTER_S)
    return {
        "ledger": alone / (transactions * costs.transaction_s),
        "disks": alone / (6 * mean / disk_mb_s),
    }
