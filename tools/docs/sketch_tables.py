"""Tables of what the sketch finds, and of all layers side by side, from the JSON results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from drawing import plain
from result_tables import TEST_SCAN, read_result

from mitsgan.evaluate.report.formatting import Cell

Json = dict[str, Any]
Row = tuple[Cell, ...]

_NOTHING = "nothing"
_SECOND = "sketch-second"
_MARKS = ("lidc-0001", "lungdx-a0001")
_GRAIN = ", grain of"
_EASED = "slice-average-3"
_SMALL = "blob of 6 mm"

_KINDS: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("lesion painted in by a model", lambda kind: kind.endswith(" inject"), "inject: touched up"),
    ("lesion removed by a model", lambda kind: kind.endswith(" remove"), "remove: touched up"),
    (
        "painted in, the scan's grain of 1 or 2 mm kept",
        lambda kind: " inject" in kind and _GRAIN in kind,
        "inject: residual kept",
    ),
    (
        "removed, the scan's grain of 1 or 2 mm kept",
        lambda kind: " remove" in kind and _GRAIN in kind,
        "remove: residual kept",
    ),
    *(
        (name, lambda kind, name=name: kind == name, mark)
        for name, mark in (
            ("copy-move", "copy-move"),
            ("splice", "splice"),
            ("painted blob of 6 mm", ""),
            ("painted blob of 10 mm", "painted blob, 10 mm"),
            ("painted blob of 20 mm", "painted blob, 20 mm"),
            ("added blob of 6 mm", ""),
            ("added blob of 10 mm", "added blob, 10 mm"),
            ("added blob of 20 mm", ""),
            ("erased vessel of 6 mm", ""),
        )
    ),
)
"""A row: its name, which kinds of `sketch.json` it is of, and which of the mark's results."""

_WHOLE_SLICES = (
    "slices deleted",
    "slices duplicated",
    "slices reordered",
    "left and right flipped",
)


def layers() -> str:
    """What was done, and how often each layer finds it."""
    sketch, marks = read_result("sketch"), [read_result(f"mark-{name}") for name in _MARKS]
    rows: list[Row] = []
    for name, is_of, of_mark in _KINDS:
        plainly, behind = (_found(sketch, is_of, filtered=filtered) for filtered in (False, True))
        rows.append((name, "all", plainly, behind, *(_of_mark(mark, of_mark) for mark in marks)))
    for name in _WHOLE_SLICES:
        rows.append((name, "all", "", "", *(_of_mark(mark, name) for mark in marks)))
    rows.append(("one voxel, or one attribute of the header", "all", "", "", "", ""))
    header = (
        *("what was done", "seal: digests", "sketch, as stored", "sketch, behind a filter"),
        *(f"mark, `{name}`" for name in _MARKS),
    )
    return plain(header, rows)


def found_by_sketch(name: str) -> str:
    """How many of one row of `layers` the sketch found behind nothing: ``n of m``."""
    is_of = next(test for row, test, _ in _KINDS if row == name)
    return _found(read_result("sketch"), is_of, filtered=False)


def found_by_mark(scan: str, name: str) -> str:
    """How many of one row of `layers` the mark found in a scan: ``n of m``."""
    return _of_mark(
        read_result(f"mark-{scan}"), next(mark for row, _, mark in _KINDS if row == name)
    )


def accused_by_sketch() -> tuple[int, int]:
    """On the scan that was measured once: untouched verdicts that say tampered, of how many."""
    return _accused({TEST_SCAN: read_result("sketch")["scans"][TEST_SCAN]})


def behind() -> str:
    """What was found of all kinds of forgery together, by what lies between, over all scans."""
    rows: list[Row] = []
    for name, cells in _by_behind(read_result("sketch")).items():
        kinds = [kind for _, cell in cells for kind in cell["kinds"].values()]
        rows.append(
            (
                name,
                ", ".join(f"`{scan}`" for scan, _ in cells),
                _share(kinds),
                f"{min(kind['auc'] for kind in kinds):.3f}",
                f"{median(kind['dice'] for kind in kinds):.2f}",
                f"{max(cell['largest'] for _, cell in cells):.1f}",
                ", ".join(sorted({cell["verdict"] for _, cell in cells})),
            )
        )
    header = ("behind", "scans", "found", "least AUC of a kind in a scan", "median Dice")
    return plain((*header, "largest score untouched", "untouched is called"), rows)


def benign() -> str:
    """The verdict on untouched scans, by what they went through."""
    cases: dict[str, list[Json]] = {}
    for scan in read_result("sketch")["scans"].values():
        for name, case in scan["benign"].items():
            cases.setdefault(name, []).append(case)
    words = ("processed", "unknown", "tampered")
    rows: list[Row] = [
        (
            name,
            *([case["verdict"] for case in some].count(word) for word in words),
            ", ".join(f"{100 * case['judged_share']:.0f} %" for case in some),
        )
        for name, some in cases.items()
    ]
    return plain(("untouched, after", *words, "of the patient judged"), rows)


def bars() -> str:
    """What was wanted of the sketch, and what was measured."""
    result, cost = read_result("sketch"), read_result("sketch-cost")
    rows: list[Row] = []
    for name, scans in (
        ("design scans", [scan for scan in result["scans"] if scan != TEST_SCAN]),
        (f"`{TEST_SCAN}`, first run", [scan for scan in result["scans"] if scan == TEST_SCAN]),
    ):
        if scans:
            rows += [(name, *row) for row in _bars_of({s: result["scans"][s] for s in scans})]
    seconds, cpu = (cost[kind]["make_sketch"]["least"] for kind in ("seconds", "cpu_seconds"))
    times, cpu_times = cost["times_reading"], cost["cpu_times_reading"]
    slices = cost["shape"][0]
    made = f"making it, {slices} slices of 512 x 512, s"
    told = f"{seconds:.2f}; {cpu:.2f} of processor time"
    rows.append(("cost", made, "less than 0.3", told, _verdict(seconds < 0.3)))
    for what, step in (
        ("verifying what is intact", "verify_intact"),
        ("verifying what was processed", "verify_processed"),
    ):
        told = f"{times[step]:.1f}; {cpu_times[step]:.1f} of processor time"
        what = f"{what}, over reading the series"
        rows.append(("cost", what, "at most 1.5", told, _verdict(times[step] <= 1.5)))
    return plain(("scans", "what", "wanted", "measured", "verdict"), rows)


def mended() -> str:
    """The same bars of what was measured after the method was mended."""
    rows: list[Row] = []
    for name, result in (
        ("design scans", "sketch-mended"),
        (f"`{TEST_SCAN}`, second run", _SECOND),
    ):
        rows += [(name, *row) for row in _bars_of(read_result(result)["scans"])]
    return plain(("scans", "what", "wanted", "measured", "verdict"), rows)


def accused_by_mended_sketch() -> tuple[int, int]:
    """On the scan that was measured once more after that, as `accused_by_sketch`."""
    return _accused(read_result(_SECOND)["scans"])


def untouched() -> str:
    """How near untouched scans of many looks come to an accusation, by what they went through."""
    words = ("processed", "unknown", "tampered")
    rows: list[Row] = []
    for name, cases in _untouched_cases().items():
        verdicts = [case["verdict"] for _, case in cases]
        look, nearest = max(cases, key=lambda named: named[1]["closest"])
        rows.append((name, *map(verdicts.count, words), f"{nearest['closest']:.2f}", look))
    return plain(("untouched, after", *words, "nearest to its threshold", "that is"), rows)


def untouched_looks() -> tuple[int, int, int, float]:
    """Looks, their verdicts, how many of these accuse, and the largest part of a threshold."""
    cases = [case for some in _untouched_cases().values() for _, case in some]
    return (
        len(read_result("sketch-untouched")["looks"]),
        len(cases),
        [case["verdict"] for case in cases].count("tampered"),
        max(case["closest"] for case in cases),
    )


def _untouched_cases() -> dict[str, list[tuple[str, Json]]]:
    """Looks and what was said of them, by what they went through."""
    by_case: dict[str, list[tuple[str, Json]]] = {}
    for look, cases in read_result("sketch-untouched")["looks"].items():
        for name, case in cases.items():
            by_case.setdefault(name, []).append((look, case))
    return by_case


def _bars_of(scans: Json) -> Iterator[Row]:
    """Rows without the name of the scans."""
    by_behind = _by_behind({"scans": scans})
    kinds = [
        (behind_what, name, kind)
        for behind_what, cells in by_behind.items()
        for _, cell in cells
        for name, kind in cell["kinds"].items()
    ]
    eased = [kind for where, name, kind in kinds if where == _EASED or name.endswith(_SMALL)]
    strict = [kind for where, name, kind in kinds if where != _EASED and not name.endswith(_SMALL)]
    for what, some, wanted in (
        ("AUC at the place, least of all cells", strict, 0.999),
        (f"the same behind {_EASED}, and of blobs of 6 mm", eased, 0.99),
    ):
        least = min(kind["auc"] for kind in some)
        yield what, f"at least {wanted}", f"{least:.3f}", _verdict(least >= wanted)
    for where, cells in by_behind.items():
        some = [kind for _, cell in cells for kind in cell["kinds"].values()]
        wanted = 0.99 if where == _NOTHING else 0.95
        share = sum(kind["found"] for kind in some) / sum(kind["n"] for kind in some)
        what = f"found by search behind {where}"
        yield what, f"at least {wanted:.0%}", _share(some), _verdict(share >= wanted)
    wrong, verdicts = _accused(scans)
    what = "untouched scans called tampered"
    yield what, "0", f"{wrong} of {verdicts}", _verdict(wrong == 0)
    dice = median(kind["dice"] for where, _, kind in kinds if where == _NOTHING)
    yield (
        "median Dice in cells behind nothing",
        "at least 0.7",
        f"{dice:.2f}",
        _verdict(dice >= 0.7),
    )
    largest = max(
        (scan["share_of_pixels"] for scan in scans.values() if "share_of_pixels" in scan),
        default=None,
    )
    if largest is not None:
        yield (
            "sketch over uncompressed pixels",
            "at most 2 %",
            f"{largest:.1%}",
            _verdict(largest <= 0.02),
        )


def _accused(scans: Json) -> tuple[int, int]:
    """Untouched verdicts that say tampered, behind filters and after all else, of how many."""
    verdicts = [
        case["verdict"]
        for scan in scans.values()
        for case in (*scan["behind"].values(), *scan["benign"].values())
    ]
    return verdicts.count("tampered"), len(verdicts)


def _found(sketch: Json, is_of: Callable[[str], bool], *, filtered: bool) -> str:
    """How many of some kinds were found in all scans, as stored or behind all filters together."""
    return _share(
        kind
        for where, cells in _by_behind(sketch).items()
        if (where != _NOTHING) is filtered
        for _, cell in cells
        for name, kind in cell["kinds"].items()
        if is_of(name)
    )


def _of_mark(result: Json, what: str) -> str:
    """How many the mark found."""
    action, _, case = what.partition(": ")
    if case:
        found = result["attacks"][action]["cases"][case]["found"]
        return f"{found['count']} of {found['n']}"
    for row in result["manipulations"]:
        if row["name"] == what:
            tampered = row["verdicts"]["tampered"]
            return f"{tampered['count']} of {tampered['n']}"
    return ""


def _share(kinds: Iterable[Json]) -> str:
    some: Sequence[Json] = list(kinds)
    return f"{sum(kind['found'] for kind in some)} of {sum(kind['n'] for kind in some)}"


def _by_behind(result: Json) -> dict[str, list[tuple[str, Json]]]:
    """Scans and what was found in them, by what lies between; nothing first."""
    cells: dict[str, list[tuple[str, Json]]] = {_NOTHING: []}
    for scan, measured in result["scans"].items():
        for where, cell in measured["behind"].items():
            cells.setdefault(where, []).append((scan, cell))
    return cells


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "**missed**"
