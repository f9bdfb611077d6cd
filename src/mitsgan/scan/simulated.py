"""Voxels that a simulated attacker had a hand in: never a DICOM file, and SIMULATED elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan

MARK = "SIMULATED"


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


def burn_in_hu(hu: NDArray[np.int16]) -> NDArray[np.int16]:
    """Voxels ``[..., y, x]`` in HU with SIMULATED in every slice, along the lower edge.

    Letters of 1000 HU on air, white on black in every window.
    """
    drawn, shade = letters(*hu.shape[-2:])
    return np.where(shade > 0, np.rint(_letters_hu(drawn)), hu).astype(np.int16)


def _letters_hu(drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    return 2000 * drawn - 1000


def band_rows(width: int) -> int:
    """How many rows of a picture or slice of a width `burn_in` and `burn_in_hu` write on."""
    return max(1, round(1.9 * _letter_rows(width)))


@lru_cache(maxsize=16)
def letters(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much of each pixel the letters cover, and the band behind them, ``[y, x]`` 0 to 1."""
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
    shade = np.zeros_like(covered)
    shade[-band_rows(width) :] = 1
    return covered, shade


def _letter_rows(width: int) -> float:
    """Nine letters of this height take about 40 % of the width, and stay legible in a small one."""
    return max(9, width * 0.06)
