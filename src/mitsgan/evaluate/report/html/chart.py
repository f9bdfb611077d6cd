"""Curves as SVG by matplotlib: lines, the band of each interval, units, a legend.

In a page the colours follow it from light to dark, and every point says its value when it is
pointed at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import count
from typing import TYPE_CHECKING

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from mitsgan.evaluate.report.content import Axis, Curve, Point, Series
from mitsgan.evaluate.report.formatting import of_sample
from mitsgan.evaluate.report.html.table import HtmlTable, html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as DrawnAxis

PALETTE = (
    *("#0b6e75", "#c2571a", "#6a4fb3", "#2f7d32"),
    *("#b3246b", "#8a6d00", "#2b66c4", "#5c6670"),
)
"""On white; the style sheet has a light and a dark one of each."""

_OF_PROTECTORS = (
    *(("mits-gan, released", 1), ("mits-gan", 0), ("protected", 0), ("tafim", 2), ("wave", 3)),
    *(("pgd", 4), ("constant offset", 5), ("offset", 5), ("candidates", 6)),
    *(("noise", 7), ("random sign", 7)),
)
"""How names of protectors begin, and the number of their colour: the same on every page."""

STYLES = ("-", "--", ":")
"""Of lines of one colour."""

MARKERS = "os^D"
"""Shapes tell lines apart where colours do not."""

_INK, _SOFT, _RULE = "#010101", "#020202", "#030303"
"""Stand for colours of the page."""

_PAGE_COLOURS = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _RULE: "var(--line)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(PALETTE)},
}
_INCHES = (5.2, 3.9)
"""Small, so that its letters can be read where the page is narrow."""

_SHORT = 24
"""Letters of a name of which two fit side by side."""

_OWN_TICKS = 7
"""So few values of a parameter are the ticks themselves."""

_WIDE = 1000.0
"""Of what reaches over more than this, powers of ten alone are ticks: others would overlap."""


@dataclass(frozen=True)
class Chart:
    """A curve as the page's template draws it."""

    title: str
    note: str
    svg: Markup
    table: HtmlTable


def chart(curve: Curve, colours: Mapping[str, int]) -> Chart:
    """The plot, its note and its numbers; ``colours`` are numbers of the palette by series."""
    return Chart(curve.title, curve.note, chart_svg(curve, colours), html_table(curve.table()))


def series_colours(curves: Sequence[Curve]) -> dict[str, int]:
    """A look for every name of a series, the same in all curves: a colour, and with it a style.

    Forms of one protector have its colour, and lines of different styles.
    """
    names = dict.fromkeys(series.name for curve in curves for series in curve.series)
    looks: dict[str, int] = {}
    for name in sorted(names, key=lambda name: _own_colour(name) is None):
        own = _own_colour(name)
        numbers = range(len(PALETTE)) if own is None else [own]
        free = (n + k * len(PALETTE) for k in count() for n in numbers)
        looks[name] = next(look for look in free if look not in looks.values())
    return looks


def _own_colour(name: str) -> int | None:
    """The number of the colour that a protector has everywhere."""
    begins = (colour for start, colour in _OF_PROTECTORS if name.lower().startswith(start))
    return next(begins, None)


def chart_svg(curve: Curve, colours: Mapping[str, int]) -> Markup:
    """The plot as an element of a page; empty where nothing was measured."""
    if not curve.table().rows:
        return Markup("")
    text = StringIO()
    with matplotlib.rc_context(
        {
            "axes.labelcolor": _INK,
            "font.size": 9,
            "svg.fonttype": "none",
            "svg.hashsalt": curve.id,
            "text.color": _INK,
        }
    ):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        draw_curve(axes, curve, colours)
        axes.set(xlabel=curve.x.title, ylabel=curve.y.title)
        axes.grid(axis="y", color=_RULE, linewidth=0.8)
        axes.tick_params(colors=_SOFT)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(_SOFT)
        longest = max(len(series.name) for series in curve.series)
        columns = 2 if longest <= _SHORT else 1
        figure.legend(loc="outside lower left", ncols=columns, frameon=False)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _in_page(text.getvalue(), curve)


def draw_curve(axes: Axes, curve: Curve, colours: Mapping[str, int]) -> None:
    """Draw lines, bands, points and ticks of a curve; series without points are left out."""
    for number, series in enumerate(curve.series):
        if any(point.y is not None for point in series.points):
            _draw_series(axes, series, number, colours[series.name])
    points = [p for series in curve.series for p in series.points if p.y is not None]
    heights = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    _scale(axes.xaxis, axes.set_xscale, curve.x, sorted({p.x for p in points}), own_ticks=True)
    _scale(axes.yaxis, axes.set_yscale, curve.y, heights, own_ticks=False)
    if not _is_log(curve.y, heights):
        axes.set_ylim(bottom=min(0.0, *heights))


def _draw_series(axes: Axes, series: Series, number: int, look: int) -> None:
    colour, marker = PALETTE[look % len(PALETTE)], MARKERS[look % len(MARKERS)]
    style = STYLES[look // len(PALETTE) % len(STYLES)]
    points = [(p.x, p.y) for p in series.points if p.y is not None]
    bands = [
        (p.x, p.low, p.high) for p in series.points if p.low is not None and p.high is not None
    ]
    axes.plot(*zip(*points, strict=True), style, color=colour, linewidth=1.4)
    axes.plot([], [], style, color=colour, marker=marker, markersize=5, label=series.name)
    for i, point in enumerate(series.points):
        if point.y is not None:
            axes.plot(
                *(point.x, point.y, marker),
                color=colour,
                markersize=5,
                gid=_point_id(number, i),
            )
    if bands:
        x, low, high = zip(*bands, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _scale(
    axis: DrawnAxis,
    set_scale: Callable[[str], None],
    of: Axis,
    values: Sequence[float],
    *,
    own_ticks: bool,
) -> None:
    """Linear or logarithmic, with round numbers as ticks, or the values where they are few."""
    log = _is_log(of, values)
    set_scale("log" if log else "linear")
    if own_ticks and len(values) <= _OWN_TICKS:
        axis.set_major_locator(FixedLocator(list(values)))
    elif log:
        is_wide = max(values) > _WIDE * min(values)
        axis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _is_log(axis: Axis, values: Sequence[float]) -> bool:
    return axis.log and min(values) > 0


def _in_page(svg: str, curve: Curve) -> Markup:
    """The element alone, in the colours of the page and with the values of its points."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:\w+)?|version)="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    for stand_in, colour in _PAGE_COLOURS.items():
        svg = svg.replace(stand_in, colour)
    for number, series in enumerate(curve.series):
        for i, point in enumerate(series.points):
            value = escape(f"{series.name}: {_value(point, curve)}")
            svg = svg.replace(f'<g id="{_point_id(number, i)}">', f"<g><title>{value}</title>")
    svg = re.sub(r' id="[a-z]+[a-z.]*_\d+"', "", svg)  # the same in every plot of a page
    label = escape(
        f"{curve.title}: {curve.y.title} over {curve.x.title}; the numbers are in the table below"
    )
    opening = f'<svg role="img" aria-label="{label}" '
    return Markup(re.sub(r'<svg width="[^"]*" height="[^"]*" ', opening, svg, count=1))


def _point_id(series: int, point: int) -> str:
    """Names a point within one plot."""
    return f"point-{series}-{point}"


def _value(point: Point, curve: Curve) -> str:
    """What a point says when it is pointed at."""
    ends = None if point.low is None or point.high is None else (point.low, point.high)
    count = "" if point.n is None else f", n = {point.n}"
    at = f"{point.x:g} {curve.x.unit}".strip()
    value = of_sample(point.y, point.n, ends, unit=curve.y.unit)
    return f"{value} {curve.y.unit}".strip() + f" at {at}{count}"
