"""Places inside the body without any grain, and metal where only lung is around.

Neither is tissue, so the search passes them by. Air in airways and in gas has grain; what is filled
with one value has none, as only padding has, which lies around the circle of reconstruction and not
inside. Metal carries no mark: what is clipped has no grain. Where it lies in tissue, it is an
implant, which nothing tells from paint; amid lung no solid of that size is.

Whether air lacks the mark is not asked: how much of it air was given follows from its noise before
it was protected, and a strong perturbation hides that. See docs/decisions/mark-grain.md.
"""

from __future__ import annotations

import numpy as np

from mitsgan.mark.find.expected import Evidence
from mitsgan.mark.find.hidden.doubtful import window_sums
from mitsgan.mark.find.measure import Measured
from mitsgan.mark.find.noise import Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.sliding import covered, sliding_sums, tiles
from mitsgan.mark.strength import BODY_HU
from mitsgan.mark.windows import Window, window


def hollow_places(
    measured: Measured,
    evidence: Evidence,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> Mask:
    """Blocks of air without grain, and of metal in lung.

    Args:
        measured: of the whole scan.
        evidence: of the same.
        spacing: of voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    tile = window(settings.hollow_mm, spacing)
    places = np.zeros_like(evidence.body)
    blank = enclosed(evidence.body)
    blank &= measured.means <= BODY_HU
    blank &= measured.squares == 0
    if evidence.worn == 0 and blank.any():
        for side in settings.hollow_tiles:
            filled = _filled(blank, tile, side, settings)
            places |= _whole(covered(filled, (side, side, side)), tile, blank.shape) & blank
    metal = measured.means >= settings.metal_hu
    if metal.any():
        places |= _in_lung(evidence, metal, tile, spacing, settings)
    return places


def enclosed(body: Mask) -> Mask:
    """Blocks that have some of the body before and behind them, and at either side.

    The outermost blocks of an image are left out: what resampling makes of its border, often 0 HU,
    encloses nothing.
    """
    body = body.copy()
    body[:, [0, -1]] = body[:, :, [0, -1]] = False
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


def _filled(blocks: Mask, tile: Window, side: int, settings: Detector) -> Mask:
    """Which windows of so many tiles hold enough of some blocks, per tile."""
    least = np.float32(settings.blank_share * np.prod(tile) * side**3)
    enough: Mask = sliding_sums(tiles(blocks, tile), (side, side, side)) >= least
    return enough


def _in_lung(
    evidence: Evidence,
    metal: Mask,
    tile: Window,
    spacing: tuple[float, float, float],
    settings: Detector,
) -> Mask:
    """Blocks of solid metal amid lung."""
    side = settings.hollow_tiles[0]
    solid = _filled(metal, tile, side, settings)
    at_tiles = np.argwhere(solid)
    if not len(at_tiles):
        return np.zeros_like(metal)
    centres = np.minimum(at_tiles * tile, np.array(metal.shape) - 1)
    around = window(settings.metal_mm, spacing)
    body, dense, inside = window_sums((evidence.body, evidence.dense, metal), centres, around)
    amid = body - dense > np.float32(settings.metal_lung) * (np.prod(around) - inside)
    solid[tuple(at_tiles[~amid].T)] = False
    return _whole(covered(solid, (side, side, side)), tile, metal.shape) & metal


def _whole(places: Mask, tile: Window, shape: tuple[int, ...]) -> Mask:
    """The blocks of some tiles."""
    for axis, side in enumerate(tile):
        places = places.repeat(side, axis)
    return np.asarray(places[tuple(slice(n) for n in shape)])
