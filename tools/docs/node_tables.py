"""Tables of what the node was put through, from the JSON of its campaign and its benchmark."""

from __future__ import annotations

import statistics
from typing import Any

from drawing import plain
from result_tables import read_result

Json = dict[str, Any]

_COUNTS = {
    "objects_acknowledged": "objects acknowledged",
    "series_committed": "series committed",
    "series_not_committed": "series that ended otherwise",
    "series_that_came_in_two_goes": "series that came in two goes",
    "objects_missing": "acknowledged objects that the archive lacks",
    "objects_that_arrived_twice": "objects that arrived twice",
    "equal_uids_in_archive": "objects of an equal UID in the archive",
    "originals_in_archive": "originals in the archive",
    "series_beyond_budget": "series beyond their budget",
    "series_whose_seal_does_not_verify": "series whose seal does not verify",
}


def campaign() -> str:
    """What was killed, and what became of every object."""
    result = read_result("node-campaign")
    count, plan = result["count"], result["plan"]
    kills = ", ".join(f"{name} {number}" for name, number in sorted(count["kills"].items()))
    rows = [("series sent", str(plan["series"])), ("senders at once", str(plan["senders"]))]
    rows += [("killed", kills), ("malformed PDUs for", f"{plan['fuzz_seconds']:g} s")]
    rows += [(words, str(count[name])) for name, words in _COUNTS.items()]
    return plain(("", "counted"), rows)


def speed() -> str:
    """Ratios of the node to programs that only write, and only send."""
    result = read_result("node-speed")
    rows = []
    for name, words, target in (
        ("receive_ratio", "receive / bare receive", 1.5),
        ("forward_ratio", "receive, protect, forward / (bare receive + bare send)", 2),
    ):
        rows.append((words, _spread(result[name]), f"at most {target:g}"))
    if "protect_share" in result:
        at_once = "the same, to a bare sender whose messages are not held back"
        rows.append((at_once, _spread(result["forward_ratio_at_once"]), ""))
        share = "protecting alone / receive, protect, forward"
        rows.append((share, _spread(result["protect_share"]), ""))
        cpu = statistics.median(run["protect_cpu"] for run in result["runs"])
        rows.append(("protecting alone, time of processors", f"{cpu:.1f} s", ""))
    for name, peak in result["peak_mb"].items():
        rows.append((f"peak memory, {name}", f"{peak:.0f} MB", ""))
    return plain((f"{result['slices']} slices of {result['size']}²", "measured", "target"), rows)


def _spread(ratio: dict[str, float]) -> str:
    """Median, least and largest."""
    return f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['largest']:.2f})"
