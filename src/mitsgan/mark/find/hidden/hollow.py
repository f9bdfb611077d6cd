"""Air inside the body that does not carry the mark, and metal where only lung is around.

Neither is tissue, so the search passes them by. But the mark is put into air as well, and is found
there in airways, in gas, and between the body and the table. Whoever fills a place with air takes
it; what is filled with one value has no grain either, as only padding has, which lies around the
circle of reconstruction and not inside. Metal carries no mark: what is clipped has no grain. Where
it lies in tissue, it is an implant, which nothing tells from paint; amid lung no solid of that size
is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.doubtful import window_sums
from mitsgan.mark.find.measure import Measured
from mitsgan.mark.find.noise import VOXELS, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import covered, sliding_sums
from mitsgan.mark.strength import BODY_HU
from mitsgan.mark.windows import Window, threshold, window
from mitsgan.scan.scan import AIR_HU

Tiles = NDArray[np.float32]
"""One value per tile, ``[z, y, x]``: windows are a few tiles wide, and slide by one."""


def hollow_places(
    measured: Measured,
    evidence: Evidence,
    spacing: tuple[float, float, float],
    false_alarms: float,
    settings: Detector,
) -> Mask:
    """Blocks of air that lack the mark, and of metal in lung.

    Args:
        measured: of the whole scan.
        evidence: of the same.
        spacing: of voxels, mm ``[z, y, x]``.
        false_alarms: how often an untouched scan may have air that seems to lack the mark.
        settings: of the detector.
    """
    tile = window(settings.hollow_mm, spacing)
    places = np.zeros_like(evidence.body)
    air = enclosed(evidence.body)
    air &= measured.means <= BODY_HU
    if evidence.worn == 0 and air.any():
        places |= _lacking(measured, evidence, air, tile, false_alarms, settings)
    metal = measured.means >= settings.metal_hu
    if metal.any():
        places |= _in_lung(evidence, metal, tile, spacing, settings)
    return places


def enclosed(body: Mask) -> Mask:
    """Blocks that have some of the body before and behind them, and at either side."""
    columns = np.arange(body.shape[2], dtype=np.int16)
    first = body.argmax(2)[..., None].astype(np.int16)
    last = columns[-1] - body[:, :, ::-1].argmax(2)[..., None].astype(np.int16)
    inside: Mask = np.asarray(body.any(2))[..., None] & (columns > first) & (columns < last)
    # Row by row: several times faster than along the rows of all slices at once.
    for rows in (range(body.shape[1]), range(body.shape[1] - 1, -1, -1)):
        seen = np.zeros_like(body[:, 0])
        for row in rows:
            seen |= body[:, row]
            inside[:, row] &= seen
    return inside


def _lacking(
    measured: Measured,
    evidence: Evidence,
    air: Mask,
    tile: Window,
    false_alarms: float,
    settings: Detector,
) -> Mask:
    """Blocks of air in windows that lack the mark, or any grain at all."""
    where = np.flatnonzero(air)
    means, noise, squares, strengths, products = (
        part.ravel()[where]
        for part in (
            measured.means,
            measured.noise.local,
            measured.squares,
            measured.strengths,
            measured.products,
        )
    )
    # What lies below the least value that is read carries nothing.
    above = (means - np.float32(AIR_HU)) / np.sqrt(
        np.maximum(squares * np.float32(1 / VOXELS), np.float32(1))
    )
    expected = np.float32(evidence.survived_hu) * strengths * _share_above(above)
    weight = expected / noise
    size, at = _tile_of(where, air.shape, tile)
    total, mean = (
        _tiled(values, at, size)
        for values in (weight * products, weight * expected * np.float32(VOXELS))
    )
    windows = int(np.count_nonzero(mean)) * len(settings.hollow_tiles)
    score = np.float32(threshold(false_alarms, windows))
    uneven = np.float32(max(evidence.dispersion, settings.hollow_uneven))
    blank = squares == 0
    places = np.zeros(size, np.bool_)
    for side in settings.hollow_tiles:
        sides, blocks = (side, side, side), np.float32(np.prod(tile) * side**3)
        t, m = (sliding_sums(part, sides) for part in (total, mean))
        lost = (t < np.float32(settings.kept_share) * m) & (m > score**2)
        lost &= np.square(m - t) > score**2 * (m + np.square(uneven * m))
        if lost.any():
            # Only now, as it takes time: most scans have no such window.
            v, number = (
                sliding_sums(_tiled(values, at, size), sides)
                for values in (np.square(weight) * squares, np.ones_like(weight))
            )
            lost &= m - t > score * np.sqrt(np.maximum(v, m) + np.square(uneven * m))
            lost &= number >= np.float32(settings.hollow_share) * blocks
        least = np.float32(settings.blank_share) * blocks
        if np.count_nonzero(blank) >= least:
            lost |= sliding_sums(_tiled(blank.astype(np.float32), at, size), sides) >= least
        if lost.any():
            places |= covered(lost, sides)
    return _whole(places, tile, air.shape) & air if places.any() else np.zeros_like(air)


def _in_lung(
    evidence: Evidence,
    metal: Mask,
    tile: Window,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> Mask:
    """Blocks of solid metal amid lung."""
    side = settings.hollow_tiles[0]
    sides = side, side, side
    size, at = _tile_of(np.flatnonzero(metal), metal.shape, tile)
    filled = _tiled(np.ones(len(at), np.float32), at, size)
    solid = sliding_sums(filled, sides) >= settings.blank_share * np.prod(tile) * side**3
    at_tiles = np.argwhere(solid)
    if not len(at_tiles):
        return np.zeros_like(metal)
    centres = np.minimum(at_tiles * tile, np.array(metal.shape) - 1)
    around = window(settings.metal_mm, spacing)
    body, dense, inside = window_sums((evidence.body, evidence.dense, metal), centres, around)
    amid = body - dense > np.float32(settings.metal_lung) * (np.prod(around) - inside)
    solid[tuple(at_tiles[~amid].T)] = False
    return _whole(covered(solid, sides), tile, metal.shape) & metal


def _share_above(deviations: NDArray[np.float32]) -> NDArray[np.float32]:
    """About the share of a normal variable above a limit that many deviations below its mean."""
    # Logistic: within 0.01 of the normal distribution, without a library for it.
    return np.asarray(1 / (1 + np.exp(np.float32(-1.702) * np.clip(deviations, -8, 8))))


def _tile_of(
    where: NDArray[np.int64], shape: tuple[int, ...], tile: Window
) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """How many tiles there are along each axis, and the number of the tile of some blocks."""
    size = tuple(-(-n // side) for n, side in zip(shape, tile, strict=True))
    row, x = np.divmod(where.astype(np.int32), np.int32(shape[2]))  # twice as fast as 64 bits
    z, y = np.divmod(row, np.int32(shape[1]))
    return size, ((z // tile[0]) * size[1] + y // tile[1]) * size[2] + x // tile[2]


def _tiled(values: NDArray[np.float32], at: NDArray[np.int64], size: tuple[int, ...]) -> Tiles:
    """Values of some blocks, added up per tile."""
    sums = np.bincount(at, values, int(np.prod(size)))
    return np.asarray(sums.reshape(size), np.float32)


def _whole(places: Mask, tile: Window, shape: tuple[int, ...]) -> Mask:
    """The blocks of some tiles."""
    for axis, side in enumerate(tile):
        places = places.repeat(side, axis)
    return np.asarray(places[tuple(slice(n) for n in shape)])
