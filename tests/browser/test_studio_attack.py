"""Protecting and simulated attacks in the studio, clicked through in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.browser.chromium import Tab
from tests.browser.studio_page import Page, page

import mitsgan as mg
from mitsgan.studio.settings import StudioSettings

pytestmark = pytest.mark.slow

PLANES = ("axial", "coronal", "sagittal")


@pytest.fixture
def shown(chromium: Tab, scans: Path, tmp_path: Path) -> Iterator[Page]:
    settings = StudioSettings(
        scan=scans / "chest", protected=scans / "protected", key=scans / "key", output=tmp_path
    )
    with page(chromium, settings) as opened:
        yield opened


def yellow(pixels: NDArray[np.int_]) -> int:
    """How many pixels have the colour of the mark."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return int(((red > 230) & (green > 190) & (blue < 90)).sum())


def set_range(shown: Page, id: str, value: int) -> None:
    shown.value(
        f"(() => {{ const e = document.getElementById('{id}'); e.value = {value};"
        "e.dispatchEvent(new Event('input')); })()"
    )


def test_a_budget_a_protector_and_what_they_change(shown: Page, tmp_path: Path) -> None:
    shown.open_panel("protect")
    set_range(shown, "budget", 5)
    assert shown.text("budget-text") == "5 HU"
    shown.choose("protector", "noise")
    shown.click("#protect button")
    figures = shown.text("figures")
    assert figures.startswith("Ofchest, noise, 5 HULargest change5.0 HU")
    assert "PSNR (2000 HU)" in figures
    assert "SSIM0." in figures
    assert shown.pixels("histogram").any(), "bars"
    assert shown.value("document.getElementById('mode').value") == "difference"
    assert shown.text("scale") == "-5 HU  5 HUthe budget that was asked for here"
    shown.value("document.getElementById('save-name').value = 'five'")
    shown.click("#save button")
    assert shown.text("saved").endswith("five, largest change 5 HU")
    shown.click("#save button")
    assert "five exists in" in shown.text("alert")
    assert shown.text("saved") == "", "what was written before is no answer"
    chest = mg.read(shown.studio.session.settings.scan or "")
    expected = mg.protect(chest, protector="noise", max_hu=5)
    assert (mg.read(tmp_path / "five").hu() == expected.scan.hu()).all()


def test_an_injection_is_shown_in_both_with_simulated_in_the_pixels(
    shown: Page, tmp_path: Path
) -> None:
    before = shown.pixels("first-axial")
    shown.click("#first-axial", right=0.3, down=0.45)
    shown.open_panel("attack")
    shown.click("#attack button[value=inject]")
    text = shown.text("attacked")
    assert "HU RMSE in the 20 mm core" in text
    assert "Classifier, originalno nodule" in text
    assert "Classifier, tampered originala nodule" in text
    assert "Sketch, tampered originaltampered" in text
    assert "Mark of the tampered protected scan" in text
    assert shown.text("title-first") == "injected: chest"
    assert shown.text("title-second") == "injected: protected"
    for side in ("first", "second"):
        for plane in PLANES:
            pixels = shown.pixels(f"{side}-{plane}")
            assert yellow(pixels) > 300, (side, plane)
            assert pixels[-2, 1].tolist() == [0, 0, 0], "letters stand on black"
    place = np.s_[215:245, 140:170]
    after = shown.pixels("first-axial")
    assert after[place].mean() > before[place].mean() + 15, "something bright was painted"
    for mode in ("swipe", "difference"):
        shown.choose("mode", mode)
        assert yellow(shown.pixels("first-axial")) > 300
    shown.tab.keep_saved()
    shown.click("#first-axial-save")
    shown.tab.until("window.saved.length === 1")
    assert shown.value("window.saved[0]").startswith("SIMULATED-injected")
    shown.click("#export button")
    saved = mg.read(tmp_path / "simulated.nii.gz").hu()
    assert all((part[-22:] > 900).any() for part in saved), "SIMULATED in every slice"
    check_a_swipe_to_what_is_not_simulated(shown)


def check_a_swipe_to_what_is_not_simulated(shown: Page) -> None:
    """A picture in which a simulated scan has any part carries the word."""
    chest = next(s.id for s in shown.studio.session.shelf.all() if s.role == "scan")
    shown.choose("second", chest)
    shown.choose("mode", "swipe")
    assert yellow(shown.pixels("first-axial")) > 300
    shown.choose("first", chest)
    label = shown.value("document.getElementById('first-axial').ariaLabel")
    assert label.endswith(", simulated")
    shown.choose("mode", "one")
    assert yellow(shown.pixels("first-axial")) == 0
