"""A synthetic chest: a CT scan made of formulas and noise, for the demo and the tests.

Nobody's data: every shape is written down in `mitsgan.phantom.anatomy`, in mm, so that the
same chest can be had at any spacing and size.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.phantom.anatomy import NODULE_DIAMETER, NODULE_LPS, Tissue, paint_chest
from mitsgan.phantom.noise import mottle, scanner_noise, smooth
from mitsgan.phantom.shapes import Array, Canvas
from mitsgan.scan.scan import Geometry, Scan

__all__ = ["NODULE_DIAMETER", "NODULE_LPS", "PADDING_STORED", "Phantom", "chest"]

PADDING_STORED = -2000
"""Stored value outside the reconstruction circle."""

_INTERCEPT = -1024
_PARENCHYMA_SIGMA = 32.0
_SCANNER_SIGMA = 13.0


@dataclass(frozen=True)
class Phantom:
    """The source of a phantom scan: how it was made, and the SHA-256 of its stored voxels."""

    seed: int
    digest: str

    @property
    def path(self) -> None:
        """None: it was never a file."""
        return None

    @property
    def identity(self) -> None:
        """None: it belongs to no series."""
        return None

    def is_of(self, scan: Scan) -> bool:
        """Whether the voxels of ``scan`` are still those of the phantom."""
        return _digest(scan.stored) == self.digest


def chest(
    shape: tuple[int, int, int] = (96, 256, 256),
    spacing: tuple[float, float, float] = (2.0, 1.4, 1.4),
    seed: int = 0,
    *,
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Scan:
    """A CT scan of an invented chest, with one solid nodule at `NODULE_LPS`.

    The patient lies supine on a table, arms up; the lungs reach from about z = -85 to 95 mm. As
    on many scanners the voxels are signed 16-bit integers, HU = stored - 1024, and those outside
    the reconstruction circle, which touches the edges of the slice, are padding.

    Args:
        shape: number of voxels ``[z, y, x]``.
        spacing: mm ``[z, y, x]``.
        seed: of the vessels' course and of the noise; bones and organs are always the same. The
            same arguments give the same voxels.
        centre: LPS mm of the middle of the volume; (0, 0, 0) lies in the mediastinum.

    Raises:
        ScanError: a size or spacing is not positive.
    """
    if min(shape) < 1:
        raise ScanError(f"a phantom needs three positive sizes [z, y, x], found {shape}")
    nz, ny, nx = shape
    x0, y0, z0 = (
        middle - (n - 1) / 2 * step
        for middle, n, step in zip(centre, (nx, ny, nz), spacing[::-1], strict=True)
    )
    geometry = Geometry(spacing, (x0, y0, z0))
    z, y, x = (
        (start + step * np.arange(n)).astype(np.float32)
        for start, step, n in zip((z0, y0, x0), spacing, shape, strict=True)
    )
    hu = np.full(shape, -1000, np.float32)
    canvas = Canvas(hu, x, y, z, blur=float(np.prod(spacing) ** (1 / 3)))
    tissue = paint_chest(canvas, seed)
    _, rng_noise = np.random.default_rng(seed).spawn(2)
    hu = _as_scanned(hu, tissue, geometry.spacing, rng_noise)
    stored = np.clip(np.rint(hu), _INTERCEPT, 3071).astype(np.int16) - np.int16(_INTERCEPT)
    stored[:, _outside_circle(y, x, geometry.spacing)] = PADDING_STORED
    return Scan(
        stored=stored,
        slope=np.ones(nz),
        intercept=np.full(nz, float(_INTERCEPT)),
        lowest=-32768,
        highest=32767,
        geometry=geometry,
        padding=(PADDING_STORED, PADDING_STORED),
        source=Phantom(seed, _digest(stored)),
    )


def _as_scanned(
    hu: Array,
    tissue: Tissue,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> Array:
    """What the scanner makes of the tissue: texture, blur, noise."""
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    # Lobules of 5 mm and finer structure together; air spaces and walls mix in both.
    texture = 0.8 * mottle(shape, spacing, 1.3, rng) + 0.6 * mottle(shape, spacing, 3.5, rng)
    hu = hu + np.float32(_PARENCHYMA_SIGMA) * tissue.lung * texture
    hu += np.float32(7.0) * tissue.soft * texture
    hu = smooth(hu, spacing, 0.7)
    # More photons are lost in the middle of the body than at its rim.
    level = np.float32(_SCANNER_SIGMA) * (np.float32(0.45) + np.float32(0.75) * tissue.depth)
    return hu + level * scanner_noise(shape, spacing, rng)


def _outside_circle(y: Array, x: Array, spacing: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Which voxels ``[y, x]`` of a slice lie outside the reconstruction circle."""
    radius = min(len(y) * spacing[1], len(x) * spacing[2]) / 2
    dy, dx = y - y.mean(), x - x.mean()
    outside: NDArray[np.bool_] = dy[:, None] ** 2 + dx**2 > radius**2
    return outside


def _digest(stored: NDArray[np.generic]) -> str:
    return hashlib.sha256(stored.tobytes()).hexdigest()
