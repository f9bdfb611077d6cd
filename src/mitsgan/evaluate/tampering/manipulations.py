"""Tampering without a generative model, in memory: what a mark has to find as well.

Every function takes a scan, which it does not modify, and gives the tampered one together with
the voxels that are no longer what they were. The tampered scan keeps no `Scan.source`: it is
for measuring, and there is no way back into a file of its origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import PositionError, ScanError
from mitsgan.evaluate.purify.filters import Array, gaussian
from mitsgan.evaluate.tampering.paste import Box, paste
from mitsgan.scan.scan import Scan

Mask = NDArray[np.bool_]
Position = tuple[int, int, int]

SIDE_MM = 20.0
"""Side of what is copied, spliced or painted, unless told otherwise."""

_RESIDUAL_VOXELS = 1.5


@dataclass(frozen=True)
class Manipulation:
    """A tampered scan.

    Attributes:
        name: of the manipulation, for results.
        scan: in memory only, without a source.
        changed: ``[z, y, x]`` of ``scan``, the voxels that are not what, or not where, they were.
    """

    name: str
    scan: Scan
    changed: Mask


def copy_move(
    scan: Scan, source: Position, target: Position, side_mm: float = SIDE_MM
) -> Manipulation:
    """Copy a cube from one voxel ``[z, y, x]`` of a scan to another.

    Raises:
        PositionError: a cube would leave the scan.
    """
    there, here = cube(scan, target, side_mm), cube(scan, source, side_mm)
    block = _hu(scan, here)
    return _pasted("copy-move", scan, block, there)


def splice(scan: Scan, donor: Scan, position: Position, side_mm: float = SIDE_MM) -> Manipulation:
    """Put the cube around a voxel of another scan into the same place of this one.

    Raises:
        PositionError: the cube would leave one of the scans.
    """
    block = _hu(donor, cube(donor, position, side_mm))
    there = cube(scan, position, side_mm)
    size = tuple(part.stop - part.start for part in there)
    if block.shape != size:
        raise ScanError(
            f"a cube of {side_mm:g} mm has {block.shape} voxels [z, y, x] in one scan and {size} "
            "in the other; splice scans of one spacing"
        )
    return _pasted("splice", scan, block, there)


def paint_blob(
    scan: Scan, position: Position, hu: float = 40.0, fwhm_mm: float = SIDE_MM / 2
) -> Manipulation:
    """Paint a Gaussian blob over a scan: it covers what was there by up to all of it.

    Args:
        scan: not modified.
        position: voxel ``[z, y, x]`` of its centre.
        hu: its density; 40 is soft tissue.
        fwhm_mm: diameter at which it covers half. Voxels within count as changed.

    Raises:
        PositionError: the voxel lies outside the scan.
    """
    box, cover = _bell(scan, position, fwhm_mm)
    block = _hu(scan, box)
    block += cover * (np.float32(hu) - block)
    return _pasted(f"painted blob, {fwhm_mm:g} mm", scan, block, box, changed=cover >= 0.5)


def add_blob(
    scan: Scan, position: Position, hu: float = 800.0, fwhm_mm: float = SIDE_MM / 2
) -> Manipulation:
    """Add a Gaussian blob to what is there: low frequencies change, every fine detail stays.

    The plainest form of the known evasion of a mark that lives in the high frequencies. See
    `paint_blob` for the arguments.
    """
    box, cover = _bell(scan, position, fwhm_mm)
    block = _hu(scan, box) + np.float32(hu) * cover
    return _pasted(f"added blob, {fwhm_mm:g} mm", scan, block, box, changed=cover >= 0.5)


def keep_residual(before: Array, after: Array, sigma_voxels: float = _RESIDUAL_VOXELS) -> Array:
    """What an attacker hands in who knows where a mark lives: the old fine detail on new content.

    Args:
        before, after: a block ``[z, y, x]`` in HU before and after tampering.
        sigma_voxels: of the Gaussian within slices that parts low from high frequencies.

    Returns:
        ``[z, y, x]``: low frequencies of ``after``, high ones of ``before``.
    """
    sigma = (0.0, sigma_voxels, sigma_voxels)
    return np.asarray(gaussian(after, sigma) + before - gaussian(before, sigma), np.float32)


def cube(scan: Scan, position: Position, side_mm: float) -> Box:
    """The voxels of a cube around a voxel ``[z, y, x]``.

    Raises:
        PositionError: it would leave the scan.
    """
    parts = []
    for axis, centre, step, length in zip("zyx", position, scan.spacing, scan.shape, strict=True):
        size = max(1, round(side_mm / step))
        first = centre - size // 2
        if first < 0 or first + size > length:
            raise PositionError(
                f"a cube of {side_mm:g} mm around voxel {position} [z, y, x] leaves the scan along "
                f"{axis} (voxels {first} to {first + size - 1} of 0 to {length - 1}); choose a "
                "position further inside"
            )
        parts.append(slice(first, first + size))
    z, y, x = parts
    return z, y, x


def _hu(scan: Scan, box: Box) -> Array:
    z, y, x = box
    return scan.hu(z.start, z.stop, (y, x))


def _bell(scan: Scan, position: Position, fwhm_mm: float) -> tuple[Box, Array]:
    """The part of a scan that a bell reaches, and there 1 in the middle, 1/2 at ``fwhm_mm / 2``."""
    parts, away = [], []
    for axis, centre, step, length in zip("zyx", position, scan.spacing, scan.shape, strict=True):
        if not 0 <= centre < length:
            raise PositionError(
                f"voxel {position} [z, y, x] lies outside the scan along {axis} (0 to "
                f"{length - 1}); choose one inside"
            )
        reach = math.ceil(1.5 * fwhm_mm / step)  # there it is down to a five-hundredth
        parts.append(slice(max(centre - reach, 0), min(centre + reach + 1, length)))
        away.append((np.arange(parts[-1].start, parts[-1].stop) - centre) * step)
    z, y, x = away
    square = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
    cover = np.asarray(np.exp2(-square / (fwhm_mm / 2) ** 2), np.float32)
    return (parts[0], parts[1], parts[2]), cover


def _pasted(
    name: str,
    scan: Scan,
    block: Array,
    box: Box,
    changed: Mask | None = None,
) -> Manipulation:
    mask = np.zeros(scan.shape, bool)
    mask[box] = True if changed is None else changed
    return Manipulation(name, paste(scan, block, [part.start for part in box]), mask)
