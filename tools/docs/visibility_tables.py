"""Tables of docs/visibility.md and a sentence of README.md, from docs/results/visibility*.json."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column
from mitsgan.settings import DEFAULT_PROTECTOR
from visibility_result import RATIOS, Seen, Visibility, Way

SUMMARY = RESULTS / "visibility.json"
KEYED = tuple(RESULTS / f"visibility-{name}.json" for name in ("field", "keyed"))
_DEFAULT = Way(DEFAULT_PROTECTOR)
_OTHERS = tuple(Way(name) for name in ("mits-gan", "mits-gan-waves", "wave"))
_TOLD_APART = 5.0
"""To one: the ratio of JPEG 2000 whose results readers did not tell from originals."""


def table(window: str) -> str:
    """The ratio that is as visible, and the quality lost, of each way and scan, in one window."""
    result = Visibility.read(SUMMARY)
    scans = list(result.slices)
    columns: list[str | Column] = ["protector", "budget", *(f"`{scan}`" for scan in scans)]
    rows: list[list[Cell]] = []
    for way in dict.fromkeys(one.way for one in result.seen):
        by_scan = _by_scan(result, way, window)
        rows.append([_name(way), _budget(way), *(_cell(by_scan[scan]) for scan in scans)])
    return plain(columns, rows)


def drawn_from_a_key() -> str:
    """The same of a bias field and of a keyed wave of 10 HU, which were looked at alone."""
    results = [Visibility.read(path) for path in KEYED]
    scans = list(results[0].slices)
    rows: list[list[Cell]] = []
    for result in results:
        (way,) = {one.way for one in result.seen}
        for window in ("lung", "mediastinal"):
            by_scan = _by_scan(result, way, window)
            rows.append([_name(way), window, *(_cell(by_scan[scan]) for scan in scans)])
    return plain(["protector", "window", *(f"`{scan}`" for scan in scans)], rows)


def in_short() -> str:
    """What the default comes to, and which budgets readers may not tell, window by window."""
    result = Visibility.read(SUMMARY)
    budgets = [way for way in dict.fromkeys(one.way for one in result.seen) if _plain_default(way)]
    lines = []
    for window in ("lung", "mediastinal"):
        found = [f"{_range(result, way, window)} with {_budget(way)}" for way in budgets]
        lines.append(
            f"- **In the {window} window**, {_name(_DEFAULT)}, the default, is as visible as "
            f"JPEG 2000 of {', '.join(found)}."
        )
    others = [way for way in _OTHERS if way != _DEFAULT]
    other = " and ".join(f"{_range(result, way, 'lung')} ({_name(way)})" for way in others)
    marked = _range(result, Way("mits-gan", marked=True), "lung")
    noise, offset = (_range(result, Way(name), "lung") for name in ("noise", "offset"))
    lines.append(
        f"- **The others, with 10 HU in the lung window**: {other}, {marked} (`mits-gan` with a "
        f"mark), {noise} (random signs in the whole slice), {offset} (one constant)."
    )
    return "\n".join(lines)


def answer() -> str:
    """The question of README.md whether a reader sees it."""
    result = Visibility.read(SUMMARY)
    ratios = [median(one.as_jpeg2000) for one in _by_scan(result, _DEFAULT, "lung").values()]
    seen = sum(ratio > _TOLD_APART for ratio in ratios)
    lung, mediastinal = (_range(result, _DEFAULT, name) for name in ("lung", "mediastinal"))
    quiet = _range(result, Way(_DEFAULT.protector, 5.0), "lung")
    return (
        "- **Does a reader see it?** No voxel moves by more than 10 HU unless you say so. Who "
        "turns from the original to the protected scan and back may see that: by a model of the "
        f"eye it is as visible as JPEG 2000 of {lung} in the lung window and of {mediastinal} in "
        f"the mediastinal one, and in the first on {seen} of {len(ratios)} scans past the "
        f"5:1 that readers did not tell from the original; with 5 HU it is {quiet} "
        "([how it was measured](docs/visibility.md)). No reader study has been made. Where that is "
        "not enough, `--restorable` gives the original back for reading."
    )


def seen_in_lung_window(protector: str) -> str:
    """The ratio of JPEG 2000 that is as visible as 10 HU of a protector, over scans."""
    results = [Visibility.read(path) for path in (SUMMARY, *KEYED)]
    (result,) = (r for r in results if any(one.way == Way(protector) for one in r.seen))
    return _range(result, Way(protector), "lung")


def _plain_default(way: Way) -> bool:
    return (way.protector, way.marked, way.magnification) == (_DEFAULT.protector, False, 2)


def _by_scan(result: Visibility, way: Way, window: str) -> dict[str, Seen]:
    return {one.scan: one for one in result.seen if (one.way, one.window) == (way, window)}


def _range(result: Visibility, way: Way, window: str) -> str:
    """From the scan where it is seen least to the one where it is seen most, median slices."""
    ratios = [median(one.as_jpeg2000) for one in _by_scan(result, way, window).values()]
    first, last = _ratio(min(ratios)), _ratio(max(ratios))
    return first if first == last else f"{first} to {last}"


def _cell(one: Seen) -> str:
    """``7.0:1 (3.2 to 7.8), 0.05 JOD``: the median slice, and the least and the most."""
    ratios = one.as_jpeg2000
    return (
        f"{_ratio(median(ratios))} ({_bare(min(ratios))} to {_bare(max(ratios))}), "
        f"{median(one.lost_jod):.2f} JOD"
    )


def _ratio(ratio: float) -> str:
    beyond = {RATIOS[0]: "at most ", RATIOS[-1]: "at least "}.get(ratio, "")
    return f"{beyond}{_bare(ratio)}:1"


def _bare(ratio: float) -> str:
    return f"{ratio:.2g}"


def _name(way: Way) -> str:
    parts: Iterable[str] = (
        f"`{way.protector}`",
        *(("with a mark",) if way.marked else ()),
        *((f"magnified {way.magnification} times",) if way.magnification != 2 else ()),
    )
    return ", ".join(parts)


def _budget(way: Way) -> str:
    if way.noise_fraction is None:
        return f"{way.max_hu:g} HU"
    return f"{way.noise_fraction:g} sigma, at most {way.max_hu:g} HU"
