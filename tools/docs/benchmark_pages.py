"""Tables and plots of docs/benchmark.md, from docs/results/benchmark/summary.json."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
SUMMARY = DOCS / "results" / "benchmark" / "summary.json"
IMAGES = DOCS / "images"
MISSING = "*Not run yet.*"
Json = dict[str, Any]

_BLOCK = re.compile(r"(<!-- benchmark ([^>]+) -->\n).*?(<!-- /benchmark \2 -->)", re.DOTALL)
_LEFT_OUT = {"low", "high", "over_noise_low", "over_noise_high"}
_HU_TICKS = (5, 10, 20, 50, 100, 200, 500)
_PLOTS = {"budget": "Disruption over budget", "uncertainty": "Disruption over uncertainty"}


def filled(text: str) -> str:
    """A page with every block between ``<!-- benchmark NAME -->`` markers made anew."""
    summary = json.loads(SUMMARY.read_text()) if SUMMARY.is_file() else None

    def made(match: re.Match[str]) -> str:
        body = MISSING if summary is None else _block(match[2], summary)
        return f"{match[1]}{body}\n{match[3]}"

    return _BLOCK.sub(made, text)


def stale_plots() -> Iterator[Path]:
    """Plots that are not of the curves in the summary."""
    if SUMMARY.is_file():
        summary = json.loads(SUMMARY.read_text())
        for kind in _PLOTS:
            path = _path(kind)
            stamp = _stamp(_curves(summary, kind))
            if _curves(summary, kind) and not (path.is_file() and stamp in path.read_text()):
                yield path


def draw_plots() -> None:
    """Draw every plot that is stale, as SVG."""
    if not SUMMARY.is_file():
        return
    summary = json.loads(SUMMARY.read_text())
    stale = set(stale_plots())
    for kind, title in _PLOTS.items():
        if _path(kind) in stale:
            _draw(_path(kind), title, _curves(summary, kind))


def _block(name: str, summary: Json) -> str:
    if name == "headline":
        rows = [
            (r["label"], _number(r["value"]), r["unit"], r["n"], r["note"]) for r in summary[name]
        ]
        return _markdown(("what", "measured", "unit", "n", ""), rows)
    if name == "gaps":
        return "\n".join(f"- {gap}" for gap in summary["gaps"]) or "Nothing."
    if name.startswith("plot-"):
        kind = name.removeprefix("plot-")
        there = bool(_curves(summary, kind))
        return f"![{_PLOTS[kind]}](images/{_path(kind).name})" if there else MISSING
    found = [table for table in summary["tables"] if table["id"] == name]
    return _table(found[0]) if found else MISSING


def _table(table: Json) -> str:
    """With an interval in the cell of its value, and no column in which all is the same."""
    columns = [c for c in table["columns"] if c["key"] not in _LEFT_OUT]
    header = [f"{c['label']}, {c['unit']}" if c["unit"] else c["label"] for c in columns]
    rows = [[_cell(c["key"], row) for c in columns] for row in table["rows"]]
    same = [i for i, c in enumerate(columns) if _is_same(i, rows) and c["key"] not in ("n",)]
    always = [f"{header[i]}: {rows[0][i]}" for i in same if rows[0][i] != "-"]
    kept = [i for i in range(len(columns)) if i not in same]
    made = _markdown([header[i] for i in kept], [[row[i] for i in kept] for row in rows])
    return f"{made}\n\nIn all rows: {'; '.join(always)}." if always else made


def _is_same(column: int, rows: Sequence[Sequence[str]]) -> bool:
    return len(rows) > 1 and len({row[column] for row in rows}) == 1


def _cell(key: str, row: Json) -> str:
    ends = ("low", "high") if key == "disruption" else (f"{key}_low", f"{key}_high")
    low, high = (row.get(end) for end in ends)
    value = _number(row[key])
    return value if low is None else f"{value} ({_number(low)} to {_number(high)})"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1000 else str(value)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _path(kind: str) -> Path:
    return IMAGES / f"benchmark-{kind}.svg"


def _curves(summary: Json, kind: str) -> list[Json]:
    """Those of unseen scans: one panel each."""
    scans = [s["name"] for s in summary["provenance"]["scans"] if s["role"] == "unseen"]
    starts = tuple(f"{kind}-{scan}-" for scan in scans)
    return [curve for curve in summary["curves"] if curve["id"].startswith(starts)]


def _stamp(curves: Sequence[Json]) -> str:
    """Which curves a plot is of: renderers differ, so plots are not compared themselves."""
    digest = hashlib.sha256(json.dumps(curves, sort_keys=True).encode()).hexdigest()
    return f"<!-- curves {digest} -->"


def _draw(path: Path, title: str, curves: Sequence[Json]) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    rows = -(-len(curves) // 2)
    figure = Figure(figsize=(9.6, 3.4 * rows + 0.4), facecolor="white", layout="constrained")
    FigureCanvasSVG(figure)
    figure.suptitle(title)
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True)
    for panel in panels.flat[len(curves) :]:
        panel.set_visible(False)
    for panel, curve in zip(panels.flat, curves, strict=False):
        for series in curve["series"]:
            points = series["points"]
            x, y, low, high = ([p[k] for p in points] for k in ("x", "y", "low", "high"))
            panel.plot(x, y, marker="o", markersize=3, label=series["name"])
            panel.fill_between(x, low, high, alpha=0.2)
        for axis, scale in ((curve["x"], panel.set_xscale), (curve["y"], panel.set_yscale)):
            if axis["log"]:
                scale("log")
        panel.set_title(curve["title"].split(": ", 1)[-1], fontsize=9)
        panel.set_xlabel(f"{curve['x']['label']}, {curve['x']['unit']}", fontsize=8)
        panel.set_ylabel(f"{curve['y']['label']}, {curve['y']['unit']}", fontsize=8)
        if curve["x"]["log"]:
            ticks = sorted({p["x"] for s in curve["series"] for p in s["points"]})
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.minorticks_off()
        if curve["y"]["log"]:
            panel.set_yticks(_HU_TICKS, [str(tick) for tick in _HU_TICKS])
            panel.yaxis.minorticks_off()
        panel.tick_params(labelsize=8)
        panel.legend(fontsize=7)
        panel.grid(alpha=0.3)
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    with path.open("a", encoding="utf-8") as file:
        file.write(_stamp(curves) + "\n")
