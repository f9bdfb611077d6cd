"""The studio on a real scan of anisotropic voxels: every panel that needs no files beside it."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.browser.chromium import Tab
from tests.browser.studio_page import Page, page

import mitsgan as mg
from mitsgan.studio.settings import StudioSettings

VOXEL = (64, 80, 37)
"""In aerated lung."""

pytestmark = [pytest.mark.slow, pytest.mark.real_data]


def grey(hu: NDArray[np.float32]) -> float:
    """The mean grey level of HU in the lung window."""
    return float((np.clip((hu + 1350) / 1500, 0, 1) * 255).mean())


def go_to(shown: Page, voxel: tuple[int, int, int]) -> None:
    """Move the guides to a voxel with the sliders."""
    for plane, index in zip(("axial", "coronal", "sagittal"), voxel, strict=True):
        shown.value(
            f"(() => {{ const s = document.getElementById('first-{plane}-slider');"
            f"s.value = {index}; s.dispatchEvent(new Event('input')); }})()"
        )
    shown.settle()


def test_a_real_scan_is_shown_protected_and_attacked(chromium: Tab, data: Path) -> None:
    source = data / "ct" / "elastix-lung" / "3DCT_lung.mha"
    scan = mg.read(source)
    z, y, x = VOXEL
    hu = scan.hu()
    with page(chromium, StudioSettings(scan=source)) as shown:
        shown.click("#guides")
        go_to(shown, (z, y, x))
        cuts = (
            ("axial", hu[z], (1, 2)),
            ("coronal", hu[:, y], (0, 2)),
            ("sagittal", hu[:, :, x], (0, 1)),
        )
        for plane, values, axes in cuts:
            pixels = shown.pixels(f"first-{plane}")
            assert pixels.mean() == pytest.approx(grey(values), abs=3), plane
            rows, columns = (scan.shape[axis] * scan.spacing[axis] for axis in axes)
            assert pixels.shape[1] / pixels.shape[0] == pytest.approx(columns / rows, rel=0.01)
        shown.click("#layer-lung")
        assert "found no lung" in shown.text("alert"), "it reaches the sides of this scan"
        assert not shown.value("document.getElementById('layer-lung').checked")
        shown.open_panel("protect")
        shown.choose("protector", "noise")
        shown.click("#protect button")
        assert "Largest change10.0 HU" in shown.text("figures")
        assert shown.pixels("first-axial").std() > 5, "noise on the scale of the budget"
        shown.open_panel("attack")
        shown.click("#attack button[value=inject]")
        assert "HU RMSE in the 20 mm core" in shown.text("attacked")
        painted = [s.scan.hu() for s in shown.studio.session.shelf.all() if s.simulated]
        assert len(painted) == 2
        assert np.abs(painted[0] - hu).max() > 100, "something was painted"
        assert shown.text("alert") == ""


def settings(scans: Path, protected: str, out: Path) -> StudioSettings:
    return StudioSettings(
        scan=scans / "original.mha",
        protected=scans / protected,
        seal=scans / "protected.mha.seal.json",
        trust=scans / "sign.pub",
        key=scans / "key",
        private_key=scans / "reader.pem",
        output=out,
    )


def test_a_real_scan_is_compared_verified_and_drawn_as_a_volume(
    chromium: Tab, lung_scans: Path, tmp_path: Path
) -> None:
    with page(chromium, settings(lung_scans, "tampered.mha", tmp_path)) as shown:
        shown.click("#guides")
        check_comparing(shown, lung_scans)
        shown.verify("protected")
        check_the_regions(shown)
        shown.choose("first", shown.series("protected"))
        pixels = shown.show_volume()
        assert (pixels > 40).mean() > 0.05, "something is drawn"
        assert (pixels == 0).mean() > 0.2, "and around it nothing"


def check_comparing(shown: Page, scans: Path) -> None:
    """Swipe and difference, where nothing was painted."""
    go_to(shown, (30, *VOXEL[1:]))
    shown.click("#windows input[value=bone]")
    darker = shown.pixels("first-axial")
    shown.click("#windows input[value=lung]")
    first = shown.pixels("first-axial")
    assert darker.mean() < first.mean() - 20
    shown.choose("mode", "side")
    second = shown.pixels("second-axial")
    shown.choose("mode", "flicker")
    wanted = {first.tobytes(), second.tobytes()}
    seen: set[bytes] = set()
    for _ in range(500):
        seen.add(shown.pixels("first-axial").tobytes())
        if seen == wanted:
            break
    assert seen == wanted
    shown.choose("mode", "swipe")
    swiped, middle = shown.pixels("first-axial"), first.shape[1] // 2
    assert (swiped[:, : middle - 2] == first[:, : middle - 2]).all()
    assert (swiped[:, middle + 2 :] == second[:, middle + 2 :]).all()
    shown.choose("mode", "difference")
    assert shown.text("scale") == "-20 HU  20 HUthe budget that the file states"
    moved = mg.read(scans / "protected.mha").hu()[30] - mg.read(scans / "original.mha").hu()[30]
    red, _, blue = np.moveaxis(shown.pixels("first-axial"), 2, 0)
    shade = (red - blue).astype(float)
    voxels = [
        (np.arange(drawn) + 0.5) * count // drawn
        for drawn, count in zip(shade.shape, moved.shape, strict=True)
    ]
    under = moved[np.ix_(*(numbers.astype(int) for numbers in voxels))]
    strong = np.abs(under) >= 8
    assert strong.mean() > 0.1
    agree = np.sign(under[strong]) == np.sign(shade[strong])
    assert agree.mean() > 0.9, "red where it was raised, blue where it was lowered"


def check_the_regions(shown: Page) -> None:
    assert shown.text("sentence").startswith("TAMPERED: ")
    shown.choose("mode", "one")
    kinds = shown.value("[...document.querySelectorAll('#regions button')].map((b) => b.innerText)")
    assert "Region 1 (sketch)" in kinds
    name, text = shown.export_report()
    assert name == "tampered.mha-verification.html"
    assert shown.text("sentence").partition(": ")[2] in unescape(text)
    number = kinds.index("Region 1 (sketch)") + 1
    go_to(shown, (0, 0, 0))
    shown.click(f"#regions li:nth-child({number}) button")
    slices = [
        int(shown.text(f"first-{plane}-number").split()[1])
        for plane in ("axial", "coronal", "sagittal")
    ]
    for index, low, high in zip(slices, (59, 68, 25), (68, 92, 49), strict=True):
        assert low <= index <= high, "in the block that was painted"
    red, _, blue = np.moveaxis(shown.pixels("first-axial"), 2, 0)
    assert (red - blue > 20).sum() > 100, "the region is tinted"
    shown.tab.click("#sketch")
    shown.tab.until("document.getElementById('second-axial') !== null")
    shown.settle()
    for id in ("#layer-mark-map", "#layer-seal-regions"):
        shown.click(id)
    sealed, now = (shown.pixels(f"{side}-axial")[..., 0] for side in ("first", "second"))
    height, width = sealed.shape
    patch = np.s_[height * 75 // 157 : height * 85 // 157, width * 32 // 115 : width * 42 // 115]
    assert now[patch].mean() > sealed[patch].mean() + 60, "brighter than when sealed"


def test_a_real_scan_is_restored(chromium: Tab, lung_scans: Path, tmp_path: Path) -> None:
    with page(chromium, settings(lung_scans, "protected.mha", tmp_path)) as shown:
        shown.verify("protected")
        assert shown.text("sentence").startswith("INTACT: All 129 slices are as they were signed")
        shown.open_panel("restore")
        assert shown.value("document.getElementById('passphrase-label').hidden"), "it has none"
        shown.value("document.getElementById('restore-name').value = 'original.mha'")
        shown.click("#restore button")
        assert shown.text("restored").startswith("Restored: its digest")
        assert shown.text("title-second") == "original.mha"
    restored, source = (mg.read(folder / "original.mha") for folder in (tmp_path, lung_scans))
    assert (restored.stored == source.stored).all()
    assert restored.geometry == source.geometry
