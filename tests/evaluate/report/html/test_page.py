"""The report's page: self-contained under its own policy, and marked where an attacker painted."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from tests.evaluate.report_sample import NAMES, gallery, report, summary

from mitsgan.evaluate.report.content import Axis, Point, Series
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.html import viewer as viewer_module
from mitsgan.evaluate.report.html.chart import PALETTE, chart_svg, draw_curve, series_colours
from mitsgan.evaluate.report.html.figures import heat
from mitsgan.evaluate.report.html.page import html_report
from mitsgan.evaluate.report.html.table import html_table
from mitsgan.evaluate.report.html.viewer import viewer
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.table import Column, Table

VOID = frozenset({"meta", "img", "link", "br", "input"})


class Reader(HTMLParser):
    """Checks that tags close in order, and collects them and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def galleries() -> list[Gallery]:
    return [gallery("inject"), gallery("remove")]


@pytest.fixture(scope="module")
def html(galleries: list[Gallery]) -> str:
    return html_report(report(), galleries)


@pytest.mark.slow
def test_needs_nothing_from_outside(html: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not re.search(r"https?:|[\"'(]//[a-z]|url\((?!#)|@import|<iframe", html)
    for tag, attributes in Reader(html).tags:
        source = attributes.get("src") or attributes.get("href") or "#"
        assert source.startswith(("data:", "#")), (tag, source)
        assert not any(name.startswith("on") for name in attributes)


def test_numbers_come_first_with_unit_and_n(html: str) -> None:
    text = Reader(html).text
    first = re.sub(r"\s+", " ", text[: text.index("Injecting a nodule into chest")])
    assert "Disruption 33 HUmediann = 48" in first
    assert "Not there n/a HU" in first


def test_the_verdict_stands_above_the_numbers() -> None:
    value = summary()
    value["headline"] = [
        {"label": f"{kind}: chest, {action}", "value": number, "unit": "", "n": 48, "note": ""}
        for kind, numbers in (("disruption", (21.4, 33.1)), ("over noise", (1.24, 1.96)))
        for action, number in zip(("inject", "remove"), numbers, strict=True)
    ]
    text = Reader(html_report(report(value))).text
    lead = text.index("by 21 to 33 HU (medians over positions")
    assert "1.2 to 2.0 times as far as noise" in text
    assert lead < text.index("21 to 33 HU")
    assert lead < text.index("What this does not show") < text.index("no reader study")


def test_a_word_of_a_verdict_is_the_first_that_is_read() -> None:
    page = html_report(replace(report(), verdict="intact", title="<b>TAMPERED", lead="INTACT: all"))
    assert "<title>INTACT: &lt;b&gt;TAMPERED</title>" in page
    assert '<h1><strong class="verdict intact">INTACT</strong> &lt;b&gt;TAMPERED</h1>' in page
    assert '<p class="lead">All</p>' in page, "not said twice"


def test_a_table_keeps_its_numbers_where_all_rows_have_the_same() -> None:
    columns = (Column("name", "name"), *(Column(f"c{i}", f"c{i}", "%") for i in range(9)))
    rows: list[dict[str, Cell]] = [{"name": n, **{f"c{i}": i for i in range(9)}} for n in "ab"]
    drawn = html_table(Table("t", "t", columns, tuple(rows), "A note."))
    assert len(drawn.heads) == 10
    assert drawn.note == "A note."


def test_the_first_table_is_never_folded() -> None:
    rows = tuple({"c": float(i)} for i in range(40))
    table = Table("long", "long", (Column("c", "c"),), rows)
    page = html_report(replace(report(), tables=(table, replace(table, id="second"))))
    assert page.count('<details class="table" open>') == page.count('<details class="table"') - 1


def test_what_others_wrote_is_text(html: str) -> None:
    assert "A &lt;small&gt; benchmark" in html
    for raw in ("<small> benchmark", "<10 HU>", "<tiny>"):
        assert raw not in html


def test_tells_how_to_make_it_again(html: str) -> None:
    text = Reader(html).text
    for fact in ("mitsgan benchmark tiny.toml --output run", 'name = "<tiny>"', "0123abcd" * 8):
        assert fact in text
    assert "9 x 8 x 7" in text
    assert "LPIPS: no weights" in text


def test_without_galleries_there_are_numbers_alone() -> None:
    html = html_report(report())
    tags = [tag for tag, _ in Reader(html).tags]
    assert "img" not in tags
    assert "canvas" not in tags
    assert "simulated" not in Reader(html).text.split("{")[0]
    assert tags.count("table") == 2 + 3, "numbers, the curve, and what went in"


def test_many_headlines_are_cards_first_and_a_table_of_all() -> None:
    value = summary()
    first = value["headline"][0]
    value["headline"] = [{**first, "label": f"figure {i}"} for i in range(12)]
    html = html_report(report(value))
    assert html.count('<div class="card">') == 8
    (table,) = re.findall(r'id="table-headline">.*?</table>', html, re.DOTALL)
    assert [f"figure {i}</td>" in table for i in range(12)] == [True] * 12
    assert table.count(">33</td>") == 12
    assert "All 12 headline numbers" in html


def test_every_tampered_picture_is_marked_and_no_other(html: str) -> None:
    pictures = [attributes for tag, attributes in Reader(html).tags if tag == "img"]
    assert len(pictures) == 2 * (4 * 3 + 4 * 2)
    alts = [str(p["alt"]) for p in pictures]
    assert len(set(alts)) == len(alts) / 2  # the same in both galleries
    for picture, alt in zip(pictures, alts, strict=True):
        pixels = np.asarray(
            Image.open(BytesIO(b64decode(str(picture["src"]).split(",")[1]))).convert("RGB"), float
        )
        band = pixels[-round(0.1 * len(pixels)) :]
        yellow = (band[..., 0] > 200) & (band[..., 1] > 150) & (band[..., 2] < 120)
        letters = yellow.mean() > 0.03 and band[:, :5].max() < 160
        assert letters == ("tampered" in alt), alt


def test_tables_sort_by_all_their_digits(html: str) -> None:
    (table,) = re.findall(r'<table class="sortable" id="table-main">.*?</table>', html, re.DOTALL)
    assert 'data-value="33.125">33</td>' in table
    assert '<span class="missing">n/a</span>' in table
    assert table.count('aria-sort="none"') == table.count('<button type="button">') == 4
    assert "<small>HU</small>" in table


def _unpacked(text: str) -> NDArray[np.int16]:
    halves = np.frombuffer(zlib.decompress(b64decode(text)), np.uint8).reshape(2, -1)
    return np.ascontiguousarray(halves.T).view("<i2")[:, 0]


def _volumes(html: str, number: int) -> dict[int, NDArray[np.int16]]:
    matches = re.findall(rf'id="volume-{number}-(\d+)">([^<]+)<', html)
    return {int(v): _unpacked(text) for v, text in matches}


def test_the_viewer_holds_the_voxels(html: str, galleries: list[Gallery]) -> None:
    for number, one in enumerate(galleries):
        added = _volumes(html, number)
        n = len(NAMES)
        for i in range(n):
            untouched = added[i] + (added[0] if i else 0)
            np.testing.assert_array_equal(untouched, one.voxels[0, i].ravel())
            np.testing.assert_array_equal(untouched + added[n + i], one.voxels[1, i].ravel())


@pytest.mark.slow
def test_the_viewer_shows_less_where_voxels_are_many(
    galleries: list[Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "LIMIT_BYTES", 1)
    html = html_report(report(), galleries)
    assert "Voxels of 48 mm around" in html
    (card,) = re.findall(r'id="viewer-data">([^<]+)<', html)
    gallery = json.loads(card)["galleries"][0]
    # 12 and 30 voxels to either side of the position, as far as the region reaches.
    assert gallery["shape"] == [12, 61, 61]
    assert gallery["start"] == [14, 34, 50]
    assert gallery["at"] == [6, 30, 30]
    assert gallery["cube"] == [[2, 10], [10, 50], [10, 50]]
    assert gallery["marked"] == 0, "what is cut off carried the mark"
    kept = galleries[0].voxels[0, 0, :, 20:81, 22:83]
    np.testing.assert_array_equal(_volumes(html, 0)[0], kept.ravel())


def test_the_viewer_knows_left_from_right(galleries: list[Gallery]) -> None:
    gallery = json.loads(viewer(galleries).data)["galleries"][0]
    assert gallery["ends"] == [["F", "H"], ["A", "P"], ["R", "L"]]
    assert gallery["marked"] == 17


def test_heat_follows_the_root() -> None:
    shades = heat(np.array([[0, 2.5, 10, 99]], np.float32), 10)[0]
    assert shades[0].max() < 10
    np.testing.assert_array_equal(shades[1], heat(np.array([[50.0]], np.float32), 200)[0, 0])
    np.testing.assert_array_equal(shades[2], shades[3])


def test_a_protector_has_its_colour_on_every_page() -> None:
    curve = report().curves[0]

    def named(*names: str) -> dict[str, int]:
        series = tuple(replace(curve.series[0], name=name) for name in names)
        return series_colours([replace(curve, series=series)])

    one = named("noise", "MITS-GAN", "TAFIM, native", "TAFIM, clipped", "textured")
    other = named("TAFIM, native", "random sign", "protected", "narrow")
    assert one["MITS-GAN"] == other["protected"]
    assert one["noise"] == other["random sign"]
    assert one["TAFIM, native"] == other["TAFIM, native"]
    forms = one["TAFIM, native"], one["TAFIM, clipped"]
    assert forms[0] % len(PALETTE) == forms[1] % len(PALETTE), "two styles of one colour"
    assert len(set(one.values())) == len(one)
    assert len({look % len(PALETTE) for look in one.values()}) == len(one) - 1


def test_a_chart_draws_points_where_they_belong() -> None:
    curve = report().curves[0]
    svg = chart_svg(curve, series_colours([curve]))
    assert svg == chart_svg(curve, series_colours([curve])), "the same every time"
    titled = re.findall(r'<title>([^<]+)</title>.*?<use href="[^"]+" x="([^"]+)" y="([^"]+)"', svg,
                        re.DOTALL)  # fmt: skip
    ours = [(float(x), float(y)) for title, x, y in titled if title.startswith("ours")]
    (x0, y0), (x1, y1), (x2, y2) = ours
    # Budgets of 2, 5 and 10 on a logarithm; disruptions of 6, 15 and 30 from zero.
    assert (x1 - x0) / (x2 - x0) == pytest.approx(np.log(2.5) / np.log(5), abs=1e-3)
    assert (y0 - y1) / (y0 - y2) == pytest.approx(9 / 24, abs=1e-3)
    assert titled[1][0] == "ours &lt;10 HU&gt;: 15 (10 to 20) HU at 5 HU, n = 48"
    assert len(titled) == 5
    for label in ("disruption, HU", "budget, HU", "ours &lt;10 HU&gt;"):
        assert f">{label}</text>" in svg
    assert svg.count("fill-opacity: 0.15") == 1, "the second series has no interval"


def test_ticks_of_a_chart_do_not_overlap() -> None:
    """A wide axis has powers of ten alone, a narrow one numbers between them, too."""
    curve = report().curves[0]
    figure = Figure(figsize=(4.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for most, many in ((50_000.0, range(3, 6)), (2_500.0, range(7, 10))):
        points = tuple(Point(8 * (most / 8) ** (i / 11), 20.0 + i) for i in range(12))
        series = (Series("noise", points),)
        wide = replace(curve, x=Axis("attacks", log=True), series=series)
        axes.clear()
        draw_curve(axes, wide, {"noise": 0})
        figure.canvas.draw()
        low, high = axes.get_xlim()
        shown = [t for t in axes.get_xticklabels() if low <= t.get_position()[0] <= high]
        assert len(shown) in many
        boxes = [label.get_window_extent() for label in shown]
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), [t.get_text() for t in shown]


def test_a_chart_follows_the_page_from_light_to_dark() -> None:
    curve = report().curves[0]
    svg = chart_svg(curve, {"ours <10 HU>": 3, "noise": 11})
    assert {"var(--c3)", "var(--ink)", "var(--soft)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert "#0b6e75" not in svg
    assert "stroke-dasharray" in svg, "a colour that comes again is told by its dashes"
    assert not re.search(r"xmlns|https?:", svg)


def test_a_curve_of_nothing_has_no_plot() -> None:
    curve = report().curves[0]
    empty = replace(curve, series=(Series("noise", (Point(2.0, None),)),))
    assert chart_svg(empty, {"noise": 0}) == ""
    html = html_report(replace(report(), curves=(empty,)))
    assert "Nothing was measured." in html
