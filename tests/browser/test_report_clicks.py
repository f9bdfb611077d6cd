"""The report in a real browser: drawn without a word on the console, and moved by real clicks."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.browser.chromium import Tab
from tests.evaluate.report_sample import NAMES, gallery, report

from mitsgan.evaluate.report.html.page import html_report

pytestmark = pytest.mark.slow

PLANES = ("axial", "coronal", "sagittal")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    galleries = [gallery("inject"), gallery("remove")]
    path.write_text(html_report(report(), galleries), encoding="utf-8")
    return path


@pytest.fixture
def tab(chromium: Tab, page: Path) -> Iterator[Tab]:
    """The page, newly loaded; whatever the test does, it may neither complain nor ask."""
    chromium.complaints.clear()
    chromium.requests.clear()
    chromium.open(page)
    chromium.until("document.getElementById('no-viewer') === null")
    yield chromium
    chromium.value("1")  # what came last has been told
    assert chromium.complaints == []
    assert chromium.requests == [page.resolve().as_uri()]


def drawn(tab: Tab) -> list[str]:
    """The pixels of the three planes, as PNG."""
    script = f"{list(PLANES)}.map((p) => document.querySelector(`[data-role=${{p}}]`).toDataURL())"
    pictures: list[str] = tab.value(script)
    return pictures


def choose(tab: Tab, role: str, value: str) -> None:
    """Choose from a menu, which no click opens in a headless browser, and wait for the picture."""
    tab.value(
        f"(() => {{ const menu = document.querySelector('[data-role={role}]');"
        f"menu.value = '{value}'; menu.dispatchEvent(new Event('change')); }})()"
    )
    tab.until("document.querySelector('#viewer').dataset.shown ==="
              "document.querySelector('[data-role=picture]').value")  # fmt: skip


def picture(tab: Tab, plane: str) -> NDArray[np.int_]:
    """The pixels of a plane, ``[y, x, 3]``."""
    script = f"document.querySelector('[data-role={plane}]').toDataURL()"
    return decoded(tab.value(script))


def decoded(url: str) -> NDArray[np.int_]:
    data = b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), int)


def yellow(pixels: NDArray[np.int_]) -> int:
    """How many pixels have the colour of the mark."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return int(((red > 230) & (green > 190) & (blue < 90)).sum())


def changed(tab: Tab, before: list[str]) -> None:
    """Wait until other pictures are drawn."""
    end = time.monotonic() + 60
    while drawn(tab) == before:
        assert time.monotonic() < end, "the pictures stay the same"


def slices(tab: Tab) -> list[str]:
    script = f"{list(PLANES)}.map((p) => document.querySelector(`[data-role=${{p}}-slice]`).value)"
    texts: list[str] = tab.value(script)
    return texts


def test_sliders_and_keys_change_the_picture(tab: Tab) -> None:
    assert slices(tab) == ["slice 20", "slice 64", "slice 80"]
    before = drawn(tab)
    tab.click("[data-role=axial-slider]", right=0.97)
    after = drawn(tab)
    assert slices(tab)[0] == "slice 25", "the last one: 12 slices from 14 on"
    assert after[0] != before[0]
    tab.press("ArrowLeft")
    assert slices(tab)[0] == "slice 24"
    tab.value("document.querySelector('[data-role=sagittal]').focus()")
    tab.press("ArrowUp")
    assert slices(tab) == ["slice 24", "slice 64", "slice 81"]
    assert drawn(tab)[2] != after[2]


def test_a_click_moves_the_other_planes_and_tells_hu(tab: Tab) -> None:
    tab.click("[data-role=axial]", right=0.255, down=0.755)
    assert slices(tab) == ["slice 20", f"slice {14 + 75}", f"slice {28 + 26}"]
    hu = int(gallery("inject").voxels[0, 0, 6, 75, 26])
    readout = tab.value("document.querySelector('[data-role=readout]').textContent")
    # 26 voxels of 0.8 mm to the right of the position, 25 behind it.
    assert readout == f"{hu} HU at voxel 20, 89, 54 [z, y, x], -8.8, -10.0, 50.0 mm (LPS)"
    tab.click("[data-role=coronal]", down=0.01)
    assert slices(tab)[0] == "slice 25", "heads up"


def test_presets_change_the_grey_levels(tab: Tab) -> None:
    tab.click("[data-role=guides]")
    for name, low, high in (("bone", -500, 1300), ("mediastinal", -160, 240), ("lung", -1350, 150)):
        tab.click(f"[name=window][value={name}]")
        scale = tab.value("document.querySelector('[data-role=scale]').textContent")
        assert scale == f"{low}{high} HU"
        levels = picture(tab, "axial")[50:350, 50:350]
        expected = np.clip((-800 - low) / (high - low), 0, 1) * 255
        assert levels.mean() == pytest.approx(expected, abs=4)
        assert (levels[..., 0] == levels[..., 2]).all(), "grey"


def test_every_kind_of_picture_is_another_and_tampered_ones_are_marked(tab: Tab) -> None:
    kinds = tab.value(
        "[...document.querySelector('[data-role=picture]').options].map((o) => o.value)"
    )
    seen: list[list[str]] = []
    for kind in kinds:
        choose(tab, "picture", kind)
        seen.append(drawn(tab))
        simulated = kind.startswith("tampered") or kind == "difference"
        for plane in PLANES:
            pixels = picture(tab, plane)
            assert (yellow(pixels) > 300) == simulated, (kind, plane)
            if simulated:
                assert pixels[-2, 1].tolist() == [0, 0, 0], "letters stand on black"
            label = tab.value(f"document.querySelector('[data-role={plane}]').ariaLabel")
            assert label.endswith(", simulated") == simulated
    assert len({pictures[0] for pictures in seen}) == len(kinds) == 6


def test_a_difference_is_blue_below_zero_and_red_above(tab: Tab) -> None:
    tab.click("[data-role=guides]")
    choose(tab, "picture", "difference")
    # Ours is tampered with 20 % more of a ball of 300 HU.
    red, _, blue = picture(tab, "axial")[210, 208]
    assert red > blue + 20
    before = drawn(tab)
    choose(tab, "gallery", "1")
    changed(tab, before)
    red, _, blue = picture(tab, "axial")[210, 208]
    assert blue > red + 20


def test_the_protector_can_be_chosen(tab: Tab) -> None:
    names = tab.value(
        "[...document.querySelector('[data-role=protector]').options].map((o) => o.textContent)"
    )
    assert names == list(NAMES[1:])
    assert tab.value("document.querySelector('[data-role=protector]').disabled")
    choose(tab, "picture", "protected")
    assert not tab.value("document.querySelector('[data-role=protector]').disabled")
    ours = drawn(tab)
    choose(tab, "protector", "2")
    changed(tab, ours)


def test_saved_pictures_are_marked_in_pixels_and_name(tab: Tab) -> None:
    tab.keep_saved()
    choose(tab, "picture", "tampered_protected")
    tab.click("[data-role=axial-save]")
    tab.until("window.saved.length === 1")
    assert tab.value("window.saved[0]") == "SIMULATED-inject-tampered_protected-axial-6.png"
    saved = tab.value(
        "new Promise((done) => { const reader = new FileReader();"
        "reader.onload = () => done(reader.result); reader.readAsDataURL(window.blob); })"
    )
    assert yellow(decoded(saved)) > 300
    choose(tab, "picture", "original")
    tab.click("[data-role=axial-save]")
    tab.until("window.saved.length === 2")
    assert tab.value("window.saved[1]") == "inject-original-axial-6.png"


def test_pictures_have_the_shape_of_the_patient(tab: Tab) -> None:
    sizes = tab.value(
        f"{list(PLANES)}.map((p) => document.querySelector(`[data-role=${{p}}]`))"
        ".map((c) => c.width / c.height)"
    )
    across, down, along = 104 * 0.8, 100 * 0.8, 12 * 4.0
    assert sizes == pytest.approx([across / down, across / along, down / along], rel=0.01)


def test_a_click_on_a_head_sorts(tab: Tab) -> None:
    def column() -> Any:
        return tab.value(
            "[...document.querySelector('#table-main').tBodies[0].rows]"
            ".map((row) => row.cells[3].textContent)"
        )

    assert column() == ["9.5", "n/a", "2.2"]
    tab.click("#table-main th:nth-child(4) button")
    assert column() == ["2.2", "9.5", "n/a"]
    tab.click("#table-main th:nth-child(4) button")
    assert column() == ["9.5", "2.2", "n/a"]
    states = tab.value("[...document.querySelectorAll('#table-main th')].map((h) => h.ariaSort)")
    assert states == ["none", "none", "none", "descending"]
    tab.click("#table-main th:nth-child(1) button")
    first = tab.value("document.querySelector('#table-main tbody').rows[0].cells[0].textContent")
    assert first == "a|b"


def test_every_table_and_curve_has_n_and_units(tab: Tab) -> None:
    heads = tab.value(
        "[...document.querySelectorAll('#tables table, #curves table')]"
        ".map((t) => [...t.querySelectorAll('th')].map((h) => h.innerText || h.textContent))"
    )
    assert len(heads) == 2
    for names in heads:
        words = [name.split() for name in names]
        assert any(word[0] == "n" for word in words)
        assert any("HU" in word for word in words)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(tab: Tab, width: int) -> None:
    tab.size(width, 800)
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_dark_follows_the_system(tab: Tab) -> None:
    shades = []
    for scheme in ("light", "dark"):
        tab.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        colour = tab.value("getComputedStyle(document.body).backgroundColor")
        shades.append(int(colour.removeprefix("rgb(").split(",")[0]))
    assert shades[0] > 200
    assert shades[1] < 60
