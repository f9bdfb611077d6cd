"""Where a scan differs from its sketch by more than processing explains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.scan.geometry import Vector
from mitsgan.seal.sketch.explain import Explanation, Mask, smoothed, spread
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.sketch import Array, Sketch
from mitsgan.seal.sketch.traces import is_averaged, is_smoothed


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
        weights: how much of each Gaussian falls on judged cells; residuals are divided by it.
    """

    single: Array
    smoothed: tuple[Array, ...]
    weights: tuple[Array, ...]


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
    usual = learn_usual(explanation, body, cell_mm, search)
    scores, flagged = flag_cells(explanation, body, usual, cell_mm, search)
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


def learn_usual(explanation: Explanation, body: Mask, cell_mm: Vector, search: Search) -> Usual:
    """What is usual in a scan, from the scan itself."""
    among = explanation.judged & body
    weights = smoothed_weights(explanation, cell_mm, search)
    usual = [
        spread(
            smoothed(explanation.residual, cell_mm, sigma) / present, explanation.fragility, among
        )
        for sigma, present in zip(search.scales_mm, weights, strict=True)
    ]
    single = spread(explanation.residual, explanation.fragility, among)
    return Usual(single, tuple(usual), tuple(weights))


def flag_cells(
    explanation: Explanation, body: Mask, usual: Usual, cell_mm: Vector, search: Search
) -> tuple[Array, Mask]:
    """The largest score of each cell over all widths, and the cells of all regions."""
    scores = np.zeros(explanation.residual.shape, np.float32)
    for sigma, present, expected in zip(
        search.scales_mm, usual.weights, usual.smoothed, strict=True
    ):
        residual = smoothed(explanation.residual, cell_mm, sigma) / present
        np.maximum(scores, np.abs(residual) / expected, out=scores)
    scores[~explanation.judged] = 0
    limit = np.where(body, np.float32(search.threshold), np.float32(search.threshold_outside))
    return scores, _grown(explanation, usual.single, (scores > limit) & explanation.judged, search)


def _visible_hu(usual: Usual, among: Mask, search: Search) -> tuple[float, float]:
    """From how many HU on a difference counts where most is hidden, and where least is."""
    if not among.any():
        return np.inf, np.inf
    return min(
        (
            search.threshold * float(np.quantile(expected[among], 0.95)),
            search.threshold * float(np.quantile(expected[among], 0.05)),
        )
        for expected in usual.smoothed
    )


def smoothed_weights(
    explanation: Explanation, cell_mm: Vector, search: Search
) -> list[NDArray[np.float32]]:
    """How much of each Gaussian falls on judged cells, by which residuals are divided."""
    if explanation.judged.all():
        return [np.ones((1, 1, 1), np.float32) for _ in search.scales_mm]
    judged = explanation.judged.astype(np.float32)
    return [np.maximum(smoothed(judged, cell_mm, sigma), 0.05) for sigma in search.scales_mm]


def _grown(explanation: Explanation, usual: Array, seeds: Mask, search: Search) -> Mask:
    """The cells that differ and hang together with a seed, and the seeds."""
    if not seeds.any():
        return seeds
    size = np.abs(explanation.residual)
    differs = (size > search.grow * usual) & (size > search.least_hu)
    # A seed is blurred by its Gaussian: what differs there or next to it is meant.
    near = ndimage.binary_dilation(seeds, np.ones((3, 3, 3)))
    grown: Mask = ndimage.binary_propagation(
        differs & near, structure=np.ones((3, 3, 3)), mask=differs
    )
    clusters, _ = ndimage.label(seeds | grown, np.ones((3, 3, 3)))
    pieces, _ = ndimage.label(grown, np.ones((3, 3, 3)))
    # Beside a piece with a seed in it, those without are crumbs; a seed may also stand alone.
    seeded = np.isin(pieces, np.unique(pieces[seeds & grown]))
    crumbs = grown & ~seeded & np.isin(clusters, np.unique(clusters[seeds & grown]))
    alone = seeds & ~np.isin(clusters, np.unique(clusters[grown]))
    return (grown & ~crumbs) | alone


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
