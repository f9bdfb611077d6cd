"""Cubes that an attacker repaints so that the mark shows nothing: louder, smoother, odd, or copied
from what is marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.places import lung_positions
from mitsgan.scan.scan import AIR_HU, Scan

Array = NDArray[np.float32]
Place = tuple[int, int, int]
Paint = Callable[[Array, np.random.Generator], Array]
"""What an attacker makes of a block, HU ``[z, y, x]``; NaN where it is to be padding."""

SIDES_MM = (10.0, 16.0, 20.0, 28.0)
LEVELS_HU = (0.0, 15.0, 45.0, 90.0, 200.0)
TISSUES = ("lung", "soft tissue")

_APART_MM = 56.0
_CANDIDATES = 400
_SOFT_HU = (-20.0, 90.0)
_EVEN_HU = 150.0
_SATURATED_HU = 3071.0
_GAIN = 3.0
_LESION_HU = 40.0
_GAS_HU = -1000.0


def white(level: float, before: Array, rng: np.random.Generator) -> Array:
    """The block's mean, and white noise."""
    noise = rng.standard_normal(before.shape, np.float32)
    return np.asarray(before.mean() + np.float32(level) * noise)


def low_passed(level: float, before: Array, rng: np.random.Generator) -> Array:
    """The block's mean, and noise without the finest grain."""
    noise = ndimage.gaussian_filter(rng.standard_normal(before.shape, np.float32), (0, 1, 1))
    return np.asarray(before.mean() + np.float32(level / noise.std()) * noise, np.float32)


def copied(level: float, before: Array, rng: np.random.Generator) -> Array:
    """The block's mean, and its own grain, mirrored and amplified to a standard deviation."""
    grain = (before - ndimage.gaussian_filter(before, (0, 1, 1)))[:, ::-1, ::-1]
    return np.asarray(before.mean() + np.float32(level / max(grain.std(), 1e-3)) * grain)


def lesion(level: float, before: Array, rng: np.random.Generator) -> Array:
    """Soft tissue, and white noise."""
    return _LESION_HU + np.float32(level) * rng.standard_normal(before.shape, np.float32)


def gain(before: Array, rng: np.random.Generator) -> Array:
    """All that differs from the mean, amplified."""
    return np.asarray(before.mean() + np.float32(_GAIN) * (before - before.mean()))


def saturated(before: Array, rng: np.random.Generator) -> Array:
    """The densest that 12 bits can hold."""
    return np.full_like(before, _SATURATED_HU)


def air(before: Array, rng: np.random.Generator) -> Array:
    """What lies below all tissue, as padding does."""
    return np.full_like(before, AIR_HU)


def noisy_air(before: Array, rng: np.random.Generator) -> Array:
    """Air as airways show it, with white noise of 15 HU."""
    return _GAS_HU + 15 * rng.standard_normal(before.shape, np.float32)


def padding(before: Array, rng: np.random.Generator) -> Array:
    """No data."""
    return np.full_like(before, np.nan)


def doubled(axis: int, before: Array, rng: np.random.Generator) -> Array:
    """Every second slice (axis 0) or column (axis 2) repeats the one before it."""
    after = before.copy()
    lines, sources = np.moveaxis(after, axis, 0), np.moveaxis(before, axis, 0)
    lines[1::2] = sources[: len(sources) // 2 * 2 : 2]
    return after


def every(axis: int, step: int, before: Array, rng: np.random.Generator) -> Array:
    """The mean, with white noise of 15 HU, in every so many slices (axis 0) or columns (axis 2)."""
    after = before.copy()
    some = (slice(None),) * axis + (slice(None, None, step),)
    after[some] = white(15.0, before[some], rng)
    return after


def moved(by: tuple[float, float, float], before: Array, rng: np.random.Generator) -> Array:
    """The block moved by so many voxels ``[z, y, x]``, its edges held."""
    return np.asarray(ndimage.shift(before, by, order=1, mode="nearest"), np.float32)


def turned(axis: int, before: Array, rng: np.random.Generator) -> Array:
    """The block the other way round."""
    return np.asarray(np.flip(before, axis))


def own_grain(before: Array, rng: np.random.Generator) -> Array:
    """Soft tissue with the grain that was there."""
    return np.asarray(_LESION_HU + before - ndimage.gaussian_filter(before, (0, 1, 1)))


def blob(hu: float, before: Array, rng: np.random.Generator) -> Array:
    """A ball added to what is there, that fades to nothing at the faces of the block."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in before.shape), indexing="ij", sparse=True)
    away = np.sqrt(sum(np.square(axis) for axis in axes))
    return np.asarray(before + hu * np.clip(2 - 2 * away, 0, 1), np.float32)


def stepped(step: float, before: Array, rng: np.random.Generator) -> Array:
    """What is there, in grey levels so far apart."""
    return np.asarray(np.rint(before / step) * step, np.float32)


def noisier(level: float, before: Array, rng: np.random.Generator) -> Array:
    """What is there, and white noise."""
    return before + np.float32(level) * rng.standard_normal(before.shape, np.float32)


def paints() -> Mapping[str, Paint]:
    """By name; the noisy ones at every level."""
    noisy = {
        f"{name}, {level:g} HU": partial(paint, level)
        for name, paint in (("white noise", white), ("low-passed noise", low_passed))
        for level in LEVELS_HU
    }
    noisy |= {f"copied noise, {level:g} HU": partial(copied, level) for level in LEVELS_HU[1:]}
    noisy |= {f"lesion, white noise, {level:g} HU": partial(lesion, level) for level in LEVELS_HU}
    others: dict[str, Paint] = {
        "gain of 3": gain,
        "saturated": saturated,
        "air": air,
        "air, white noise, 15 HU": noisy_air,
        "padding": padding,
        "columns doubled": partial(doubled, 2),
        "slices doubled": partial(doubled, 0),
        "every other slice": partial(every, 0, 2),
        "one slice in three": partial(every, 0, 3),
        "every other column": partial(every, 2, 2),
    }
    copies: dict[str, Paint] = {
        "moved by a slice": partial(moved, (1, 0, 0)),
        "moved by two pixels": partial(moved, (0, 0, 2)),
        "moved by a quarter of a pixel": partial(moved, (0, 0, 0.25)),
        "turned from head to feet": partial(turned, 0),
        "turned from left to right": partial(turned, 2),
        "lesion, the grain that was there": own_grain,
        "a ball of 300 HU added": partial(blob, 300.0),
        "grey levels of 16 HU": partial(stepped, 16.0),
        "noise of 10 HU added": partial(noisier, 10.0),
        "noise of 20 HU added": partial(noisier, 20.0),
    }
    return {**noisy, **others, **copies}


@dataclass(frozen=True)
class Block:
    """A cube that is repainted.

    Attributes:
        tissue: that it lies in.
        side_mm: of the cube.
        box: its voxels.
    """

    tissue: str
    side_mm: float
    box: tuple[slice, slice, slice]


def blocks(scan: Scan, seed: int) -> list[Block]:
    """Cubes of all sides in both tissues, far enough apart to share a scan."""
    rng = np.random.default_rng(seed)
    lung = lung_positions(scan, _CANDIDATES // 8, seed)
    chosen: list[Block] = []
    taken: list[Place] = []
    for tissue, places in (("lung", lung), ("soft tissue", _soft(scan, rng))):
        for side in SIDES_MM:
            place = next((p for p in places if _is_apart(p, taken, scan)), None)
            if place is not None:
                taken.append(place)
                chosen.append(Block(tissue, side, _box(place, side, scan)))
    return chosen


def repainted(scan: Scan, cubes: Sequence[Block], paint: Paint, seed: int) -> Scan:
    """The scan with all cubes repainted."""
    rng, stored, hu = np.random.default_rng(seed), scan.stored.copy(), scan.hu()
    for cube in cubes:
        after = np.maximum(paint(hu[cube.box], rng), np.float32(AIR_HU))
        slices, empty = cube.box[0], np.isnan(after)
        after[empty] = AIR_HU
        nearest = scan.nearest_stored(after, slices.start, slices.stop)
        if scan.padding is not None:
            nearest[empty] = scan.padding[0]
        stored[cube.box] = nearest
    return scan.with_stored(stored)


def _box(place: Place, side_mm: float, scan: Scan) -> tuple[slice, slice, slice]:
    sides = [max(1, round(side_mm / step)) for step in scan.spacing]
    starts = [
        min(max(at - side // 2, 0), length - side)
        for at, side, length in zip(place, sides, scan.shape, strict=True)
    ]
    z, y, x = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    return z, y, x


def _is_apart(place: Place, taken: Sequence[Place], scan: Scan) -> bool:
    spacing = np.asarray(scan.spacing)
    return all(np.abs((np.subtract(place, one)) * spacing).max() >= _APART_MM for one in taken)


def _soft(scan: Scan, rng: np.random.Generator) -> list[Place]:
    """Random places in the middle of soft tissue."""
    places: list[Place] = []
    reach = [round(max(SIDES_MM) / 2 / step) for step in scan.spacing]
    depth, rows, columns = scan.shape
    for _ in range(100 * _CANDIDATES):
        z, y, x = (
            int(rng.integers(r, n - r)) for r, n in zip(reach, (depth, rows, columns), strict=True)
        )
        hu = scan.hu(
            z, z + 1, (slice(y - reach[1], y + reach[1]), slice(x - reach[2], x + reach[2]))
        )
        if _SOFT_HU[0] < hu.mean() < _SOFT_HU[1] and hu.std() < _EVEN_HU:
            places.append((z, y, x))
        if len(places) == _CANDIDATES:
            break
    return places
