"""Voxels that a simulated attacker had a hand in: never a DICOM file, and SIMULATED elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan

MARK = "SIMULATED"

_LEGIBLE = 9
"""Rows of the smallest letters."""


@dataclass(frozen=True)
class Simulated:
    """The source of a scan that was tampered with in memory.

    Whoever writes scans refuses it as DICOM, and writes `burnt` in its place elsewhere.

    Attributes:
        identity: of the series that it was made of, so that its mark can be looked for.
    """

    identity: str | None

    @property
    def path(self) -> None:
        """None: there is no file of it."""
        return None


def burnt(scan: Scan) -> Scan:
    """The scan, in canonical order, with SIMULATED in the voxels of every axial slice."""
    scan = canonical(scan)
    drawn, shade = letters(*scan.shape[1:])
    first = int(np.flatnonzero(shade.any(1))[0])
    stored = scan.stored.copy()
    written = np.tile(_letters_hu(drawn[first:]), (len(stored), 1, 1))
    stored[:, first:] = scan.nearest_stored(written)
    return scan.with_stored(stored)


def burn_in_hu(hu: NDArray[np.int16], stretch: float = 1.0) -> NDArray[np.int16]:
    """Voxels ``[..., y, x]`` in HU with SIMULATED in every slice, along the lower edge.

    Letters of 1000 HU on air, white on black in every window.

    Args:
        hu: the voxels.
        stretch: the height of one over its width, mm: higher ones need fewer rows.
    """
    drawn, shade = letters(*hu.shape[-2:], stretch)
    return np.where(shade > 0, np.rint(_letters_hu(drawn)), hu).astype(np.int16)


def _letters_hu(drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    return 2000 * drawn - 1000


def band_rows(width: int, stretch: float = 1.0) -> int:
    """How many rows of a picture or slice of a width `burn_in` and `burn_in_hu` write on."""
    return max(1, round(1.9 * _letter_rows(width) / _squeeze(width, stretch)))


@lru_cache(maxsize=16)
def letters(
    height: int, width: int, stretch: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much of each pixel the letters cover, and the band behind them, ``[y, x]`` 0 to 1.

    Pixels are ``stretch`` times as high as they are wide.
    """
    squeeze = _squeeze(width, stretch)
    drawn = _drawn(math.ceil(height * squeeze), width)
    if squeeze > 1:
        edges = np.arange(height + 1) * squeeze
        sums = np.vstack([np.zeros((1, width)), np.cumsum(drawn[::-1], axis=0, dtype=np.float64)])
        whole = np.minimum(edges.astype(np.int64), len(sums) - 2)
        at_edges = sums[whole] + (edges - whole)[:, None] * (sums[whole + 1] - sums[whole])
        drawn = (np.diff(at_edges, axis=0)[::-1] / squeeze).astype(np.float32)
    shade = np.zeros_like(drawn)
    shade[-band_rows(width, stretch) :] = 1
    return drawn, shade


def _drawn(height: int, width: int) -> NDArray[np.float32]:
    """How much of each square pixel the letters cover."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    dpi = 100
    canvas = FigureCanvasAgg(Figure(figsize=(width / dpi, height / dpi), dpi=dpi))
    size = _letter_rows(width)
    canvas.figure.patch.set_facecolor("black")
    canvas.figure.text(
        0.5,
        0.95 * size / height,
        MARK,
        color="white",
        fontsize=size * 72 / dpi,
        fontweight="bold",
        horizontalalignment="center",
        verticalalignment="center",
    )
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())[..., 0] / np.float32(255)  # type: ignore[no-untyped-call]
    covered = np.zeros((height, width), np.float32)
    rows, columns = min(height, drawn.shape[0]), min(width, drawn.shape[1])
    covered[-rows:, :columns] = drawn[-rows:, :columns]
    return covered


def _letter_rows(width: int) -> float:
    """Nine letters of this height take about 40 % of the width, and stay legible in a small one."""
    return max(_LEGIBLE, width * 0.06)


def _squeeze(width: int, stretch: float) -> float:
    """How many square pixels a row of letters stands for, so that these keep their looks where
    pixels are higher than wide, as far as they stay legible."""
    return min(max(stretch, 1.0), _letter_rows(width) / _LEGIBLE)
