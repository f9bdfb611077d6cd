"""What harmless processing makes of a sketch, as far as that explains a scan.

A scan that was filtered, coded with loss, brightened or resampled differs from its sketch in every
cell, but in a lawful way: each cell is expected to be a mixture of itself, its neighbours, and
what smoothing and a median would make of it. Ten weights and an offset are fitted to the whole
scan, robustly, so that no lesion has a say in them. How far cells of a kind stray from what is
expected is learned from the scan as well: far where there is much fine structure that a filter
can take away, hardly at all where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.geometry import Vector
from mitsgan.seal.sketch.alike import FLOOR_HU, Alike
from mitsgan.seal.sketch.cells import rim
from mitsgan.seal.sketch.grain import Limits, bounds, may_hide, shown
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.shifts import grown, largest_near, least_near
from mitsgan.seal.sketch.sketch import Array, Sketch

Mask = NDArray[np.bool_]

SHARE = 0.12
"""Of a standard filter there has to be as much to be told."""

WHOLE = 0.99
"""Cells of which less is there are not judged."""

_SAMPLES, _ROUNDS = 60_000, 6
_OUTLIER = 4.0
"""Standard deviations beyond which a cell has no say in the fit."""

_FRAGILITY_MM = 3.0
_LITTLE_HU = 100.0
"""Contrast that counts as there in any scan, so that noise alone never is another content."""

_IDENTITY = np.array([1.0, *[0.0] * 10])
"""The weights where nothing was done, and where too little is left to fit any."""

_STEEP_SHARE, _TISSUE_CONTRAST_HU = 0.05, 600.0


@dataclass(frozen=True)
class Weights:
    """How a cell of the scan is made of the sketch; all zero but ``own`` where nothing was done.

    Attributes:
        own: of the cell itself.
        across: of the cell in the slices before and after, together.
        in_plane: of its four neighbours within the slices, together.
        smoothing, across_slices, median: shares of what the three filters would change.
        offset_hu: added to all.
        moved: by how many cells along ``[z, y, x]``, as the neighbours on both sides tell.
    """

    own: float
    across: float
    in_plane: float
    smoothing: float
    across_slices: float
    median: float
    offset_hu: float
    moved: Vector = (0.0, 0.0, 0.0)

    @property
    def gain(self) -> float:
        """By what contrast was multiplied."""
        return self.own + self.across + self.in_plane

    @property
    def within(self) -> float:
        """How much of a standard smoothing within slices there is, of any kind."""
        return self.smoothing + 2 * self.in_plane + max(self.median, 0)

    @property
    def is_smoothed(self) -> bool:
        """Whether a scan was smoothed within its slices."""
        return self.within > SHARE

    @property
    def is_averaged(self) -> bool:
        """Whether a scan was averaged across its slices."""
        return self.across + self.across_slices > SHARE


@dataclass(frozen=True, eq=False)
class Explanation:
    """What is expected of a scan that was processed at most, and how it differs from that.

    Attributes:
        weights: what was done.
        expected: ``[z, y, x]`` HU.
        within: ``[z, y, x]`` HU each, the least and the most that is expected: of cells that are
            `bounded` what a limit can have made of them, else `expected`.
        residual: ``[z, y, x]`` HU, see `residual_of`.
        judged: which cells can be judged.
        bounded: which cells a limit may have cut off in part. They are held to all that it can
            have made of them, and teach nothing of what is usual.
        fragility: ``[z, y, x]`` HU, how much of a cell hangs on fine structure around it.
        explained: share of the sealed contrast that this accounts for, 0 to 1.
        limits: beyond which the scan shows nothing.
        near: which cells lie so near to a limit that some of their voxels may have been cut off.
    """

    weights: Weights
    expected: Array
    within: tuple[Array, Array]
    residual: Array
    judged: Mask
    bounded: Mask
    fragility: Array
    explained: float
    limits: Limits
    near: Mask


def explain(sketch: Sketch, seen: Observation, body: Mask, limits: Limits) -> Explanation:
    """Fit what was done to a scan.

    Args:
        sketch: what was sealed.
        seen: what the scan shows in its cells.
        body: the cells that count.
        limits: of the scan's values.
    """
    # Around metal a filter may change anything: its peaks are cut off, its streaks are steep.
    metal = grown(sketch.metal)
    judged: Mask = (seen.coverage >= WHOLE) & ~sketch.border & ~metal & ~sketch.grid.thin
    fragility = _fragility(sketch, resampled=seen.grid == Grid.OTHER)
    inside, beyond = shown(sketch.means, sketch.grain, limits, fragility)
    columns = _columns(sketch)
    fitted = judged & body & inside
    numbers = _IDENTITY
    if np.count_nonzero(fitted) >= 10 * len(columns):
        numbers = _fit(columns, seen.means, fragility, fitted)
    expected = np.zeros(seen.means.shape, np.float32)
    for number, column in zip(numbers, columns, strict=True):
        expected += np.float32(number) * column
    weights = Weights(
        own=float(numbers[0]),
        across=float(numbers[1:3].sum()),
        in_plane=float(numbers[3:7].sum()),
        smoothing=float(numbers[7]),
        across_slices=float(numbers[8]),
        median=float(numbers[9]),
        offset_hu=float(numbers[10]),
        moved=_moved_by(numbers),
    )
    if weights.is_smoothed or weights.is_averaged:
        judged &= ~rim(judged.shape)
    bounded = judged & ~(inside | beyond)
    judged &= inside | beyond
    least, most = bounds(sketch.means, sketch.grain, limits, fragility, expected)
    hidden = may_hide(sketch.means, sketch.grain, limits, fragility)
    fragility = np.hypot(fragility, hidden)
    fragility = np.hypot(fragility, _moved(sketch, expected, numbers))
    if limits.any:
        expected = np.clip(expected, limits.low, limits.high)
    within = (np.where(bounded, least, expected), np.where(bounded, most, expected))
    residual = residual_of(seen.means, within, judged | bounded)
    return Explanation(
        weights=weights,
        expected=expected,
        within=within,
        residual=residual,
        judged=judged,
        bounded=bounded,
        fragility=fragility,
        explained=_explained(sketch.means, residual, judged & body),
        limits=limits,
        near=hidden > 0,
    )


def smoothed(values: Array, cell_mm: tuple[float, float, float], sigma_mm: float) -> Array:
    """A Gaussian over cells, edges held."""
    sigma = [sigma_mm / mm for mm in cell_mm]
    result = ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3.0)
    return np.asarray(result, np.float32)


def residual_of(means: Array, within: tuple[Array, Array], looked_at: Mask) -> Array:
    """``[z, y, x]`` HU: observed minus the nearest that is expected; 0 where not looked at."""
    apart = means - np.clip(means, *within)
    return np.where(looked_at, apart, np.float32(0)).astype(np.float32)


def _columns(sketch: Sketch) -> list[Array]:
    """What a cell is expected to be a mixture of, each ``[z, y, x]``."""
    means = sketch.means
    wide = np.pad(means, 1, mode="edge")
    inner = slice(1, -1)
    neighbours = []
    for axis in range(3):
        for part in (slice(0, -2), slice(2, None)):
            index = [inner] * 3
            index[axis] = part
            neighbours.append(wide[tuple(index)])
    return [
        means,
        *neighbours,
        sketch.smoothing,
        sketch.across,
        sketch.median,
        np.ones_like(means),
    ]


def _fragility(sketch: Sketch, *, resampled: bool) -> Array:
    across = sketch.across
    if resampled and sketch.grid.cell[0] == 1:
        across = ndimage.correlate1d(sketch.means, [0.25, -0.5, 0.25], axis=0, mode="nearest")
    changes = np.square(sketch.smoothing) + np.square(across) + np.square(sketch.median)
    fragility = np.sqrt(np.maximum(smoothed(changes, sketch.grid.cell_mm, _FRAGILITY_MM), 0))
    # Peaks of bone and contrast medium are steep in all directions.
    contrast = largest_near(sketch.means) - least_near(sketch.means)
    steep = _STEEP_SHARE * np.maximum(contrast - _TISSUE_CONTRAST_HU, 0)
    fragility = np.hypot(fragility, steep)
    # At its ends a filter meets no neighbour, and the last cells of an axis may be thin ones.
    for axis, length in enumerate(fragility.shape):
        if length == 1:
            continue
        lines, means = (np.moveaxis(cells, axis, 0) for cells in (fragility, sketch.means))
        for end, next_to_it in ((0, 1), (-1, -2)):
            apart = np.abs(means[end] - means[next_to_it])
            lines[end] = np.hypot(lines[end], apart)
            lines[next_to_it] = np.hypot(lines[next_to_it], apart)
    return np.asarray(fragility, np.float32)


def _moved_by(numbers: NDArray[np.float64]) -> Vector:
    """By how many cells a scan lies off, ``[z, y, x]``: no filter takes more from one side."""
    before, after = numbers[1:7:2], numbers[2:7:2]
    z, y, x = ((before - after) / max(abs(float(numbers[:7].sum())), 0.1)).tolist()
    return z, y, x


def _moved(sketch: Sketch, expected: Array, numbers: NDArray[np.float64]) -> Array:
    """How much processing is expected to have changed the cells around, gain and offset apart.

    What is changed much is not known well: interpolation blurs each place differently, and the
    fitted weights are those of all places together.
    """
    gain, offset_hu = float(numbers[:7].sum()), float(numbers[10])
    change = expected - (np.float32(gain) * sketch.means + np.float32(offset_hu))
    around = smoothed(np.square(change), sketch.grid.cell_mm, _FRAGILITY_MM)
    return np.sqrt(np.maximum(around, 0))


def _fit(
    columns: list[Array], observed: Array, fragility: Array, among: Mask
) -> NDArray[np.float64]:
    """The weights of the columns, by least squares without outliers."""
    places = np.flatnonzero(among)
    chosen = np.random.default_rng(0).choice(places, min(_SAMPLES, len(places)), replace=False)
    cells = np.unravel_index(chosen, among.shape)
    x = np.stack([column[cells] for column in columns], 1).astype(np.float64)
    y, strays = observed[cells].astype(np.float64), fragility[cells]
    alike = Alike.of(strays, np.ones(len(y), bool))
    kept = np.ones(len(y), bool)
    numbers = np.zeros(x.shape[1])
    ridge = 1e-3 * np.eye(x.shape[1])
    for _ in range(_ROUNDS):
        some = x.compress(kept, axis=0)
        numbers = np.linalg.solve(some.T @ some + ridge, some.T @ y[kept])
        apart = np.abs(y - x @ numbers).astype(np.float32)
        kept = apart < _OUTLIER * FLOOR_HU
        far = np.flatnonzero(~kept)
        kept[far] = apart[far] < _OUTLIER * alike.spread(apart).of(strays[far])
    return numbers


def _explained(sealed: Array, residual: Array, among: Mask) -> float:
    if not among.any():
        return 0.0
    # Where little contrast is left to judge, as behind a window, noise is not yet another scan.
    contrast = float(np.var(sealed[among].astype(np.float64))) + _LITTLE_HU**2
    return max(0.0, 1 - float(np.mean(np.square(residual[among].astype(np.float64)))) / contrast)
