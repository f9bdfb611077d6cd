"""Tables and plots of the benchmark's pages, from its summary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark_digest import digest
from drawing import draw_curves, drawn, is_stale
from result_tables import RESULTS

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.content import Curve, headline_table

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
            if curves and is_stale(path, curves):
                yield path


def draw_plots() -> None:
    """Draw every plot that is stale, as SVG."""
    if SUMMARY.is_file():
        summary = Benchmark.read(SUMMARY)
        for kind, title in _PLOTS.items():
            if curves := _curves(summary, kind):
                draw_curves(_path(kind), title, curves)


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
