"""How tables and curves of results look on a page of the documentation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mitsgan.evaluate.report.content import Curve
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.html.chart import draw_curve, series_colours
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.evaluate.report.text import markdown_table

LONG = 30
"""A table of more rows is folded away."""


def drawn(table: Table) -> str:
    """A table as Markdown: compact, its text left to the page, folded where it is long."""
    columns = tuple(replace(c, significant=min(c.significant, 3)) for c in table.columns)
    compact = replace(table, note="", columns=columns).without_empty().compact()
    text = markdown_table(compact)
    if len(table.rows) > LONG:
        summary = f"<summary>{table.title}: {len(table.rows)} rows</summary>"
        text = f"<details>\n{summary}\n\n{text}\n\n</details>"
    return f"{text}\n\n{compact.note}" if compact.note else text


def plain(columns: Sequence[str | Column], rows: Sequence[Sequence[Cell]]) -> str:
    """A table of columns that are headings alone, or more, as Markdown."""
    made = tuple(
        replace(column, key=str(i)) if isinstance(column, Column) else Column(str(i), column)
        for i, column in enumerate(columns)
    )
    cells = tuple({str(i): cell for i, cell in enumerate(row)} for row in rows)
    return markdown_table(Table("", "", made, cells))


def stamp_of(curves: Sequence[Curve]) -> str:
    """Which curves a plot is of: renderers differ, so plots are not compared themselves."""
    text = json.dumps([asdict(curve) for curve in curves], sort_keys=True)
    return f"<!-- curves {hashlib.sha256(text.encode()).hexdigest()} -->"


def is_stale(path: Path, curves: Sequence[Curve]) -> bool:
    """Whether a plot is missing, or of other numbers than these."""
    return not (path.is_file() and stamp_of(curves) in path.read_text(encoding="utf-8"))


def draw_curves(path: Path, title: str, curves: Sequence[Curve]) -> None:
    """Draw curves as panels of one SVG, with the stamp of their numbers at its end, if stale."""
    if not is_stale(path, curves):
        return
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
    path.parent.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    with path.open("a", encoding="utf-8") as file:
        file.write(stamp_of(curves) + "\n")
