"""A studio's page in a browser: what tests do with it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tests.browser.chromium import Tab

from mitsgan.studio.server import Studio, running
from mitsgan.studio.settings import StudioSettings

STILL = "['busy', 'drawing'].every((what) => document.documentElement.dataset[what] === '0')"
READY = "document.documentElement !== null && document.documentElement.dataset.ready === 'yes'"
_HARMLESS = ("GL Driver Message", "WebGL")
"""What a browser without a graphics card says of its own accord."""


@dataclass(frozen=True)
class Page:
    """The page of a running studio."""

    tab: Tab
    studio: Studio

    def choose(self, id: str, value: str) -> None:
        """Choose from a menu, which no click opens in a headless browser."""
        self.tab.value(
            f"(() => {{ const menu = document.getElementById('{id}'); menu.value = "
            f"{json.dumps(value)}; menu.dispatchEvent(new Event('change')); }})()"
        )
        self.settle()

    def click(self, selector: str, right: float = 0.5, down: float = 0.5) -> None:
        """Click, and wait until all is drawn."""
        self.tab.click(selector, right, down)
        self.settle()

    def settle(self) -> None:
        """Wait until all work is done, and every picture is of the latest wish."""
        self.tab.until(STILL)

    def open_panel(self, name: str) -> None:
        """Unfold a panel."""
        self.tab.value(f"document.getElementById('panel-{name}').open = true")

    def verify(self, role: str) -> None:
        """Have the first series of a role verified."""
        self.choose("first", self.series(role))
        self.open_panel("verify")
        self.tab.click("#verify")
        self.tab.until(f"!document.getElementById('verdict').hidden && {STILL}")

    def export_report(self) -> tuple[str, str]:
        """Have the report exported; the name that it would be saved under, and its text."""
        self.tab.keep_saved()
        self.tab.click("#report")
        self.tab.until("window.saved.length === 1")
        return str(self.value("window.saved[0]")), str(self.value("window.blob.text()"))

    def show_volume(self) -> NDArray[np.int_]:
        """Have the volume drawn; what is to be seen of it, grey levels ``[y, x]``."""
        self.value("document.getElementById('volume').open = true")
        self.tab.click("#volume-show")
        self.tab.until("document.getElementById('volume-canvas').dataset.shown !== undefined")
        self.value("document.getElementById('volume-canvas').scrollIntoView({block: 'center'})")
        x, y, width, height = self.value(
            "(() => { const b = document.getElementById('volume-canvas').getBoundingClientRect();"
            "return [b.x, b.y, b.width, b.height].map(Math.round); })()"
        )
        whole = np.asarray(Image.open(BytesIO(self.tab.picture())).convert("L"), int)
        return whole[y : y + height, x : x + width]

    def text(self, id: str) -> str:
        """What an element says."""
        return str(self.tab.value(f"document.getElementById('{id}').textContent"))

    def pixels(self, id: str) -> NDArray[np.int_]:
        """The pixels of a canvas, ``[y, x, 3]``."""
        url = self.tab.value(f"document.getElementById('{id}').toDataURL()")
        data = b64decode(str(url).removeprefix("data:image/png;base64,"))
        return np.asarray(Image.open(BytesIO(data)).convert("RGB"), int)

    def series(self, role: str) -> str:
        """The id of the first series of a role."""
        return next(s.id for s in self.studio.session.shelf.all() if s.role == role)

    def value(self, script: str) -> Any:
        """What a script evaluates to."""
        return self.tab.value(script)


@contextmanager
def page(tab: Tab, settings: StudioSettings, width: int = 1300) -> Iterator[Page]:
    """The page of a studio of its own."""
    with running(settings) as studio, page_of(tab, studio, width) as shown:
        yield shown


@contextmanager
def page_of(tab: Tab, studio: Studio, width: int = 1300) -> Iterator[Page]:
    """The page of a studio, newly loaded, with its two first scans; whatever is done with it, it
    may neither complain nor ask anybody else."""
    tab.call("Page.navigate", url="about:blank")  # else only what follows # is new: it loads later
    tab.complaints.clear()
    tab.requests.clear()
    tab.call("Emulation.setEmulatedMedia", features=[])
    tab.open(studio.address, width)
    tab.until(READY)
    shown = Page(tab, studio)
    shown.settle()
    yield shown
    tab.value("1")  # what came last has been told
    own = f"http://127.0.0.1:{studio.port}/"
    foreign = [url for url in tab.requests if not url.startswith((own, "blob:"))]
    tab.open("about:blank")
    complaints = [text for text in tab.complaints if not any(h in text for h in _HARMLESS)]
    assert complaints == []
    assert foreign == []
