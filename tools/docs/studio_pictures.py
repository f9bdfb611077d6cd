"""Take the pictures of the studio in docs/images: `python tools/docs/studio_pictures.py`.

A synthetic chest is protected and attacked in a studio of its own, in a Chromium of the system.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from tests.browser.chromium import browser, find_browser  # noqa: E402 - the path above first
from tests.browser.studio_page import Page, page  # noqa: E402

from mitsgan.files.dicom.phantom import phantom_series  # noqa: E402
from mitsgan.jobs.protect.file import protect_file  # noqa: E402
from mitsgan.jobs.protect.settings import ProtectFile  # noqa: E402
from mitsgan.phantom.chest import chest  # noqa: E402
from mitsgan.studio.settings import StudioSettings  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = (1300, 860)


def main() -> None:
    """Take them all."""
    program = find_browser()
    if program is None:
        raise SystemExit("no Chromium on this machine; on Debian: apt-get install chromium")
    with TemporaryDirectory() as name, browser(program, Path(name) / "profile") as tab:
        folder = Path(name)
        phantom_series(chest((100, 256, 256), (2.0, 1.4, 1.4)), folder / "chest")
        protect_file(ProtectFile(scan=folder / "chest", out=folder / "protected"))
        settings = StudioSettings(scan=folder / "chest", protected=folder / "protected")
        with page(tab, settings, SIZE[0]) as shown:
            tab.size(*SIZE)
            compare(shown)
            attack(shown)


def compare(shown: Page) -> None:
    """The difference on the scale of the budget, and candidates over the scan."""
    shown.click("#layer-candidates")
    shown.choose("mode", "swipe")
    picture(shown, "studio-view")


def attack(shown: Page) -> None:
    """An injection in both."""
    shown.click("#layer-candidates")
    shown.choose("mode", "side")
    shown.click("#first-axial", right=0.3, down=0.45)
    shown.value("for (const one of document.querySelectorAll('aside details')) one.open = false")
    shown.open_panel("attack")
    shown.click("#attack button[value=inject]")
    picture(shown, "studio-attack")


def picture(shown: Page, name: str) -> None:
    """What is to be seen, from the top of the page."""
    shown.value("window.scrollTo(0, 0)")
    shown.tab.screenshot(IMAGES / f"{name}.png", whole=True)


if __name__ == "__main__":
    main()
