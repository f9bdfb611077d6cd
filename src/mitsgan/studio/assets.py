"""The files of the page: ours, and what others made, which is checked by its hash."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from mitsgan.errors import DataError
from mitsgan.typed import parse_json

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SHARED = ("slices.js",)
"""What the page and the report share; it lies with the report."""


@dataclass(frozen=True)
class Asset:
    """A file of the page.

    Attributes:
        content: as it is sent.
        kind: its media type.
        encoding: ``gzip``, or "".
    """

    content: bytes
    kind: str
    encoding: str = ""


@dataclass(frozen=True)
class Vendored:
    """What is known of a file that others made; ``sha256`` is of the file itself, unpacked."""

    file: str
    package: str
    version: str
    licence: str
    source: str
    sha256: str


@cache
def assets() -> dict[str, Asset]:
    """All files by their path below ``/``.

    Raises:
        DataError: a file of somebody else's is not the one that was vendored.
    """
    page = files("mitsgan.studio").joinpath("page")
    listed = {_path(file): _asset(file) for file in page.iterdir() if _kind(file.name)}
    report = files("mitsgan.evaluate.report.html")
    listed |= {f"/{name}": _asset(report.joinpath(name)) for name in _SHARED}
    vendor = page.joinpath("vendor")
    listed["/vendor/LICENSES.txt"] = _asset(vendor.joinpath("LICENSES.txt"))
    for known in vendored():
        listed[f"/vendor/{known.file.removesuffix('.gz')}"] = _checked(vendor, known)
    listed["/"] = listed.pop("/index.html")
    return listed


def vendored() -> tuple[Vendored, ...]:
    """Every file of somebody else's."""
    table = files("mitsgan.studio").joinpath("page", "vendor", "vendored.json")
    return parse_json(table.read_bytes(), tuple[Vendored, ...], "vendored.json")


def _checked(vendor: Traversable, known: Vendored) -> Asset:
    packed = vendor.joinpath(known.file).read_bytes()
    try:
        digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()
    except (OSError, EOFError):
        digest = "of nothing: it cannot be unpacked"
    if digest != known.sha256:
        raise DataError(
            f"{known.file} is not what was vendored (SHA-256 {digest}, expected {known.sha256}); "
            "install mitsgan again"
        )
    return Asset(packed, _KINDS[".js"], "gzip")


def _path(file: Traversable) -> str:
    return f"/{file.name}"


def _kind(name: str) -> str | None:
    return next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), None)


def _asset(file: Traversable) -> Asset:
    return Asset(file.read_bytes(), _kind(file.name) or "application/octet-stream")
