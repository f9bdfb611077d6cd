"""The studio by keyboard alone: no test here moves or presses the mouse, or sets a value itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.browser.chromium import Tab
from tests.browser.conftest import PASSPHRASE
from tests.browser.studio_page import Page, page, page_of

import mitsgan as mg
from mitsgan.studio.server import Studio, running
from mitsgan.studio.settings import StudioSettings

pytestmark = pytest.mark.slow

MOST_TABS = 200
STOPS = """[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]
.filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility()
  && (one.type !== 'radio' || one.checked)).length"""
"""What the Tab key has to stop at: of radio buttons, the checked one."""
FOCUSED = """(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  window.stops ??= [];
  if (!window.stops.includes(one)) window.stops.push(one);
  return {
    number: window.stops.indexOf(one), tag: one.tagName, html: one.outerHTML.slice(0, 90),
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && box.width > 0,
  };
})()"""


class Keys:
    """Does on a page what a person without a mouse does."""

    def __init__(self, shown: Page) -> None:
        self.shown = shown
        self.press = shown.tab.press

    def to(self, selector: str, *, back: bool = False) -> None:
        """Tab until an element has the focus; it is outlined, and within the window."""
        for _ in range(MOST_TABS):
            self.press("Tab", shift=back)
            if self.shown.value(f"document.activeElement.matches({selector!r})"):
                stop = self.stop()
                assert stop["outlined"], stop
                assert stop["seen"], stop
                return
        raise AssertionError(f"no Tab leads to {selector}")

    def stop(self) -> Any:
        """What has the focus. Where it comes from the browser's own controls, the outline may come
        a moment later."""
        end = time.monotonic() + 2
        while True:
            stop = self.shown.value(FOCUSED)
            if stop["outlined"] or stop["tag"] == "BODY" or time.monotonic() > end:
                return stop
            time.sleep(0.05)

    def do(self, selector: str, key: str = "Enter") -> None:
        """Tab to something and press a key there."""
        self.to(selector)
        self.press(key)
        self.shown.settle()

    def pick(self, id: str, value: str) -> None:
        """Choose from a menu with the arrows."""
        self.to(f"#{id}")
        for key in ("ArrowUp", "ArrowDown"):
            for _ in range(int(self.shown.value(f"document.getElementById('{id}').length"))):
                if self.shown.value(f"document.getElementById('{id}').value") == value:
                    return
                self.press(key)
                self.shown.settle()
        assert self.shown.value(f"document.getElementById('{id}').value") == value

    def write(self, selector: str, text: str) -> None:
        """Write into a field, in place of what is there; to tab into it selects that."""
        self.to(selector)
        for letter in text:
            self.press("Space" if letter == " " else letter)


@pytest.fixture(scope="module")
def studio(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    settings = StudioSettings(
        scan=scans / "chest",
        protected=scans / "protected",
        seal=scans / "protected.seal.json",
        trust=scans / "sign.pub",
        key=scans / "key",
        private_key=scans / "locked.pem",
        folders=(scans,),
        output=tmp_path_factory.mktemp("keyboard"),
    )
    with running(settings) as served:
        yield served


@pytest.fixture
def keys(chromium: Tab, studio: Studio) -> Iterator[Keys]:
    with page_of(chromium, studio) as shown:
        yield Keys(shown)


def saved_in(keys: Keys) -> Path:
    folder = keys.shown.studio.session.settings.output
    assert folder is not None
    return folder


def test_tab_stops_once_at_everything_and_is_trapped_nowhere(keys: Keys) -> None:
    """Forwards and backwards, with all panels open and the volume drawn."""
    shown = keys.shown
    shown.tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
    keys.do("#volume-show")
    shown.tab.until("document.getElementById('volume-canvas').dataset.shown !== undefined")
    keys.to("#volume-canvas")
    shown.value("document.activeElement.scrollIntoView({block: 'center'})")
    before = shown.tab.picture()
    for _ in range(5):
        keys.press("l")
    assert any(shown.tab.picture() != before for _ in range(50)), "the volume turns"
    expected = shown.value(STOPS)
    assert expected > 50
    for back in (False, True):
        shown.tab.run("window.stops = undefined; document.activeElement.blur()")
        order: list[int] = []
        for _ in range(2 * MOST_TABS):
            keys.press("Tab", shift=back)
            stop = keys.stop()
            if stop["tag"] == "BODY":  # past the page's end, where the browser's own controls are
                continue
            if order and stop["number"] == order[0]:
                break
            assert stop["outlined"], stop
            assert stop["seen"], stop
            order.append(stop["number"])
        assert len(order) == len(set(order)), "each once"
        assert len(order) == expected


def test_the_view(keys: Keys) -> None:
    shown = keys.shown
    keys.do("#windows input[value=lung]", "ArrowRight")
    assert shown.text("scale") == "-160 HU  240 HU"
    keys.pick("mode", "swipe")
    keys.to("#swipe")
    before = shown.pixels("first-axial")
    for _ in range(20):
        keys.press("ArrowLeft")
    shown.settle()
    assert (shown.pixels("first-axial") != before).any()
    keys.pick("mode", "flicker")
    keys.do("#flicker", "Space")
    assert shown.text("flicker") == "Go on"
    keys.pick("mode", "difference")
    keys.write("#limit", "7")
    keys.press("Enter")
    assert shown.text("scale") == "-7 HU  7 HUa scale that was chosen here"
    keys.pick("mode", "one")
    before = shown.pixels("first-axial")
    keys.do("#layer-lung", "Space")
    assert (shown.pixels("first-axial") != before).any()
    assert shown.value("document.activeElement.id") == "layer-lung"
    keys.do("#guides", "Space")
    assert not shown.value("document.getElementById('guides').checked")
    keys.to("#first-axial")
    keys.press("ArrowUp")
    keys.press("PageUp")
    shown.settle()
    assert shown.text("first-axial-number") == "slice 43 of 0 to 63"
    keys.press("m")
    for _ in range(10):
        keys.press("ArrowRight", shift=True)
    keys.press("m")
    shown.settle()
    shown.tab.until("document.getElementById('readout').textContent.includes('ruler 19.0 mm')")
    assert shown.text("first-sagittal-number") == "slice 106 of 0 to 191"
    keys.press("Tab")
    assert shown.value("document.activeElement.id") == "first-axial-slider"
    keys.press("ArrowRight")
    shown.settle()
    assert shown.text("first-axial-number") == "slice 44 of 0 to 63"


def test_a_scan_is_opened_and_closed(keys: Keys) -> None:
    shown = keys.shown
    count = len(shown.studio.session.shelf.all())
    keys.do("[aria-label='open tampered']")
    assert len(shown.studio.session.shelf.all()) == count + 1
    keys.do("[aria-label='close tampered']")
    assert len(shown.studio.session.shelf.all()) == count
    assert shown.value("document.activeElement.tagName") == "BUTTON", "not lost"
    keys.do("[aria-label='into chest']")
    assert shown.value("document.activeElement.ariaLabel") == "up"
    keys.press("Enter")
    shown.settle()
    assert shown.value("document.activeElement.ariaLabel").startswith(("into", "open"))


def test_protecting(keys: Keys) -> None:
    shown = keys.shown
    keys.do("#panel-protect > summary")
    keys.to("#budget")
    for _ in range(5):
        keys.press("ArrowLeft")
    assert shown.text("budget-text") == "5 HU"
    keys.pick("protector", "noise")
    keys.do("#protect button")
    assert "Largest change5.0 HU" in shown.text("figures")
    assert shown.text("scale") == "-5 HU  5 HUthe budget that was asked for here"
    keys.write("#save-name", "five")
    keys.press("Enter")
    shown.settle()
    assert shown.text("saved").endswith("five, largest change 5 HU")
    assert mg.read(saved_in(keys) / "five").shape == (64, 192, 192)


def test_attacking(keys: Keys) -> None:
    shown = keys.shown
    keys.pick("second", "")
    keys.to("#first-axial")
    for _ in range(38):
        keys.press("ArrowLeft", shift=True)
    shown.settle()
    keys.do("#panel-attack > summary")
    keys.do("#attack button[value=remove]")
    assert "Classifier, tampered original" in shown.text("attacked")
    assert shown.text("title-first") == "removed: chest"
    keys.write("#export-name", "removed.nii.gz")
    keys.press("Enter")
    shown.settle()
    hu = mg.read(saved_in(keys) / "removed.nii.gz").hu()
    assert all((part[-22:] > 900).any() for part in hu), "SIMULATED in every slice"


def test_verifying(chromium: Tab, scans: Path, tmp_path: Path) -> None:
    settings = StudioSettings(
        scan=scans / "tampered",
        seal=scans / "protected.seal.json",
        trust=scans / "sign.pub",
        output=tmp_path,
    )
    with page(chromium, settings) as shown:
        keys = Keys(shown)
        keys.do("#panel-verify > summary")
        keys.do("#verify")
        assert shown.text("sentence").startswith("TAMPERED: ")
        assert shown.value("document.activeElement.id") == "verify"
        keys.to("#first-axial")
        keys.press("PageDown")
        shown.settle()
        there = shown.text("first-axial-number")
        keys.do("#regions li button")
        assert shown.text("first-axial-number") != there
        shown.tab.keep_saved()
        keys.do("#report")
        assert shown.value("window.saved") == ["tampered-verification.html"]
        keys.write("#findings-name", "told")
        keys.press("Enter")
        shown.settle()
        assert pydicom.dcmread(tmp_path / "told" / "report.dcm").Modality == "SR"
        keys.do("#sketch")
        shown.tab.until("document.getElementById('second-axial') !== null")
        shown.settle()
        assert shown.text("title-first") == "as sealed, in cells"


def test_restoring(keys: Keys) -> None:
    shown = keys.shown
    keys.pick("first", shown.series("protected"))
    keys.do("#panel-restore > summary")
    keys.write("#restore-name", "back")
    keys.write("#passphrase", PASSPHRASE)
    keys.press("Enter")
    shown.settle()
    shown.tab.until("document.getElementById('restored').textContent.startsWith('Restored:')")
    shown.settle()
    assert len(list((saved_in(keys) / "back").iterdir())) == 64
