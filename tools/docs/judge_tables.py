"""What the judges of attacks are worth: tables and a diagram of docs/results/judges.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from drawing import plain
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from result_tables import RESULTS, read_result

from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column

PICTURE = RESULTS.parent / "images" / "calibration.svg"

_JUDGES = ("classifier", "lump")
_INK, _PALE = "#1b5e8c", "#c8d6e0"


def shares() -> str:
    """In how many cubes either judge sees a nodule, where the answer is known."""
    rows: list[list[Cell]] = []
    for one in _scans():
        for group in one["groups"]:
            what = "sees it" if group["nodules"] else "false alarm"
            shown = (_share(group[judge]) for judge in _JUDGES)
            rows.append([_named(one), group["cubes"], what, group["classifier"]["n"], *shown])
    columns = ("scan", "cubes", "seen is", Column("", "n"))
    return plain((*columns, "classifier, %", "lump, %"), rows)


def calibration() -> str:
    """How often there was a nodule where the classifier gave about some probability."""
    rows: list[list[Cell]] = []
    unseen = [one for one in _scans() if not one["in_training"]]
    for number, first in enumerate(unseen[0]["calibration"]["bins"]):
        row: list[Cell] = [f"{first['low']:.1f} to {first['high']:.1f}"]
        for one in unseen:
            bin = one["calibration"]["bins"][number]
            mean = bin["probability"]
            row += [bin["positives"]["n"], "" if mean is None else f"{mean:.2f}"]
            row.append("" if mean is None else _share(bin["positives"]))
        rows.append(row)
    columns: list[str | Column] = ["probability"]
    for one in unseen:
        name = f"`{one['scan']}`"
        columns += [Column("", f"{name}: n"), "mean probability", "nodules, %"]
    return plain(columns, rows)


def errors() -> str:
    """Expected calibration error, and what stands beside it, of every scan."""
    columns = (
        *("scan", Column("", "nodules"), Column("", "places without")),
        Column("", "expected calibration error", digits=3),
        Column("", "Brier score", digits=3),
        Column("", "AUC", digits=4),
    )
    rows: list[list[Cell]] = []
    for one in _scans():
        found, bins = one["calibration"], one["calibration"]["bins"]
        nodules = sum(bin["positives"]["count"] for bin in bins)
        every = sum(bin["positives"]["n"] for bin in bins)
        numbers = (found["expected_error"], found["brier"], found["auc"])
        rows.append([_named(one), nodules, every - nodules, *numbers])
    return plain(columns, rows)


def real() -> str:
    """What the judges say of nodules that readers marked."""
    rows: list[list[Cell]] = [
        [
            _named(one),
            ", ".join(f"{v:.0f}" for v in nodule["lps_mm"]),
            nodule["diameter_mm"],
            100 * nodule["probability"],
            _seen(nodule["called"]),
            nodule["lump_mm3"],
            _seen(nodule["lump"]),
        ]
        for one in _scans()
        for nodule in one["real"] or ()
    ]
    columns = (
        *("scan", "LPS, mm", Column("", "diameter", "mm", digits=1)),
        *(Column("", "probability", "%", digits=1), "classifier"),
        *(Column("", "lump", "mm³", digits=0), "lump stands"),
    )
    return plain(columns, rows)


def stale_picture() -> Iterator[Path]:
    """The diagram, where it is not of the numbers in the result."""
    if not (PICTURE.is_file() and _stamp() in PICTURE.read_text(encoding="utf-8")):
        yield PICTURE


def draw_picture() -> None:
    """Draw the diagram anew if it is stale, as SVG."""
    if not list(stale_picture()):
        return
    unseen = [one for one in _scans() if not one["in_training"]]
    figure = Figure(figsize=(4.4 * len(unseen), 4.4), facecolor="white", layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(1, len(unseen), squeeze=False, sharey=True)[0]
    for panel, one in zip(panels, unseen, strict=True):
        _panel(panel, one)
    panels[0].set_ylabel("part of them that were nodules", fontsize=9)
    with matplotlib.rc_context({"svg.hashsalt": "calibration"}):
        figure.savefig(PICTURE, format="svg", metadata={"Date": None})
    with PICTURE.open("a", encoding="utf-8") as file:
        file.write(_stamp() + "\n")


def _panel(panel: Axes, one: dict[str, Any]) -> None:
    """The reliability diagram of one scan, with how many cubes each point is of."""
    found = one["calibration"]
    bins = [bin for bin in found["bins"] if bin["positives"]["n"]]
    means = [bin["probability"] for bin in bins]
    rates = [bin["positives"]["rate"] for bin in bins]
    ends = [bin["positives"]["interval_95"] for bin in bins]
    low, high = ([abs(end[i] - r) for end, r in zip(ends, rates, strict=True)] for i in (0, 1))
    panel.plot([0, 1], [0, 1], color=_PALE, linestyle="--", label="as it says")
    panel.errorbar(
        means, rates, yerr=(low, high), color=_INK, marker="o", capsize=3, label="95 % interval"
    )
    for mean, part, bin in zip(means, rates, bins, strict=True):
        panel.annotate(
            str(bin["positives"]["n"]),
            (mean, part),
            xytext=(6, -10),
            textcoords="offset points",
            fontsize=7,
        )
    panel.set_title(f"{one['scan']}: expected error {found['expected_error']:.3f}", fontsize=10)
    panel.set_xlabel("probability that the classifier gives", fontsize=9)
    panel.set_xlim(-0.03, 1.05)
    panel.set_ylim(-0.05, 1.05)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8, loc="upper left")


def _stamp() -> str:
    """Which numbers the diagram is of: renderers differ, so pictures are not compared."""
    text = json.dumps([one["calibration"] for one in _scans()], sort_keys=True)
    return f"<!-- calibration {hashlib.sha256(text.encode()).hexdigest()} -->"


def _scans() -> list[dict[str, Any]]:
    scans: list[dict[str, Any]] = read_result("judges")["scans"]
    return scans


def _named(one: dict[str, Any]) -> str:
    return f"`{one['scan']}`" + (" (in training)" if one["in_training"] else "")


def _share(row: dict[str, Any]) -> str:
    """A rate in per cent with its interval."""
    if row["rate"] is None:
        return ""
    low, high = row["interval_95"]
    return of_sample(100 * row["rate"], row["n"], (100 * low, 100 * high), unit="%")


def _seen(answer: bool) -> str:
    return "seen" if answer else "missed"
