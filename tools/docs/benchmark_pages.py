"""Tables and plots of the benchmark's pages, from its summary."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib
from benchmark_digest import digest
from drawing import drawn
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from result_tables import RESULTS

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.content import Curve, headline_table
from mitsgan.evaluate.report.html.chart import draw_curve, series_colours

SUMMARY = RESULTS / "benchmark" / "summary.json"
IMAGES = RESULTS.parent / "images"
MISSING = "*Not run yet.*"

_BLOCK = re.compile(r"(<!-- benchmark ([^>]+) -->\n).*?(<!-- /benchmark \2 -->)", re.DOTALL)
_PLOTS = {"budget": "Disruption over budget", "uncertainty": "Disruption over uncertainty"}


def filled(text: str) -> str:
    """A page with every block between ``<!-- benchmark NAME -->`` markers made anew."""
    summary = Benchmark.read(SUMMARY) if SUMMARY.is_file() and _BLOCK.search(text) else None

    def block(match: re.Match[str]) -> str:
        body = MISSING if summary is None else _block(match[2], summary)
        return f"{match[1]}{body}\n{match[3]}"

    return _BLOCK.sub(block, text)


def stale_plots() -> Iterator[Path]:
    """Plots that are not of the curves in the summary."""
    if SUMMARY.is_file():
        summary = Benchmark.read(SUMMARY)
        for kind in _PLOTS:
            path, curves = _path(kind), _curves(summary, kind)
            if curves and not (path.is_file() and _stamp(curves) in path.read_text()):
                yield path


def draw_plots() -> None:
    """Draw every plot that is stale, as SVG."""
    stale = set(stale_plots())
    if stale:
        summary = Benchmark.read(SUMMARY)
        for kind, title in _PLOTS.items():
            if _path(kind) in stale:
                _draw(_path(kind), title, _curves(summary, kind))


def _block(name: str, summary: Benchmark) -> str:
    if name == "headline":
        return drawn(headline_table(summary.report().headline))
    if name == "leaderboard":
        return drawn(summary.report().tables[0])
    if name == "digest":
        return digest(summary)
    if name == "gaps":
        return "\n".join(f"- {gap}" for gap in summary.gaps) or "Nothing."
    if name.startswith("plot-"):
        kind = name.removeprefix("plot-")
        there = bool(_curves(summary, kind))
        return f"![{_PLOTS[kind]}](images/{_path(kind).name})" if there else MISSING
    tables = [table for table in summary.tables if table.id == name]
    return drawn(tables[0]) if tables else MISSING


def _path(kind: str) -> Path:
    return IMAGES / f"benchmark-{kind}.svg"


def _curves(summary: Benchmark, kind: str) -> list[Curve]:
    """Those of unseen scans: one panel each."""
    scans = [s["name"] for s in summary.provenance["scans"] if s["role"] == "unseen"]
    starts = tuple(f"{kind}-{scan}-" for scan in scans)
    return [curve for curve in summary.curves if curve.id.startswith(starts)]


def _stamp(curves: Sequence[Curve]) -> str:
    """Which curves a plot is of: renderers differ, so plots are not compared themselves."""
    text = json.dumps([asdict(curve) for curve in curves], sort_keys=True)
    return f"<!-- curves {hashlib.sha256(text.encode()).hexdigest()} -->"


def _draw(path: Path, title: str, curves: Sequence[Curve]) -> None:
    rows, colours = -(-len(curves) // 2), series_colours(curves)
    figure = Figure(figsize=(9.6, 3.4 * rows + 0.4), facecolor="white", layout="constrained")
    FigureCanvasSVG(figure)
    figure.suptitle(title)
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True)
    for panel in panels.flat[len(curves) :]:
        panel.set_visible(False)
    for panel, curve in zip(panels.flat, curves, strict=False):
        draw_curve(panel, curve, colours)
        panel.set_title(curve.title.split(": ", 1)[-1], fontsize=9)
        panel.set_xlabel(curve.x.title, fontsize=8)
        panel.set_ylabel(curve.y.title, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.legend(fontsize=7)
        panel.grid(alpha=0.3)
    IMAGES.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    with path.open("a", encoding="utf-8") as file:
        file.write(_stamp(curves) + "\n")
