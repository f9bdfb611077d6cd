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

from mitsgan.seal.sketch.alike import FLOOR_HU, Alike
from mitsgan.seal.sketch.grain import Limits
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
_MARGIN_HU = 60.0
"""How far from a limit the means around a cell have to lie to be told, beside what noise and fine
structure make of them."""

_PEAKS = 10.0
"""How far single voxels reach beyond the mean of their cell, in fragilities, at most."""

_HIDDEN_SHARE = 0.25
"""HU of fragility for each that a cell lies nearer to a limit than twice as far as voxels reach."""

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
    """

    own: float
    across: float
    in_plane: float
    smoothing: float
    across_slices: float
    median: float
    offset_hu: float

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
        residual: ``[z, y, x]`` HU, observed minus expected; 0 where not judged.
        judged: which cells can be judged.
        fragility: ``[z, y, x]`` HU, how much of a cell hangs on fine structure around it.
        explained: share of the sealed contrast that this accounts for, 0 to 1.
        limits: beyond which the scan shows nothing.
        near: which cells lie so near to a limit that some of their voxels may have been cut off.
    """

    weights: Weights
    expected: Array
    residual: Array
    judged: Mask
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
    judged: Mask = (seen.coverage >= WHOLE) & ~sketch.border & ~metal & ~_thin(sketch)
    fragility = _fragility(sketch, resampled=seen.grid == Grid.OTHER)
    inside, beyond = _shown(sketch, limits, fragility)
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
    )
    judged &= inside | beyond
    if weights.is_smoothed or weights.is_averaged:
        judged &= ~_rim(judged.shape)
    hidden = _hidden(sketch, limits, fragility)
    fragility = np.hypot(fragility, hidden)
    fragility = np.hypot(fragility, _moved(sketch, expected, numbers))
    if limits.any:
        expected = np.clip(expected, limits.low, limits.high)
    residual = np.where(judged, seen.means - expected, np.float32(0))
    return Explanation(
        weights=weights,
        expected=expected,
        residual=residual.astype(np.float32),
        judged=judged,
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


def _thin(sketch: Sketch) -> Mask:
    """The last cells of rows and columns where they are less than half as wide as the others.

    Their means are of few voxels, and stray further than those of all that they are compared with.
    """
    grid = sketch.grid
    rows, columns = (grid.voxels_along(axis) < grid.cell[axis] / 2 for axis in (1, 2))
    return np.asarray(np.broadcast_to(rows[:, None] | columns, grid.cells))


def _rim(shape: tuple[int, ...]) -> Mask:
    """The outermost cells of rows and columns.

    What filters make of them depends on what they take for the voxels beyond.
    """
    rim = np.ones(shape, np.bool_)
    rim[:, 1:-1, 1:-1] = False
    return rim


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


def _shown(sketch: Sketch, limits: Limits, fragility: Array) -> tuple[Mask, Mask]:
    """Cells that limits leave alone with all around them, and cells of which nothing shows.

    The second are expected to be at the limit. Of those in between it cannot be told how much
    was cut off: noise and edges reach further than their means.
    """
    if not limits.any:
        return np.ones(sketch.means.shape, bool), np.zeros(sketch.means.shape, bool)
    margin = _reach(sketch, fragility)
    most, least = largest_near(sketch.means), least_near(sketch.means)
    inside: Mask = (most < limits.high - margin) & (least > limits.low + margin)
    beyond: Mask = (least > limits.high + margin) | (most < limits.low - margin)
    return inside, beyond


def _hidden(sketch: Sketch, limits: Limits, fragility: Array) -> Array:
    """What a limit may have cut off where cells are judged that lie near it.

    Such cells stray for a reason of their own, so they are compared with each other.
    """
    if not limits.any:
        return np.zeros(sketch.means.shape, np.float32)
    reach = 2 * _reach(sketch, fragility)
    above = largest_near(sketch.means) - (np.float32(limits.high) - reach)
    below = np.float32(limits.low) + reach - least_near(sketch.means)
    near = np.maximum(np.maximum(above, below), 0)
    return np.asarray(_HIDDEN_SHARE * near, np.float32)


def _reach(sketch: Sketch, fragility: Array) -> Array:
    """How far single voxels of a cell reach beyond the means around it, HU."""
    noise = max(sketch.grain.soft_tissue or 0, sketch.grain.lung or 0)
    return np.float32(_MARGIN_HU + _OUTLIER * noise) + np.float32(_PEAKS) * fragility


def _explained(sealed: Array, residual: Array, among: Mask) -> float:
    if not among.any():
        return 0.0
    # Where little contrast is left to judge, as behind a window, noise is not yet another scan.
    contrast = float(np.var(sealed[among].astype(np.float64))) + _LITTLE_HU**2
    return max(0.0, 1 - float(np.mean(np.square(residual[among].astype(np.float64)))) / contrast)
