"""What README.md says in words and numbers, drawn from the committed results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmark_digest import at_first_budget, first_appearance
from benchmark_pages import SUMMARY
from density_tables import density_evaluations, lung_means
from drawing import plain
from result_tables import evaluation, read_result
from sketch_tables import (
    accused_by_mended_sketch,
    accused_by_sketch,
    found_by_mark,
    found_by_sketch,
    untouched_looks,
)

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column
from mitsgan.settings import DEFAULT_PROTECTOR

_MARKED = {"lidc-0001": "2.5 mm slices", "lungdx-a0001": "5 mm slices, sharp kernel"}
_PAINTED_IN, _REMOVED = "lesion painted in by a model", "lesion removed by a model"
_FIGURES = {"lung, mean": "mean", "LAA-950": "LAA-950", "Perc15": "Perc15"}
_UNITS = {"%": "percentage points"}
_PLAIN = "mits-gan"
"""The network without waves."""
_PAIR = "textured"


def in_words() -> str:
    """Whether attacks fail, whether they are found, and whether the original comes back."""
    return "\n".join(f"- {sentence}" for sentence in _sentences())


def _sentences() -> Iterator[str]:
    looks = first_appearance(Benchmark.read(SUMMARY), "textured", "inject")
    n = int(looks["n"] or 0)
    without, protected = (
        round(float(looks[key] or 0) * n / 100) for key in ("nodule_original", "nodule_protected")
    )
    yield (
        f"**Disruption does not stop an attack.** On `{looks['scan']}`, a chest CT that no "
        f"training saw, {without} of {n} nodules that a simulated attacker paints in pass for "
        f"nodules without protection, and {protected} of {n} with it, within {looks['budget']}."
    )
    accused, verdicts = accused_by_sketch()
    count, judged, still, nearest = untouched_looks()
    wrong, again = accused_by_mended_sketch()
    yield (
        "**The sketch in the seal finds it**: "
        f"{found_by_sketch(_PAINTED_IN)} lesions painted in and {found_by_sketch(_REMOVED)} "
        "removed by models, on the three scans that it was designed on and one that was measured "
        f"once, when it was done. On that one it **accused wrongly, too**: {accused} of {verdicts} "
        "verdicts on the untouched scan behind filters and on other grids said *tampered*. The "
        f"causes were mended since on other scans: of {judged} verdicts on {count} untouched scans "
        f"and sharpened copies of them {_none(still)} *tampered*, the nearest at "
        f"{100 * nearest:.0f} % of its threshold "
        "([which](docs/seal.md#untouched-scans)). That one scan, judged a second time, is called "
        f"*tampered* in {wrong} of {again}."
    )
    marks = "; ".join(
        f"on `{scan}` ({slices}) {found_by_mark(scan, _PAINTED_IN)} painted in and "
        f"{found_by_mark(scan, _REMOVED)} removed"
        for scan, slices in _MARKED.items()
    )
    yield f"**The mark finds it in part**, with a secret key and no file beside the scan: {marks}."
    rows = read_result("restore")["results"]
    same = sum(row["same_bytes"] for row in rows)
    yield (
        f"**The original comes back**: every byte of it in {same} of {len(rows)} series protected "
        "and restored, with and without a mark."
    )


def _none(count: int) -> str:
    return f"{count} say" if count else "none says"


def limits() -> str:
    """The limits of README.md that have a number in them."""
    return "\n".join(f"- {sentence}" for sentence in (_moved(), _density(), _baselines()))


def moved_voxels() -> str:
    """Where what moves lies, of every scan that was looked at."""
    columns = (
        "scan",
        "budget",
        Column("", "voxels that move", "% of the scan", digits=0),
        Column("", "in the lung", "%", digits=0),
        Column("", "within 24 mm of it", "%", digits=0),
        Column("", "farther", "%", digits=1),
        Column("", "the farthest", "mm", digits=1),
        Column("", "RMSE of the scan", "HU", digits=2),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            f"`{row['scan']}`",
            f"{row['max_hu']:g} HU",
            100 * row["moved"] / row["voxels"],
            *(100 * row[key] for key in ("in_lung", "near", "beyond")),
            row["farthest_mm"],
            row["rms_hu"],
        )
        for row in _scans()
    ]
    return plain(columns, rows)


def _scans() -> list[dict[str, Any]]:
    tree = read_result("moved-voxels")
    scans: list[dict[str, Any]] = tree["scans"]
    return scans


def _moved() -> str:
    scans = _scans()
    inside = sorted(round(100 * row["in_lung"]) for row in scans)
    farthest = max(row["farthest_mm"] for row in scans)
    beyond = f"{100 * max(row['beyond'] for row in scans):.1f}"
    return (
        "**What lies beside the lungs moves, too**: voxels up to 24 mm away from them (measured: "
        f"{farthest:.1f} mm; {beyond} % of those that move lie farther). {inside[0]} to "
        f"{inside[-1]} % of the voxels that move are in the lungs. The mark is in the whole body."
    )


def _density() -> str:
    unseen = evaluation().scan.name
    result = next(
        one
        for one in density_evaluations()
        if (one.scan.name, one.protected_by) == (unseen, DEFAULT_PROTECTOR)
    )
    by_name = {figure.name: figure for figure in result.invariants}
    moves = []
    for name, short in _FIGURES.items():
        figure = by_name[name]
        unit = _UNITS.get(figure.unit, figure.unit)
        bound = "" if figure.tolerance is None else f" (tolerance {figure.tolerance:g})"
        moves.append(f"{short} by {figure.change or 0:+.1f} {unit}{bound}")
    means = {name: lung_means(name) for name in (DEFAULT_PROTECTOR, _PLAIN)}
    most = {name: f"{max(values):.1f} HU" for name, values in means.items()}
    return (
        f"**Density moves a little.** On `{result.scan.name}`, of the lung, {', '.join(moves)}; on "
        f"{len(means[DEFAULT_PROTECTOR])} scans the mean by {most[DEFAULT_PROTECTOR]} at most "
        f"(`--protector {_PLAIN}`: {most[_PLAIN]}; "
        "[measured](docs/results/README.md#density-by-protector)). Where software measures it, "
        "give the original back (`--restorable`)."
    )


def _baselines() -> str:
    summary = Benchmark.read(SUMMARY)
    rows = [row for row in at_first_budget(summary) if row["attacker"] == _PAIR]
    ours = str(rows[0]["protector"])
    parts, more = [], []
    for action, doing in (("inject", "injecting"), ("remove", "removing")):
        values: dict[str, float] = {
            str(row["protector"]).removesuffix(", clipped"): float(row["disruption"] or 0)
            for row in rows
            if row["action"] == action and row["form"] == "clipped"
        }
        clipped = [values[who] for who in ("MITS-GAN, released", "TAFIM")]
        if min(clipped) > values[ours]:
            more.append(doing)
        numbers = " and ".join(f"{value:.0f}" for value in clipped)
        parts.append(f"{numbers} against {values[ours]:.0f} HU when {doing}")
    return (
        "**Baselines clipped to the same budget disrupt "
        f"`{_PAIR}` {_where(more)}**: MITS-GAN as released and TAFIM, {', '.join(parts)}. Clipped "
        "they are a constant offset."
    )


def _where(more: Sequence[str]) -> str:
    """In which of two actions others do more than we."""
    if not more:
        return "no more than ours"
    return "more than ours" + (f" when {more[0]}" if len(more) == 1 else "")
