"""Where a scan differs from its sketch by more than processing explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.geometry import Vector
from mitsgan.seal.sketch.alike import Alike
from mitsgan.seal.sketch.explain import Explanation, Mask, smoothed
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.shifts import grown
from mitsgan.seal.sketch.sketch import Array, Sketch
from mitsgan.seal.sketch.traces import is_averaged, is_smoothed
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
            peaks of some cells.
        blurred: the same where a scan was smoothed along all axes, for it may have been
            interpolated to another grid and back.
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
class Differences:
    """What `find_regions` found.

    Attributes:
        regions: by score, the highest first.
        labels: ``[z, y, x]``, the number of the region that each cell belongs to, from 1; else 0.
        scores: ``[z, y, x]``, how far each place is from what is expected, standard deviations.
        visible_hu: a difference over a few millimetres would be found from here on, in the places
            where the scan hides most and least of it: the 95th and the 5th percentile of the body.
    """

    regions: tuple[Region, ...]
    labels: NDArray[np.int32]
    scores: Array
    visible_hu: tuple[float, float]

    @property
    def flagged(self) -> Mask:
        """``[z, y, x]``, the cells of all regions."""
        return self.labels > 0


@dataclass(frozen=True, eq=False)
class Usual:
    """How much cells differ from what is expected that nobody tampered with, HU ``[z, y, x]``.

    Attributes:
        single: of single cells.
        smoothed: after each Gaussian of `Search.scales_mm`.
    """

    single: Array
    smoothed: tuple[Array, ...]


def find_regions(
    sketch: Sketch,
    seen: Observation,
    explanation: Explanation,
    body: Mask,
    search: Search | None = None,
) -> Differences:
    """Look for places that differ by more than their like in the same scan."""
    search = fitting_search(seen, explanation, search)
    cell_mm, among = sketch.grid.cell_mm, explanation.judged & body
    weights = smoothed_weights(explanation, cell_mm, search)
    residuals = smoothed_residuals(explanation, cell_mm, search, weights)
    usual = learn_usual(explanation, residuals, body)
    scores, flagged = flag_cells(explanation, residuals, body, usual, search)
    pieces, count = ndimage.label(flagged, np.ones((3, 3, 3)))
    regions = [
        _region(sketch, seen, explanation, scores, body, pieces == number, box)
        for number, box in enumerate(ndimage.find_objects(pieces, count), start=1)
    ]
    order = sorted(range(count), key=lambda number: -regions[number].score)
    rank = np.zeros(count + 1, np.int32)
    rank[[number + 1 for number in order]] = np.arange(1, count + 1)
    return Differences(
        regions=tuple(regions[number] for number in order),
        labels=rank[pieces],
        scores=scores,
        visible_hu=_visible_hu(usual, among, search),
    )


def fitting_search(
    seen: Observation, explanation: Explanation, search: Search | None = None
) -> Search:
    """The search with the thresholds that the grid and the limits of a scan ask for."""
    search = search or Search()
    if seen.grid == Grid.OTHER or explanation.limits.any:
        factor = search.inexact
    elif is_smoothed(explanation.weights) and is_averaged(explanation.weights):
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
    """How much of each Gaussian falls on judged cells."""
    if explanation.judged.all():
        return tuple(np.ones((1, 1, 1), np.float32) for _ in search.scales_mm)
    judged, scales = explanation.judged.astype(np.float32), search.scales_mm

    def smooth(number: int, _: int) -> Array:
        return np.maximum(smoothed(judged, cell_mm, scales[number]), np.float32(0.05))

    return tuple(in_slabs(smooth, len(scales), 1))


def smoothed_residuals(
    explanation: Explanation, cell_mm: Vector, search: Search, weights: Sequence[Array]
) -> tuple[Array, ...]:
    """The residuals behind each Gaussian, of judged cells alone."""
    scales = search.scales_mm

    def smooth(number: int, _: int) -> Array:
        return smoothed(explanation.residual, cell_mm, scales[number]) / weights[number]

    return tuple(in_slabs(smooth, len(scales), 1))


def learn_usual(explanation: Explanation, residuals: Sequence[Array], body: Mask) -> Usual:
    """What is usual in a scan, from the scan itself."""
    alike = Alike.of(explanation.fragility, explanation.judged & body)
    every = (explanation.residual, *residuals)
    single, *usual = in_slabs(lambda number, _: alike.spread(every[number]), len(every), 1)
    return Usual(single, tuple(usual))


def flag_cells(
    explanation: Explanation,
    residuals: Sequence[Array],
    body: Mask,
    usual: Usual,
    search: Search,
) -> tuple[Array, Mask]:
    """The largest score of each cell over all widths, and the cells of all regions."""
    scores = np.zeros(explanation.residual.shape, np.float32)
    for residual, expected in zip(residuals, usual.smoothed, strict=True):
        np.maximum(scores, np.abs(residual) / expected, out=scores)
    scores[~explanation.judged] = 0
    limit = np.where(body, np.float32(search.threshold), np.float32(search.threshold_outside))
    return scores, _grown(explanation, usual.single, (scores > limit) & explanation.judged, search)


def _visible_hu(usual: Usual, among: Mask, search: Search) -> tuple[float, float]:
    """From how many HU on a difference counts where most is hidden, and where least is."""
    if not among.any():
        return np.inf, np.inf

    def quantiles(number: int, _: int) -> tuple[float, float]:
        values = usual.smoothed[number][among]
        most, least = (float(np.quantile(values, share)) for share in (0.95, 0.05))
        return search.threshold * most, search.threshold * least

    return min(in_slabs(quantiles, len(usual.smoothed), 1))


def _grown(explanation: Explanation, usual: Array, seeds: Mask, search: Search) -> Mask:
    """The cells that differ and hang together with a seed, and the seeds."""
    if not seeds.any():
        return seeds
    size = np.abs(explanation.residual)
    differs = (size > search.grow * usual) & (size > search.least_hu)
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
    cells: Mask,
    box: tuple[slice, slice, slice],
) -> Region:
    grid, inside = sketch.grid, cells[box]
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
