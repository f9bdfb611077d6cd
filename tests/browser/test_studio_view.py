"""The studio's view in a real browser: planes, comparing, layers, ruler, by pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from tests.browser.chromium import Tab
from tests.browser.studio_page import Page, page, page_of

import mitsgan as mg
from mitsgan.scan.scan import Scan
from mitsgan.studio.server import Studio, running
from mitsgan.studio.settings import StudioSettings

pytestmark = pytest.mark.slow

STATE = "import('/state.js')"
FIRST = [f"first-{plane}" for plane in ("axial", "coronal", "sagittal")]


@pytest.fixture(scope="module")
def studio(scans: Path) -> Iterator[Studio]:
    with running(StudioSettings(scan=scans / "chest", protected=scans / "protected")) as served:
        yield served


@pytest.fixture
def shown(chromium: Tab, studio: Studio) -> Iterator[Page]:
    """The page, newly loaded: only layers that were found stay from test to test."""
    with page_of(chromium, studio) as opened:
        yield opened


@pytest.fixture(scope="module")
def chest(scans: Path) -> Scan:
    return mg.read(scans / "chest")


def lung_grey(hu: float) -> float:
    """The grey level of HU in the lung window."""
    return float(np.clip((hu + 1350) / 1500, 0, 1) * 255)


def test_planes_are_the_scan_in_its_window(shown: Page, chest: Scan) -> None:
    shown.click("#guides")
    hu = chest.hu()
    expected = {"axial": hu[32], "coronal": hu[::-1, 96], "sagittal": hu[::-1, :, 96]}
    shown.click("#first-axial", right=96.5 / 192, down=96.5 / 192)
    for plane, values in expected.items():
        pixels = shown.pixels(f"first-{plane}")
        assert (pixels[..., 0] == pixels[..., 2]).all(), "grey"
        rows, columns = values.shape
        height, width = pixels.shape[:2]
        assert width / height == pytest.approx(
            192 * 1.9 / (192 * 1.9 if plane == "axial" else 64 * 3), rel=0.01
        )
        grey = np.clip((values + 1350) / 1500, 0, 1) * 255
        for part in (np.s_[: rows // 2], np.s_[rows // 2 :]):
            drawn = np.array_split(pixels[..., 0], 2)[0 if part.start is None else 1]
            assert drawn.mean() == pytest.approx(grey[part].mean(), abs=3)
        assert columns == 192


def test_windows_change_the_grey_levels(shown: Page) -> None:
    shown.click("#guides")
    levels = {}
    for name in ("lung", "mediastinal", "bone"):
        shown.click(f"#windows input[value={name}]")
        levels[name] = shown.pixels("first-axial")[250:270, 250:262].mean()
    assert levels["bone"] < levels["mediastinal"] < levels["lung"], "the heart"
    assert shown.text("scale") == "-500 HU  1300 HU"


def test_a_click_moves_the_planes_and_hu_and_mm_are_told(shown: Page, chest: Scan) -> None:
    shown.click("#first-axial", right=50.5 / 192, down=100.5 / 192)
    x, y, z = chest.geometry.to_world((32, 100, 50))
    hu = round(float(chest.hu()[32, 100, 50]))
    readout = f"chest {hu} HU at voxel 32, 100, 50 [z, y, x], {x:.1f}, {y:.1f}, {z:.1f} mm (LPS)"
    shown.tab.until(f"document.getElementById('readout').textContent === {json.dumps(readout)}")
    assert shown.text("first-coronal-number") == "slice 100 of 0 to 191"
    assert shown.text("first-sagittal-number") == "slice 50 of 0 to 191"
    shown.click("#first-coronal", down=0.01)
    assert shown.text("first-axial-number") == "slice 63 of 0 to 63", "heads up"


def test_the_ruler_measures_between_two_clicks(shown: Page) -> None:
    shown.click("#ruler")
    before = shown.pixels("first-axial")
    box = shown.value(
        "(() => { const b = document.getElementById('first-axial').getBoundingClientRect();"
        "return [b.x, b.y, b.width, b.height]; })()"
    )
    at = [(box[0] + box[2] * part, box[1] + box[3] / 3) for part in (0.25, 0.75)]
    steps = (("mousePressed", at[0]), ("mouseMoved", at[1]), ("mouseReleased", at[1]))
    for kind, (x, y) in steps:
        shown.tab.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
        )
    shown.settle()
    shown.tab.until("document.getElementById('readout').textContent.includes('ruler')")
    mm = float(shown.text("readout").split("ruler ")[1].split(" mm")[0])
    assert mm == pytest.approx(192 * 1.9 / 2, abs=1.9)
    changed = (shown.pixels("first-axial") != before).any(-1)
    assert changed[: len(changed) // 2].sum() > 200, "a line is drawn"


def test_swipe_shows_one_left_and_the_other_right(shown: Page) -> None:
    shown.click("#guides")
    first = [shown.pixels(id) for id in FIRST]
    shown.choose("mode", "side")
    second = [shown.pixels(id.replace("first", "second")) for id in FIRST]
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
    shown.choose("mode", "swipe")
    for id, left, right in zip(FIRST, first, second, strict=True):
        middle = left.shape[1] // 2
        pixels = shown.pixels(id)
        assert (pixels[:, : middle - 2] == left[:, : middle - 2]).all()
        assert (pixels[:, middle + 2 :] == right[:, middle + 2 :]).all()


def test_flicker_shows_one_then_the_other(shown: Page) -> None:
    shown.click("#guides")
    shown.choose("mode", "side")
    wanted = {shown.pixels(f"{side}-axial").tobytes() for side in ("first", "second")}
    shown.choose("mode", "flicker")
    seen: set[bytes] = set()
    for _ in range(200):
        seen.add(shown.pixels("first-axial").tobytes())
        if seen == wanted:
            break
    assert seen == wanted
    shown.click("#flicker")
    assert shown.text("flicker") == "Go on"
    shown.value(f"{STATE}.then(({{ changed }}) => changed('session'))")
    shown.settle()
    assert shown.text("flicker") == "Go on", "it stays so when something else was found"


def test_nothing_is_protected_or_attacked_before_it_is_known_by_what(shown: Page) -> None:
    """As after a reload while something long is done."""
    shown.value(
        f"{STATE}.then(({{ state, changed }}) => {{"
        "state.names = { attackers: [], protectors: [] }; changed('session'); })"
    )
    buttons = "[...document.querySelectorAll('#protect button, #attack button')]"
    assert shown.value(f"{buttons}.map((button) => button.disabled)") == [True, True, True]


def test_the_difference_is_on_the_scale_of_the_budget(
    shown: Page, chest: Scan, scans: Path
) -> None:
    shown.click("#guides")
    shown.choose("mode", "difference")
    assert shown.value("document.getElementById('limit').value") == "20"
    assert shown.text("scale") == "-20 HU  20 HUthe budget that the file states"
    moved = mg.read(scans / "protected").hu()[32] - chest.hu()[32]
    assert np.abs(moved).max() == 20
    red, _, blue = np.moveaxis(shown.pixels("first-axial"), 2, 0)
    # 512 pixels show 192 voxels: 32 pixels show 12, whose means are compared.
    patches = moved.reshape(16, 12, 16, 12).mean((1, 3))
    shade = (red - blue)[:512, :512].reshape(16, 32, 16, 32).mean((1, 3))
    strong = np.abs(patches) > 0.25
    assert strong.sum() > 20
    assert np.corrcoef(patches[strong], shade[strong])[0, 1] > 0.8
    # To be verified, the protected one stands first.
    shown.choose("first", shown.value("document.getElementById('second').value"))
    assert shown.text("scale") == "-20 HU  20 HUthe budget that the file states"


def test_layers_are_drawn_over_the_scan(shown: Page) -> None:
    shown.click("#guides")
    before = shown.pixels("first-axial")
    shown.click("#layer-lung")
    after = shown.pixels("first-axial")
    tinted = after[..., 2] - after[..., 0] > 20
    assert 0.1 < tinted.mean() < 0.5
    assert before[tinted].mean() < lung_grey(-600), "air"
    shown.click("#layer-candidates")
    first = next(s for s in shown.studio.session.shelf.all() if s.role == "scan")
    place = first.points["candidates"][0]["place"]
    z, _, _ = first.scan.geometry.to_voxel(place)
    shown.tab.value(
        f"(() => {{ const s = document.getElementById('first-axial-slider'); s.value = {z};"
        "s.dispatchEvent(new Event('input')); })()"
    )
    shown.settle()
    red, green, blue = np.moveaxis(shown.pixels("first-axial"), 2, 0)
    assert ((green > 200) & (red < 160) & (blue < 160)).sum() > 20, "a green ring"


@pytest.mark.parametrize("width", [1300, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window_and_axe_finds_nothing_serious(
    shown: Page, width: int, scheme: str
) -> None:
    shown.tab.size(width, 900)
    shown.tab.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    shown.tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
    shown.choose("mode", "side")
    assert shown.value("document.documentElement.scrollWidth") <= width
    paper = shown.value("getComputedStyle(document.body).backgroundColor")
    assert (int(paper.removeprefix("rgb(").split(",")[0]) > 128) == (scheme == "light")
    shown.tab.run(files("axe_core_python").joinpath("axe.min.js").read_text())
    results = shown.value("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (v["id"], [node["html"] for node in v["nodes"]])
        for v in results["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert len(results["passes"]) > 10


def test_a_scan_that_cannot_be_opened_is_told(chromium: Tab, scans: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(b"no NIfTI")
    with running(StudioSettings(scan=damaged, protected=scans / "protected")) as studio:
        for _ in range(2):  # the first time it may be under way still
            with page_of(chromium, studio) as shown:
                assert "damaged.nii.gz cannot be read as NIfTI" in shown.text("alert")
                assert shown.text("where") == "1 open"


def test_an_image_is_saved_under_a_name_of_an_image(
    chromium: Tab, chest: Scan, tmp_path: Path
) -> None:
    """What was suggested would have been DICOM, which no image can become."""
    mg.write(chest, tmp_path / "chest.nii.gz")
    with page(chromium, StudioSettings(scan=tmp_path / "chest.nii.gz", output=tmp_path)) as shown:
        names = "['save-name', 'restore-name'].map((id) => document.getElementById(id).value)"
        assert shown.value(names) == ["protected.nii.gz", "original.nii.gz"]
        shown.value("document.getElementById('save-name').value = 'mine.mha'")
        shown.value(f"{STATE}.then(({{ changed }}) => changed())")
        shown.settle()
        assert shown.value(names) == ["mine.mha", "original.nii.gz"], "what was typed stays"
        shown.open_panel("protect")
        shown.choose("protector", "noise")
        shown.click("#save button")
        assert shown.text("saved").endswith("mine.mha, largest change 10 HU")


def test_the_address_is_opened_in_a_page_that_was_refused(chromium: Tab, studio: Studio) -> None:
    """Another token behind the # alone loads no page anew, whoever pasted the address."""
    refused, opened = (
        f"document.getElementById('{id}')?.textContent.includes('{text}')"
        for id, text in (("alert", "the token is missing"), ("where", "2 open"))
    )
    chromium.open(f"http://127.0.0.1:{studio.port}/")
    chromium.value("sessionStorage.clear()")
    chromium.call("Page.reload")
    chromium.until(refused)
    chromium.open(studio.address)
    chromium.until(opened)


def test_without_webgl_the_planes_stay_and_a_sentence_says_why(shown: Page) -> None:
    shown.value(
        "(() => { const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        "return kind === 'webgl2' ? null : get.call(this, kind, ...more); }; })()"
    )
    shown.value("document.getElementById('volume').open = true")
    shown.click("#volume-show")
    assert "no WebGL2" in shown.text("volume-note")
    assert shown.value("document.getElementById('volume-box').hidden")
    assert shown.pixels("first-axial").std() > 30


def test_with_webgl_the_volume_is_drawn(shown: Page) -> None:
    pixels = shown.show_volume()
    assert (pixels > 40).mean() > 0.05, "something is drawn"
    assert (pixels == 0).mean() > 0.2, "and around it nothing"
