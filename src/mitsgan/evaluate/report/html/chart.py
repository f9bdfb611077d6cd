"""A curve as an inline SVG: lines, the band of each interval, units, a legend, and the numbers.

Drawn by hand, so that colours follow the page from light to dark and every point tells its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mitsgan.evaluate.report.content import Curve, Point, Series
from mitsgan.evaluate.report.formatting import printed
from mitsgan.evaluate.report.html.scale import Scale, make_scale
from mitsgan.evaluate.report.html.table import html_table

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 18, 14, 54
_COLOURS = 8
"""How many the style sheet holds; a further series repeats a colour with another marker."""

_MARKERS = (
    '<circle cx="{x}" cy="{y}" r="4"{class_}>{title}</circle>',
    '<rect x="{left}" y="{top}" width="7.4" height="7.4"{class_}>{title}</rect>',
    '<path d="M{x} {above}l4.8 8.4h-9.6z"{class_}>{title}</path>',
    '<path d="M{x} {over}l5.2 5.2l-5.2 5.2l-5.2 -5.2z"{class_}>{title}</path>',
)
"""Shapes tell lines apart where colours do not."""


def chart(curve: Curve) -> str:
    """The plot with its title, legend, note and numbers."""
    series = [s for s in curve.series if s.points]
    drawn = _svg(curve, series) if series else "<p>Nothing was measured.</p>\n"
    legend = "".join(
        f'<li><svg viewBox="0 0 30 12" aria-hidden="true"><path class="line {_colour(i)}" '
        f'd="M1 6H29"/>{_marker(i, 15, 6)}</svg>{escape(s.name)}</li>\n'
        for i, s in enumerate(series)
    )
    note = f"<figcaption>{escape(curve.note)}</figcaption>\n" if curve.note else ""
    return (
        f'<figure class="chart">\n<h3>{escape(curve.title)}</h3>\n<div class="wide">{drawn}</div>\n'
        f'<ul class="legend">\n{legend}</ul>\n{note}'
        f"<details><summary>The numbers</summary>\n{html_table(curve.table())}</details>\n"
        "</figure>\n"
    )


def _svg(curve: Curve, series: Sequence[Series]) -> str:
    points = [p for s in series for p in s.points]
    heights = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    x = make_scale(
        [p.x for p in points], _LEFT + 14, _WIDTH - _RIGHT - 14, log=curve.x.log, own_ticks=True
    )
    y = make_scale(heights, _HEIGHT - _BOTTOM, _TOP, log=curve.y.log, own_ticks=False)
    lines = "".join(_line(i, s, x, y, curve) for i, s in enumerate(series))
    bands = "".join(_band(i, s, x, y) for i, s in enumerate(series))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(curve.title)}: {escape(curve.y.title)} over {escape(curve.x.title)}'
        f'; the numbers are in the table below">\n{_frame(curve, x, y)}{bands}{lines}</svg>\n'
    )


def _frame(curve: Curve, x: Scale, y: Scale) -> str:
    bottom, middle = _HEIGHT - _BOTTOM, (_TOP + _HEIGHT - _BOTTOM) / 2
    across = "".join(
        f'<path class="rule" d="M{_LEFT} {y.at(t):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{y.at(t) + 4.5:.1f}" class="end">{t:g}</text>'
        for t in y.ticks
    )
    down = "".join(
        f'<path class="tick" d="M{x.at(t):.1f} {bottom}v5"/>'
        f'<text x="{x.at(t):.1f}" y="{bottom + 21}" class="mid">{t:g}</text>'
        for t in x.ticks
    )
    return (
        f'{across}{down}<path class="tick" d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" class="mid title">'
        f"{escape(curve.x.title)}</text>"
        f'<text transform="translate(17 {middle}) rotate(-90)" class="mid title">'
        f"{escape(curve.y.title)}</text>\n"
    )


def _band(number: int, series: Series, x: Scale, y: Scale) -> str:
    """Between lower and upper ends; over a single point, a line."""
    ends = [
        (x.at(p.x), y.at(p.low), y.at(p.high))
        for p in series.points
        if p.low is not None and p.high is not None
    ]
    if not ends:
        return ""
    there = "L".join(f"{at:.1f} {high:.1f}" for at, _, high in ends)
    back = "L".join(f"{at:.1f} {low:.1f}" for at, low, _ in reversed(ends))
    return f'<path class="band {_colour(number)}" d="M{there}L{back}Z"/>\n'


def _line(number: int, series: Series, x: Scale, y: Scale, curve: Curve) -> str:
    places = [(x.at(p.x), y.at(p.y)) for p in series.points]
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    marks = "".join(
        _marker(number, a, b, f"{series.name}: {_told(p, curve)}")
        for (a, b), p in zip(places, series.points, strict=True)
    )
    dashed = " dashed" if number >= _COLOURS else ""
    return f'<path class="line {_colour(number)}{dashed}" d="M{path}"/>{marks}\n'


def _marker(number: int, x: float, y: float, title: str = "") -> str:
    return _MARKERS[number % len(_MARKERS)].format(
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        left=f"{x - 3.7:.1f}",
        top=f"{y - 3.7:.1f}",
        above=f"{y - 5.2:.1f}",
        over=f"{y - 5.2:.1f}",
        class_=f' class="point {_colour(number)}"',
        title=f"<title>{escape(title)}</title>" if title else "",
    )


def _told(point: Point, curve: Curve) -> str:
    between = ""
    if point.low is not None and point.high is not None:
        between = f" ({printed(point.low)} to {printed(point.high)})"
    count = "" if point.n is None else f", n = {point.n}"
    at = f"{point.x:g} {curve.x.unit}".strip()
    return f"{printed(point.y)} {curve.y.unit}".strip() + f"{between} at {at}{count}"


def _colour(number: int) -> str:
    return f"c{number % _COLOURS}"
