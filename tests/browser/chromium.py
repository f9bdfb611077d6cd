"""A headless Chromium driven by its DevTools protocol over a pipe: no driver, no socket."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any

Message = dict[str, Any]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL2 without a graphics card
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)
_CONNECT = """
import os, sys
ends = [os.dup(int(number)) for number in sys.argv[1:3]]
for end, number in zip(ends, (3, 4)):
    os.dup2(end, number)
    os.set_inheritable(number, True)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, with the pipe's ends where its protocol has them: 3 to read, 4 to write."""

_SECONDS = 120

_CODES = {
    "Tab": 9,
    "Enter": 13,
    "Space": 32,
    "PageUp": 33,
    "PageDown": 34,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "-": 189,
    ".": 190,
}
"""What Windows numbers these keys, and the protocol with it."""


def find_browser() -> str | None:
    """Where a Chromium is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Tab:
    """A page in the browser; what it complains about and asks for is kept.

    Attributes:
        complaints: errors and warnings of its console, and exceptions of its scripts.
        pid: of the browser.
        requests: URLs that it asked for, the page itself included; data in the page are none.
    """

    write: int
    read: int
    session: str = ""
    pid: int = 0
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _held: bytes = b""
    _number: int = 0

    def call(self, method: str, **parameters: object) -> Message:
        """Ask for something, and wait for the answer."""
        self._number += 1
        message: Message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(time.monotonic() + _SECONDS)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: Message = answer["result"]
                return result

    def open(self, page: Path | str, width: int = 1280, height: int = 900) -> None:
        """Load a file or an address and wait until it is drawn."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)
        url = page if isinstance(page, str) else page.resolve().as_uri()
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def size(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def value(self, script: str) -> Any:
        """What an expression evaluates to, as JSON; promises are waited for.

        The page holds what is waited for: the protocol itself does not, and where nothing else does
        either, such as for a module that is imported, it may be collected before it is kept.
        """
        held = f"globalThis.asked = ({script})"
        return self._evaluate(held, returnByValue=True, awaitPromise=True).get("value")

    def run(self, script: str) -> None:
        """Have statements run: what no expression says."""
        self._evaluate(script)

    def keep_saved(self) -> None:
        """Have the page keep what it would save: names in ``window.saved``, the last as a blob."""
        self.run(
            "window.saved = [];"
            "URL.createObjectURL = (blob) => { window.blob = blob; return '#'; };"
            "HTMLAnchorElement.prototype.click = function () { window.saved.push(this.download); }"
        )

    def until(self, script: str) -> None:
        """Wait until a script evaluates to something true."""
        end = time.monotonic() + _SECONDS
        while not self.value(script):
            if time.monotonic() > end:
                raise TimeoutError(f"{script} did not come true; complaints: {self.complaints}")
            time.sleep(0.05)

    def click(self, selector: str, right: float = 0.5, down: float = 0.5) -> None:
        """Press and release the mouse over an element, by default in its middle."""
        box = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x, b.y, b.width, b.height]; })()"
        )
        at = {"x": box[0] + box[2] * right, "y": box[1] + box[3] * down}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self.call("Input.dispatchMouseEvent", type=kind, button=button, clickCount=1, **at)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key by its name, such as ArrowUp, or a letter."""
        text = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else "")
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=text.replace("\r", "Enter") or key,
                code=f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key,
                text=text if kind == "keyDown" else "",
                modifiers=8 if shift else 0,
                windowsVirtualKeyCode=_CODES.get(key, ord(key[0].upper())),
            )

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is to be seen, or the whole page, as PNG."""
        path.write_bytes(self.picture(whole=whole))

    def picture(self, *, whole: bool = False) -> bytes:
        """What is to be seen, or the whole page, as PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return b64decode(answer["data"])

    def _evaluate(self, script: str, **how: bool) -> Message:
        answer = self.call("Runtime.evaluate", expression=script, **how)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        result: Message = answer["result"]
        return result

    def _next(self, end: float) -> Message:
        while b"\0" not in self._held:
            ready, _, _ = select([self.read], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.read, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._held += more
        text, self._held = self._held.split(b"\0", 1)
        message: Message = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: Message) -> None:
        """Keep what the page complains about, and what it asks for."""
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.complaints.append(parameters["entry"]["text"])
            case "Network.requestWillBeSent" if not parameters["request"]["url"].startswith(
                "data:"
            ):
                self.requests.append(parameters["request"]["url"])


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Tab]:
    """Start a browser with an empty profile, give its one tab, end it."""
    to_browser, from_browser = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _CONNECT, str(to_browser[0]), str(from_browser[1])),
            *(program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"),
        ],
        pass_fds=(to_browser[0], from_browser[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    tab = Tab(to_browser[1], from_browser[0], pid=process.pid)
    try:
        target = tab.call("Target.createTarget", url="about:blank")["targetId"]
        attached = tab.call("Target.attachToTarget", targetId=target, flatten=True)
        tab.session = attached["sessionId"]
        yield tab
        tab.session = ""
        with suppress(RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            tab.call("Browser.close")
            process.wait(30)
    finally:
        process.kill()
        process.wait()
        os.close(tab.write)
        os.close(tab.read)
