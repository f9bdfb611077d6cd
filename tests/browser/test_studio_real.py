"""The studio on a real scan of anisotropic voxels: every panel that needs no files beside it."""

from __future__ import annotations

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
