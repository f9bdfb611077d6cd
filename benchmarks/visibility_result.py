"""What `visibility.py` writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from display import Display
from mitsgan import __version__
from mitsgan.result import Result, WeightsEntry

RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
"""Of JPEG 2000, to one, of 12 bits a pixel."""


@dataclass(frozen=True)
class Way:
    """One way to protect.

    Attributes:
        protector: see `mitsgan.protect.PROTECTORS`.
        max_hu, noise_fraction: the budget.
        marked: whether a mark is hidden in the scan, too.
        magnification: of the slices that are looked at.
    """

    protector: str
    max_hu: float = 10.0
    noise_fraction: float | None = None
    marked: bool = False
    magnification: int = 2

    def __str__(self) -> str:
        part = "" if self.noise_fraction is None else f", {self.noise_fraction:g} of the noise"
        mark = ", marked" if self.marked else ""
        return f"{self.protector}, {self.max_hu:g} HU{part}{mark}, {self.magnification} times"


@dataclass(frozen=True)
class Seen:
    """What the eye makes of one way to protect a scan, in one window.

    Attributes:
        scan: its name.
        window: see `mitsgan.evaluate.metrics.windows.WINDOWS`.
        way: how it was protected and looked at.
        rmse_hu: of what was added, over the parts of slices that are shown.
        lost_jod: by slice; 0 looks the same, at 1 three of four observers name the original the
            better one.
        as_jpeg2000: by slice, the ratio to one that loses as much; no less than the first of
            `RATIOS`, no more than the last.
    """

    scan: str
    window: str
    way: Way
    rmse_hu: float
    lost_jod: tuple[float, ...]
    as_jpeg2000: tuple[float, ...]


@dataclass(frozen=True)
class Compressed:
    """What the eye makes of JPEG 2000 of a scan, in one window, by ratio and slice."""

    scan: str
    window: str
    magnification: int
    lost_jod: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Visibility(Result):
    """What readers may see of protection, of several scans.

    Attributes:
        eye: the model, with its version.
        display: see `Display`; its magnification is that of the ways.
        ratios: of JPEG 2000.
        weights: of the networks.
        slices: by scan, which were looked at.
        compressed, seen: what the eye makes of JPEG 2000, and of protection.
    """

    KIND: ClassVar[str] = "visibility"

    version: str = __version__
    eye: str
    display: Display = field(default_factory=Display)
    ratios: tuple[float, ...] = RATIOS
    weights: tuple[WeightsEntry, ...] = ()
    slices: dict[str, tuple[int, ...]]
    compressed: tuple[Compressed, ...]
    seen: tuple[Seen, ...]
