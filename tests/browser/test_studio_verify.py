"""Verifying and restoring in the studio, clicked through in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.browser.chromium import Tab
from tests.browser.studio_page import STILL, Page, page

from mitsgan.studio.settings import StudioSettings

pytestmark = pytest.mark.slow


def settings(scans: Path, protected: str, out: Path) -> StudioSettings:
    return StudioSettings(
        scan=scans / "chest",
        protected=scans / protected,
        seal=scans / "protected.seal.json",
        trust=scans / "sign.pub",
        key=scans / "key",
        private_key=scans / "reader.pem",
        folders=(scans,),
        out=out,
    )


def verified(shown: Page) -> None:
    """Have the second series verified."""
    shown.choose("first", shown.series("protected"))
    shown.open_panel("verify")
    shown.tab.click("#verify")
    shown.tab.until(f"!document.getElementById('verdict').hidden && {STILL}")


@pytest.fixture
def tampered(chromium: Tab, scans: Path, tmp_path: Path) -> Iterator[Page]:
    with page(chromium, settings(scans, "tampered", tmp_path)) as shown:
        verified(shown)
        yield shown


def test_the_verdict_is_a_sentence_and_regions_lead_there(tampered: Page) -> None:
    assert tampered.text("sentence").startswith("TAMPERED: 11 differences; 1 region shows")
    names = tampered.value(
        "[...document.querySelectorAll('#regions button')].map((b) => b.textContent)"
    )
    assert names[:2] == ["Region 1 (mark)", "Region 1 (sketch)"]
    tampered.click("#first-axial", right=0.9, down=0.9)
    assert tampered.text("first-sagittal-number") == "slice 172 of 192"
    tampered.click("#regions li:nth-child(2) button")
    column = int(tampered.text("first-sagittal-number").split()[1])
    row = int(tampered.text("first-coronal-number").split()[1])
    assert 42 <= column <= 58
    assert 87 <= row <= 103
    tampered.click("#guides")
    red, _, blue = np.moveaxis(tampered.pixels("first-axial"), 2, 0)
    tinted = red - blue > 20
    rows, columns = (np.flatnonzero(tinted.any(axis)) * 192 / 512 for axis in (1, 0))
    assert 75 < rows.min() < 90
    assert 100 < rows.max() < 115
    assert 30 < columns.min() < 45
    assert 55 < columns.max() < 70


def test_sealed_is_shown_beside_found_at_the_same_place(tampered: Page) -> None:
    tampered.click("#regions li:nth-child(2) button")
    tampered.click("#guides")
    tampered.tab.click("#sketch")
    tampered.tab.until("document.getElementById('second-axial') !== null")
    tampered.tab.until(STILL)
    for id in ("#layer-mark-map", "#layer-seal-regions"):
        tampered.click(id)
    assert tampered.text("title-first") == "as sealed (sketch)"
    sealed, shown = (tampered.pixels(f"{side}-axial")[..., 0] for side in ("first", "second"))
    patch = np.s_[240:270, 115:145]
    assert shown[patch].mean() > sealed[patch].mean() + 60, "brighter than when sealed"
    assert np.abs(shown - sealed)[:, 300:].mean() < 3, "elsewhere the same"


def test_the_report_is_exported_as_a_page(tampered: Page) -> None:
    tampered.value(
        "window.saved = []; URL.createObjectURL = (blob) => { window.blob = blob; return '#'; };"
        "HTMLAnchorElement.prototype.click = function () { window.saved.push(this.download); }"
    )
    tampered.tab.click("#report")
    tampered.tab.until("window.saved.length === 1")
    assert tampered.value("window.saved[0]") == "tampered-verification.html"
    text = tampered.value("window.blob.text()")
    assert "Verification of tampered" in text
    assert "TAMPERED: 11 differences" in text
    assert "Where the mark is missing" in text


def test_findings_are_written_as_dicom(tampered: Page, tmp_path: Path) -> None:
    tampered.tab.click("#findings button")
    tampered.tab.until("document.getElementById('written').textContent.includes('findings')")
    report = pydicom.dcmread(tmp_path / "findings" / "report.dcm")
    assert report.Modality == "SR"


def test_what_is_whole_is_intact_and_its_original_is_restored(
    chromium: Tab, scans: Path, tmp_path: Path
) -> None:
    with page(chromium, settings(scans, "protected", tmp_path)) as shown:
        verified(shown)
        assert shown.text("sentence").startswith("INTACT: All 64 slices are as they were signed")
        assert shown.value("document.querySelectorAll('#regions li').length") == 0
        shown.open_panel("restore")
        shown.tab.click("#restore button")
        shown.tab.until(
            "document.getElementById('restored').textContent.startsWith('Restored: its digest')"
        )
        shown.tab.until(STILL)
        paths = [sorted((folder).iterdir()) for folder in (scans / "chest", tmp_path / "original")]
        for before, after in zip(*paths, strict=True):
            pixels = [pydicom.dcmread(path).PixelData for path in (before, after)]
            assert pixels[0] == pixels[1]
