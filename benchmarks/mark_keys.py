"""Whether what the mark says of a scan hangs on the key: the same scan under many of them.

    python benchmarks/mark_keys.py SCAN [SCAN ...] --output docs/results/mark-keys.json

Every scan is marked in memory with keys of its own, sent through what it may go through in good
faith, and verified: untouched, and with nodules removed from places of the lung that lie far enough
apart to share a scan. See docs/decisions/mark-wear.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from measuring import Say, add_scans, exit_code, result_head, write_scans
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ATTACKERS, hu_volume, plan_attack
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench, sharing
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.purify.filters import Array, Spacing, add_noise
from mitsgan.evaluate.purify.purifiers import PURIFIERS, Purifier, purify_scan
from mitsgan.evaluate.tampering.strikes import strike, struck
from mitsgan.mark import Detection
from mitsgan.scan.scan import Scan

AS_WRITTEN = "as written"
_OF_PLACES = 40
"""So many places are drawn; those of them that fit into one scan are struck."""

Counts = dict[str, Any]


def _faint_noise(hu: Array, spacing: Spacing, seed: int) -> Array:
    return add_noise(hu, 5.0, seed)


BEHIND: Mapping[str, Purifier] = {
    "noise-5hu": Purifier("noise-5hu", {"sigma, HU": 5, "spectrum": "white"}, _faint_noise),
    **{
        name: PURIFIERS[name]
        for name in ("noise-10hu", "noise-20hu", "jpeg-90", "blur-0.5mm", "resample-1mm")
    },
}
"""What a scan goes through, by name."""


class Keyed:
    """One scan under many keys.

    Args:
        scan: before any mark.
        mark_hu, max_hu: strength of the mark, and the budget.
    """

    def __init__(self, scan: Scan, mark_hu: float, max_hu: float) -> None:
        settings = MarkEvaluationSettings(mark_hu=mark_hu, max_hu=max_hu)
        self._bench = MarkBench(scan, "keys", [], settings)
        self._attacker = ATTACKERS.get("textured").make("remove")
        volume, places = hu_volume(scan).numpy(), lung_positions(scan, _OF_PLACES, 0)
        plans = [plan_attack(volume, scan.spacing, place, "remove") for place in places]
        self._plans = [plans[number] for number in max(sharing(plans, scan.spacing), key=len)]
        self._marked: tuple[int, Scan] | None = None

    def row(self, number: int, behind: str, removals: bool) -> Counts:
        """Of one key, behind one thing: untouched, and with nodules removed."""
        if self._marked is None or self._marked[0] != number:
            self._marked = number, self._bench.marked(number)
        marked = self._marked[1]
        untouched = self._verified(marked, number, behind)
        row: Counts = {"verdict": str(untouched.verdict), "verified": untouched.verified}
        if removals:
            strikes = strike(marked, self._plans, self._attacker)
            tampered = self._verified(struck(marked, strikes, "touched up"), number, behind)
            found = tampered.mask()
            row["tampered"] = str(tampered.verdict)
            row["found"] = sum(bool(found[one.core()].any()) for one in strikes)
            row["of"] = len(strikes)
        return row

    def _verified(self, scan: Scan, number: int, behind: str) -> Detection:
        if behind != AS_WRITTEN:
            scan = purify_scan(scan, BEHIND[behind], seed=number)
        return self._bench.verify(scan, number)


def summed(rows: Sequence[Counts]) -> Counts:
    """All keys together: verdicts counted, and the least and the most of what was checked."""
    verdicts = [row["verdict"] for row in rows]
    total: Counts = {
        "keys": len(rows),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "verified": [row["verified"] for row in rows],
    }
    struck_rows = [row for row in rows if "found" in row]
    if struck_rows:
        total["found"] = [row["found"] for row in struck_rows]
        total["of"] = struck_rows[0]["of"]
    return total


def measure(name: str, scan: Scan, options: argparse.Namespace, kept: Journal, tell: Say) -> Counts:
    """Everything about one scan."""
    keyed = Keyed(scan, options.mark_hu, options.max_hu)
    rows: dict[str, list[Counts]] = {}
    for number in range(options.keys):
        for behind in options.behind:
            removals = behind in options.removals
            step = f"{name}, {behind}, key {number}"
            tell(step)
            compute = partial(keyed.row, number, behind, removals)
            rows.setdefault(behind, []).append(kept.step(step, dict, compute))
    return {behind: summed(found) for behind, found in rows.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result."""
    names = [AS_WRITTEN, *BEHIND]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add_scans(parser)
    parser.add_argument("--keys", type=int, default=20, help="of every scan")
    parser.add_argument("--mark-hu", type=float, default=6.0, help="strength of the mark")
    parser.add_argument("--max-hu", type=float, default=20.0, help="budget")
    parser.add_argument("--behind", nargs="+", choices=names, default=names)
    parser.add_argument("--removals", nargs="*", choices=names, default=["noise-10hu"])
    options = parser.parse_args(argv)
    return exit_code("mark_keys", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    names = ("keys", "mark_hu", "max_hu", "behind", "removals")
    config = {name: getattr(options, name) for name in names}
    head = {**result_head("the mark under many keys"), "config": config}
    write_scans(options, head, measure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
