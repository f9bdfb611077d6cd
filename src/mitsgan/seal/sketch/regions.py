"""Where a scan differs from its sketch by more than processing explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.geometry import Vector
from mitsgan.seal.sketch.alike import FLOOR_HU, Alike, Spread
from mitsgan.seal.sketch.explain import Explanation, Mask, smoothed
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.shifts import grown
from mitsgan.seal.sketch.sketch import Array, Sketch
from mitsgan.slabs import in_slabs


@dataclass(frozen=True)
class Search:
    """How regions are looked for.

    Attributes:
        scales_mm: widths of what is looked for: sigma of the Gaussians that residuals go through.
            A filter moves density back and forth between neighbours, and over such a width that
            cancels; what was painted in or out does not.
        threshold: standard deviations from which on a place counts, within the patient.
        threshold_outside: the same around him, where nothing is diagnosed: table, clothes, noise.
        inexact: both thresholds are so many times higher on another grid than the sealed one, for
            interpolation blurs each place differently, and behind a window, for it hides the
            peaks of some cells; near its end alone where that cut off next to nothing.
        blurred: the same where a scan was smoothed, for it may have been interpolated to another
            grid and back.
        grow: standard deviations of single cells that belong to a region around such a place.
        least_hu: nothing smaller counts as a difference of a region's cell.
    """

    scales_mm: tuple[float, ...] = (2.0, 3.0, 5.0)
    threshold: float = 10.0
    threshold_outside: float = 50.0
    inexact: float = 2.5
    blurred: float = 1.25
    grow: float = 3.0
    least_hu: float = 7.0


@dataclass(frozen=True)
class Region:
    """A place that does not show what was sealed.

    Attributes:
        start, stop: its box in the sealed scan's voxels ``[z, y, x]``, from 0, ends exclusive.
        lower_mm, upper_mm: the middles of the box's first and last voxel, LPS.
        centre_mm: its middle, weighed by the difference, LPS.
        volume_ml: of all its cells.
        core_ml: of those that differ by half as much as the one that differs most.
        sealed_hu, found_hu: mean over the core when sealed, and now.
        difference_hu: now minus what processing explains, mean over the core: positive where
            something was added.
        score: the largest difference in it, in standard deviations.
        in_patient: whether it lies in the patient, not around him.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    lower_mm: Vector
    upper_mm: Vector
    centre_mm: Vector
    volume_ml: float
    core_ml: float
    sealed_hu: float
    found_hu: float
    difference_hu: float
    score: float
    in_patient: bool


@dataclass(frozen=True, eq=False)
class Usual:
    """How much cells differ from what is expected that nobody tampered with, HU.

    Attributes:
        single: single cells.
        smoothed: after each Gaussian of `Search.scales_mm`.
        visible_hu: see `Differences`; for a threshold of 1.
    """

    single: Spread
    smoothed: tuple[Spread, ...]
    visible_hu: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Differences:
    """What `find_regions` found.

    Attributes:
        regions: by score, the highest first.
        labels: ``[z, y, x]``, the number of the region that each cell belongs to, from 1; else 0.
        visible_hu: a difference over a few millimetres would be found from here on, in the places
            where the scan hides most and least of it: the 95th and the 5th percentile of the body.
        explanation, residuals, usual, thresholds: by which they were found; thresholds
            ``[z, y, x]`` in standard deviations.
    """

    regions: tuple[Region, ...]
    labels: NDArray[np.int32]
    visible_hu: tuple[float, float]
    explanation: Explanation
    residuals: tuple[Array, ...]
    usual: Usual
    thresholds: Array

    @property
    def flagged(self) -> Mask:
        """``[z, y, x]``, the cells of all regions."""
        return self.labels > 0

    @cached_property
    def scores(self) -> Array:
        """``[z, y, x]``, how far each place is from what is expected, standard deviations."""
        return score_cells(self.explanation, self.residuals, self.usual)

    @property
    def closest(self) -> float:
        """The largest score as a part of the threshold at its place; beyond 1 are regions."""
        return float((self.scores / self.thresholds).max())


def find_regions(
    sketch: Sketch, seen: Observation, explanation: Explanation, body: Mask
) -> Differences:
    """Look for places that differ by more than their like in the same scan."""
    search = fitting_search(seen, explanation)
    cell_mm = sketch.grid.cell_mm
    weights = smoothed_weights(explanation, cell_mm, search)
    residuals = smoothed_residuals(explanation, cell_mm, search, weights)
    usual = learn_usual(explanation, residuals, body)
    limits = thresholds(explanation, body, search)
    flagged = flag_cells(explanation, residuals, limits, usual, search)
    regions, labels = list[Region](), np.zeros(flagged.shape, np.int32)
    if flagged.any():
        pieces, count = ndimage.label(flagged, np.ones((3, 3, 3)))
        scores = score_cells(explanation, residuals, usual)
        found = [
            (number, _region(sketch, seen, explanation, scores, body, pieces[box] == number, box))
            for number, box in enumerate(ndimage.find_objects(pieces, count), start=1)
        ]
        found.sort(key=lambda numbered: -numbered[1].score)
        rank = np.zeros(count + 1, np.int32)
        rank[[number for number, _ in found]] = np.arange(1, count + 1)
        regions, labels = [region for _, region in found], rank[pieces]
    high, low = usual.visible_hu
    return Differences(
        regions=tuple(regions),
        labels=labels,
        visible_hu=(search.threshold * high, search.threshold * low),
        explanation=explanation,
        residuals=residuals,
        usual=usual,
        thresholds=limits,
    )


def fitting_search(seen: Observation, explanation: Explanation) -> Search:
    """The search with the thresholds that the grid and the limits of a scan ask for."""
    search, limits = Search(), explanation.limits
    if seen.grid == Grid.OTHER or (limits.any and not limits.few):
        factor = search.inexact
    elif explanation.weights.is_smoothed or explanation.weights.is_averaged:
        factor = search.blurred
    else:
        return search
    return replace(
        search,
        threshold=factor * search.threshold,
        threshold_outside=factor * search.threshold_outside,
    )


def smoothed_weights(
    explanation: Explanation, cell_mm: Vector, search: Search
) -> tuple[Array, ...]:
    """The root of how much of each Gaussian falls on judged cells.

    A mean over a part of them is less certain by this root.
    """
    looked_at = explanation.judged | explanation.bounded
    if looked_at.all():
        return tuple(np.ones((1, 1, 1), np.float32) for _ in search.scales_mm)
    judged, scales = looked_at.astype(np.float32), search.scales_mm

    def smooth(number: int, _: int) -> Array:
        return np.sqrt(np.maximum(smoothed(judged, cell_mm, scales[number]), np.float32(0.05)))

    return tuple(in_slabs(smooth, len(scales), 1))


def smoothed_residuals(
    explanation: Explanation, cell_mm: Vector, search: Search, weights: Sequence[Array]
) -> tuple[Array, ...]:
    """The residuals behind each Gaussian, of judged cells alone, as certain as of all cells."""
    scales = search.scales_mm

    def smooth(number: int, _: int) -> Array:
        return smoothed(explanation.residual, cell_mm, scales[number]) / weights[number]

    return tuple(in_slabs(smooth, len(scales), 1))


def learn_usual(explanation: Explanation, residuals: Sequence[Array], body: Mask) -> Usual:
    """What is usual in a scan, from the scan itself."""
    alike = Alike.of(explanation.fragility, explanation.judged & body)
    every = (explanation.residual, *residuals)
    single, *smoothed = in_slabs(
        lambda number, _: alike.spread(every[number], tail=True), len(every), 1
    )
    return Usual(single, tuple(smoothed), _visible_hu(alike, smoothed))


def _visible_hu(alike: Alike, spreads: Sequence[Spread]) -> tuple[float, float]:
    if not len(alike.fragility):
        return np.inf, np.inf
    high, low = min(
        tuple(alike.quantile(spread, share) for share in (0.95, 0.05)) for spread in spreads
    )
    return high, low


def score_cells(explanation: Explanation, residuals: Sequence[Array], usual: Usual) -> Array:
    """How far each place is from what is expected, standard deviations: the most of all widths."""
    scores = np.zeros(explanation.residual.shape, np.float32)
    for residual, spread in zip(residuals, usual.smoothed, strict=True):
        np.maximum(scores, np.abs(residual) / spread.of(explanation.fragility), out=scores)
    scores[~(explanation.judged | explanation.bounded)] = 0
    return scores


def thresholds(explanation: Explanation, body: Mask, search: Search) -> Array:
    """Standard deviations ``[z, y, x]`` from which on a place counts."""
    limit = np.where(body, np.float32(search.threshold), np.float32(search.threshold_outside))
    if explanation.limits.few:
        limit[explanation.near] *= np.float32(search.inexact)
    return limit


def flag_cells(
    explanation: Explanation,
    residuals: Sequence[Array],
    limit: Array,
    usual: Usual,
    search: Search,
) -> Mask:
    """The cells of all regions: where scores are beyond `thresholds`, and what belongs to that."""
    # Of most cells the residual is so small that nothing else needs to be asked.
    looked_at = explanation.judged | explanation.bounded
    least = np.where(looked_at, limit * np.float32(0.99 * FLOOR_HU), np.float32(np.inf))
    fragility, limits = explanation.fragility.ravel(), limit.ravel()
    seeds = np.zeros(limit.size, np.bool_)
    for residual, spread in zip(residuals, usual.smoothed, strict=True):
        large = np.flatnonzero(np.abs(residual) > least)
        scores = np.abs(residual.ravel()[large]) / spread.of(fragility[large])
        seeds[large] |= scores > limits[large]
    return _grown(explanation, usual.single, seeds.reshape(limit.shape), search)


def _grown(explanation: Explanation, usual: Spread, seeds: Mask, search: Search) -> Mask:
    """The cells that differ and hang together with a seed, and the seeds."""
    if not seeds.any():
        return seeds
    size = np.abs(explanation.residual)
    differs = (size > search.grow * usual.of(explanation.fragility)) & (size > search.least_hu)
    # A seed is blurred by its Gaussian: what differs there or next to it is meant.
    spread: Mask = ndimage.binary_propagation(
        differs & grown(seeds), structure=np.ones((3, 3, 3)), mask=differs
    )
    clusters, _ = ndimage.label(seeds | spread, np.ones((3, 3, 3)))
    pieces, _ = ndimage.label(spread, np.ones((3, 3, 3)))
    # Beside a piece with a seed in it, those without are crumbs; a seed may also stand alone.
    seeded = np.isin(pieces, np.unique(pieces[seeds & spread]))
    crumbs = spread & ~seeded & np.isin(clusters, np.unique(clusters[seeds & spread]))
    alone = seeds & ~np.isin(clusters, np.unique(clusters[spread]))
    return (spread & ~crumbs) | alone


def _region(
    sketch: Sketch,
    seen: Observation,
    explanation: Explanation,
    scores: Array,
    body: Mask,
    inside: Mask,
    box: tuple[slice, slice, slice],
) -> Region:
    grid = sketch.grid
    residual = explanation.residual[box][inside]
    places = np.argwhere(inside) + [part.start for part in box]
    weights = np.abs(residual) + 1e-6
    core = weights >= weights.max() / 2
    z, y, x = np.average(places, axis=0, weights=weights).tolist()
    voxels = grid.voxels(box)
    start = tuple(part.start for part in voxels)
    stop = tuple(part.stop for part in voxels)
    corners = np.sort(
        [grid.geometry.to_world(start), grid.geometry.to_world([n - 1 for n in stop])], axis=0
    )
    return Region(
        start=start,
        stop=stop,
        lower_mm=tuple(corners[0].tolist()),
        upper_mm=tuple(corners[1].tolist()),
        centre_mm=grid.to_world((z, y, x)),
        volume_ml=float(seen.coverage[box][inside].sum()) * grid.cell_ml,
        core_ml=float(seen.coverage[box][inside][core].sum()) * grid.cell_ml,
        sealed_hu=float(sketch.means[box][inside][core].mean()),
        found_hu=float(seen.means[box][inside][core].mean()),
        difference_hu=float(residual[core].mean()),
        score=float(scores[box][inside].max()),
        in_patient=bool(body[box][inside].any()),
    )
