"""The page: self-contained, honest, and SIMULATED in the pixels of what an attacker touched."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from mitsgan.evaluate.page import Page
from mitsgan.evaluate.report.pictures.burn_in import burn_in, diverging, frame, gray
from mitsgan.evaluate.report.pictures.comparison import COLUMNS, Comparison, Pixels, View
from mitsgan.evaluate.report.pictures.overview import overview


def _rows(ours: float, noise: float, offset: float) -> dict[str, Any]:
    return {
        name: {
            "n": 3,
            "rmse_hu": {"mean": value + 1, "median": value, "worst": value - 1},
            "psnr_db": {"mean": 30.0, "median": 31.0, "worst": 32.0},
            "perturbation_rmse_hu": 7.5,
            "gain": value / 7.5,
        }
        for name, value in (
            ("protected", ours),
            ("random sign", noise),
            ("constant offset", offset),
        )
    }


def _comparison(action: str) -> Comparison:
    picture: Pixels = np.full((40, 60, 3), 90, np.uint8)
    views = tuple(
        View(name, (picture,) * 6) for name in ("axial slice", "axial zoom", "coronal zoom")
    )
    return Comparison(
        action="inject" if action == "inject" else "remove",
        position=(10, 20, 30),
        world=(1.0, -2.0, 3.0),
        disruption_hu=61.4,
        perturbation_limit_hu=10.0,
        views=views,
    )


@pytest.fixture
def page() -> Page:
    return Page(
        title="A protected scan",
        what="A <synthetic> chest",
        result={
            "version": "1.2.3",
            "data_range_hu": 2000.0,
            "config": {"max_hu": 10.0, "positions": 3, "seed": 4, "pgd_steps": 0},
            "scan": {"shape": [9, 8, 7], "spacing_mm": [2.5, 0.7, 0.7]},
            "fidelity": {"largest_hu": 10.0, "rmse_hu": 6.6, "psnr_db": 49.6, "ssim": 0.9931},
            "disruption": {"inject": _rows(80, 20, 30), "remove": _rows(40, 40, 50)},
        },
        comparisons=[_comparison("inject"), _comparison("remove")],
        facts={"protector": "mitsgan, sha256 0123abcd"},
        command="mitsgan demo OUT --seed 4",
    )


class _Reader(HTMLParser):
    """Checks that tags close in order, and collects what matters."""

    VOID = frozenset({"meta", "img", "link", "br", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: Page) -> _Reader:
    reader = _Reader()
    reader.feed(page.html())
    reader.close()
    assert reader.open == []
    return reader


def test_needs_nothing_from_outside(page: Page) -> None:
    html = page.html()
    pictures = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
    rest = pictures.sub("", html)
    assert not re.search(r"(?i)https?:|//[a-z]|url\(|@import|<script|<link|<iframe", rest)
    sources = [attributes["src"] for tag, attributes in _read(page).tags if tag == "img"]
    assert len(sources) == 2 * 3 * 6
    assert all(pictures.fullmatch(str(source)) for source in sources)


def test_every_picture_says_what_it_shows(page: Page) -> None:
    alts = [attributes["alt"] for tag, attributes in _read(page).tags if tag == "img"]
    assert all(alts)
    assert len(set(alts)) == len(alts)


def test_pictures_are_whole(page: Page) -> None:
    data = re.findall(r"base64,([A-Za-z0-9+/=]+)", page.html())
    shapes = {matplotlib.image.imread(BytesIO(b64decode(d))).shape[:2] for d in data}
    assert shapes == {(40, 60)}


def test_numbers_come_first(page: Page) -> None:
    text = _read(page).text
    first = text[: text.index("Injecting a nodule")]
    for number in ("10 HU", "6.6 HU", "80 HU", "40 HU", "Random noise of equal strength: 20 HU"):
        assert number in first
    assert "3 lung positions" in re.sub(r"\s+", " ", first)


def test_the_verdict_follows_the_controls(page: Page) -> None:
    text = _read(page).text
    assert "4.0 times for injecting and no more for removing" in text
    assert "A constant offset of equal strength does more for removing." in text
    result = {**page.result, "disruption": {"inject": _rows(80, 20, 30)}}
    better = _read(replace(page, result=result, comparisons=page.comparisons[:1])).text
    assert "does more" not in better


def test_it_can_be_made_again(page: Page) -> None:
    text = _read(page).text
    for fact in ("mitsgan demo OUT --seed 4", "sha256 0123abcd", "9 x 8 x 7", "drawn with seed 4"):
        assert fact in text
    assert "mitsgan 1.2.3" in text


def test_what_is_named_by_others_is_escaped(page: Page) -> None:
    assert "A &lt;synthetic&gt; chest" in page.html()


@pytest.mark.parametrize("side", [80, 288, 700])
def test_simulated_is_in_the_pixels(side: int) -> None:
    """Yellow letters along the lower edge, whatever is below them; the rest stays as it was."""
    for level in (0, 120, 255):
        pixels: Pixels = np.full((side, side, 3), level, np.uint8)
        marked = burn_in(pixels)
        band = marked[-side // 6 :].astype(int)
        yellow = (band[..., 0] > 200) & (band[..., 1] > 160) & (band[..., 2] < 130)
        assert 0.02 < yellow.mean() < 0.4
        assert yellow.any(0).mean() > 0.25, "the letters spread over the width"
        upper = slice(0, side * 3 // 4)
        assert (marked[upper] == pixels[upper]).all()
    assert (pixels == 255).all(), "burning in changes a copy"


def test_columns_that_an_attacker_touched_are_marked() -> None:
    assert [c.key for c in COLUMNS if c.simulated] == [
        "tampered_original",
        "tampered_protected",
        "difference",
    ]


def test_gray_is_the_window() -> None:
    hu = np.array([[-2000, -1350, -600, 150, 3000]], np.float32)
    assert gray(hu, -1350, 150)[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_diverging_is_black_at_zero_and_apart_at_the_ends() -> None:
    low, zero, high = diverging(np.array([[-10, 0, 10]], np.float32), 10)[0].astype(int)
    assert zero.max() < 40
    assert low[2] > low[0]
    assert high[0] > high[2]


def test_frame_leaves_the_inside(page: Page) -> None:
    pixels: Pixels = np.zeros((20, 30, 3), np.uint8)
    framed = frame(pixels, (5, 15), (8, 40))
    assert framed[5:7, 8:30].min() == 255
    assert framed[5:15, 8:10].min() == 255
    assert framed[7:13, 10:27].max() == 0
    assert framed[:5].max() == 0


def test_overview_is_a_png_of_all_comparisons() -> None:
    made = [
        overview([_comparison(a) for a in actions], "a scan.")
        for actions in (["inject"], ["inject", "remove"])
    ]
    one, two = (matplotlib.image.imread(BytesIO(data)) for data in made)
    assert one.shape[1] == two.shape[1] > 1000
    assert two.shape[0] > 1.5 * one.shape[0]
