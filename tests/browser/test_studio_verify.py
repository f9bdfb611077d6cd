"""Verifying and restoring in the studio, clicked through in a real browser."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.browser.chromium import Tab
from tests.browser.conftest import PASSPHRASE
from tests.browser.studio_page import READY, STILL, Page, page

from mitsgan.studio.settings import StudioSettings

pytestmark = pytest.mark.slow


def settings(scans: Path, protected: str, out: Path) -> StudioSettings:
    return StudioSettings(
        scan=scans / "chest",
        protected=scans / protected,
        seal=scans / "protected.seal.json",
        trust=scans / "sign.pub",
        key=scans / "key",
        private_key=scans / "locked.pem",
        folders=(scans,),
        output=out,
    )


def test_what_was_tampered_with_is_told_shown_and_exported(
    chromium: Tab, scans: Path, tmp_path: Path
) -> None:
    with page(chromium, settings(scans, "tampered", tmp_path)) as shown:
        shown.verify("protected")
        check_the_verdict(shown)
        check_that_regions_lead_there(shown)
        check_the_exported_report(shown)
        check_the_findings_written_as_dicom(shown, tmp_path)
        check_sealed_beside_shown(shown)
        check_of_which_scan_the_verdict_is(shown)
        refuses_to_restore(shown, tmp_path)
        remembers_the_verdict(shown)


def check_the_verdict(shown: Page) -> None:
    assert shown.text("sentence").startswith("TAMPERED: 10 differences; 1 region shows")
    names = shown.value(
        "[...document.querySelectorAll('#regions button')].map((b) => b.textContent)"
    )
    assert names[:2] == ["Region 1 (mark)", "Region 1 (sketch)"]


def check_that_regions_lead_there(shown: Page) -> None:
    shown.click("#first-axial", right=0.9, down=0.9)
    assert shown.text("first-sagittal-number") == "slice 172 of 0 to 191"
    shown.click("#regions li:nth-child(2) button")
    column = int(shown.text("first-sagittal-number").split()[1])
    row = int(shown.text("first-coronal-number").split()[1])
    assert 42 <= column <= 58
    assert 87 <= row <= 103
    shown.click("#guides")
    red, _, blue = np.moveaxis(shown.pixels("first-axial"), 2, 0)
    tinted = red - blue > 20
    rows, columns = (np.flatnonzero(tinted.any(axis)) * 192 / 512 for axis in (1, 0))
    assert 75 < rows.min() < 90
    assert 100 < rows.max() < 115
    assert 30 < columns.min() < 45
    assert 55 < columns.max() < 70


def check_sealed_beside_shown(shown: Page) -> None:
    """At the place of the region, with the guides away."""
    shown.tab.click("#sketch")
    shown.tab.until("document.getElementById('second-axial') !== null")
    shown.settle()
    for id in ("#layer-mark-map", "#layer-seal-regions"):
        shown.click(id)
    assert shown.text("title-first") == "as sealed, in cells"
    sealed, now = (shown.pixels(f"{side}-axial")[..., 0] for side in ("first", "second"))
    patch = np.s_[240:270, 115:145]
    assert now[patch].mean() > sealed[patch].mean() + 60, "brighter than when sealed"
    assert np.abs(now - sealed)[:, 300:].mean() < 3, "elsewhere the same"


def check_of_which_scan_the_verdict_is(shown: Page) -> None:
    """It stays while another scan is looked at, which it does not speak of."""
    assert shown.text("whose") == "Of tampered:", "the sketch is a picture of the same"
    shown.choose("first", shown.series("scan"))
    assert shown.text("whose") == "Of tampered, not of what “Scan” shows now:"


def check_the_exported_report(shown: Page) -> None:
    name, text = shown.export_report()
    assert name == "tampered-verification.html"
    assert "Verification of tampered" in text
    assert '<strong class="verdict tampered">TAMPERED</strong>' in text
    assert "10 differences" in text
    assert "Where the mark is missing" in text


def check_the_findings_written_as_dicom(shown: Page, folder: Path) -> None:
    shown.tab.click("#findings button")
    shown.tab.until("document.getElementById('written').textContent.includes('findings')")
    report = pydicom.dcmread(folder / "findings" / "report.dcm")
    assert report.Modality == "SR"
    shown.click("#findings button")
    assert "exists" in shown.text("alert"), "nothing is replaced"


def refuses_to_restore(shown: Page, folder: Path) -> None:
    """What was tampered with is no base to restore from."""
    shown.choose("first", shown.series("protected"))
    shown.open_panel("restore")
    enter(shown, PASSPHRASE)
    assert "is not as it was sealed" in shown.text("alert")
    assert not (folder / "original").exists()


def enter(shown: Page, passphrase: str) -> None:
    """Ask to restore, with a passphrase."""
    shown.value(f"document.getElementById('passphrase').value = '{passphrase}'")
    shown.click("#restore button")


def remembers_the_verdict(shown: Page) -> None:
    """Of a page that is loaded anew, such as one that was left while it was verified."""
    sentence = shown.text("sentence")
    shown.value("document.documentElement.dataset.ready = 'no'")
    shown.tab.call("Page.reload")
    shown.tab.until(READY)
    shown.settle()
    assert not shown.value("document.getElementById('verdict').hidden")
    assert shown.text("sentence") == sentence
    assert shown.text("whose").startswith("Of tampered")


def test_what_is_whole_is_intact_and_its_original_is_restored(
    chromium: Tab, scans: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with page(chromium, settings(scans, "protected", tmp_path)) as shown:
        shown.verify("protected")
        assert shown.text("sentence").startswith("INTACT: All 64 slices are as they were signed")
        assert shown.value("document.querySelectorAll('#regions li').length") == 0
        shown.open_panel("restore")
        assert shown.value("document.getElementById('passphrase').type") == "password"
        enter(shown, "")
        assert not (tmp_path / "original").exists(), "the browser asks for it"
        enter(shown, f"not {PASSPHRASE}")
        assert "a wrong passphrase" in shown.text("alert")
        assert PASSPHRASE not in shown.text("alert")
        assert not (tmp_path / "original").exists()
        enter(shown, PASSPHRASE)
        shown.tab.until(
            "document.getElementById('restored').textContent.startsWith('Restored: its digest')"
        )
        shown.tab.until(STILL)
        assert shown.value("document.getElementById('passphrase').value") == "", "not kept"
        page_of = "document.documentElement"
        assert shown.value(f"{page_of}.scrollWidth - {page_of}.clientWidth") == 0, "digests break"
        paths = [sorted((folder).iterdir()) for folder in (scans / "chest", tmp_path / "original")]
        for before, after in zip(*paths, strict=True):
            pixels = [pydicom.dcmread(path).PixelData for path in (before, after)]
            assert pixels[0] == pixels[1]
    assert PASSPHRASE not in caplog.text


def test_a_scan_that_vanished_keeps_no_verdict_of_before(
    chromium: Tab, scans: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(scans / "protected", gone)
    with page(chromium, replace(settings(scans, "protected", tmp_path), protected=gone)) as shown:
        shown.verify("protected")
        assert shown.text("sentence").startswith("INTACT")
        shutil.rmtree(gone)
        shown.tab.click("#verify")
        shown.tab.until("!document.getElementById('alert').hidden")
        assert "does not exist" in shown.text("alert")
        assert shown.value("document.getElementById('verdict').hidden")
