"""How well slices agree with the signs of what they show, near the limits of steps as well.

The signs of a cell hang on the step that its mean lies in. Noise, blur and codecs move means a
little, and where a mean lies near a limit, the mark may have been drawn for the step beyond. How
often that happened is measured on the scan under test, by how near the limit was, over all of its
cells; then the agreement with both steps is added up, each with its share. That is a sum of fixed
weights, so it stays symmetric around zero where there is no mark; the better of two would not.

What smooths a scan moves the mean of a cell that an edge runs along by more, and may move it beyond
both steps. So cells are told apart by that as well, and what is left of the mark is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.content import STEP_HU
from mitsgan.mark.find.noise import Cells, Mask
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import Pattern
from mitsgan.mark.strength import Blocks, pair_sums
from mitsgan.mark.windows import BLOCK, UNIT

Nearness = NDArray[np.uint8]
"""Per block, how near its cell's mean is to a limit: 0 for far, else a class of `Detector.near_hu`,
those below the upper limit first, then those above the lower one; as many again for every class of
`Detector.edges_hu`; the last class of all is that of cells of which only a part was measured, so
that their mean is not known."""


@dataclass(frozen=True)
class Agreement:
    """Of one slice, per block; or of many, ``[z, y, x]``.

    Attributes:
        own: the residual times the signs of the steps that means lie in.
        beyond: times those of the steps that they lie nearest to besides; None where no signs
            depend on the content.
        nearness: how near those are.
    """

    own: Cells
    beyond: Cells | None = None
    nearness: Nearness | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int, int], pattern: Pattern) -> Agreement:
        """Room for some slices."""
        own = np.empty(shape, np.float32)
        if pattern.content is None:
            return cls(own)
        return cls(own, np.empty_like(own), np.empty(shape, np.uint8))

    def put(self, z: int, one: Agreement) -> None:
        """Write what was found of one slice."""
        self.own[z] = one.own
        if self.beyond is not None and one.beyond is not None:
            self.beyond[z] = one.beyond
        if self.nearness is not None and one.nearness is not None:
            self.nearness[z] = one.nearness


@dataclass(frozen=True)
class Place:
    """Whose signs a slice is compared with, and which part of it.

    Attributes:
        position: along the normal, 1/100 mm.
        variant: of the stream.
        corner: row and column of the part's first block.
    """

    position: int
    variant: int
    corner: tuple[int, int] = (0, 0)


def agreement(
    pattern: Pattern,
    residual: NDArray[np.float32],
    means: Blocks,
    place: Place,
    settings: Detector,
) -> Agreement:
    """How well a slice agrees with the signs that it should carry.

    Args:
        pattern: of the series.
        residual: of the units of a part of the slice, whole blocks.
        means: of the same blocks, HU.
        place: of the slice, and of the part in it.
        settings: of the detector.
    """
    signed = _part(pattern.factors(place.position, place.variant), place.corner, residual.shape)
    signed *= residual
    content = pattern.content
    if content is None:
        return Agreement(pair_sums(signed))
    layout, size = content.layout_of(place.position), (means.shape[0], means.shape[1])
    steps = content.look(means, layout, place.corner)
    upper = steps.above >= np.float32(STEP_HU / 2)
    beyond = steps.numbers + np.where(upper, 1, -1)
    own, other = (
        pair_sums(content.signs(numbers, layout, size, place.corner) * signed)
        for numbers in (steps.numbers, beyond)
    )
    near = _nearness(steps.above, upper, settings)
    steep = content.steepness(means, layout, place.corner)
    limits = np.asarray(settings.edges_hu, np.float32)
    edges = np.searchsorted(limits, steep, side="right").astype(np.uint8)
    near += edges * np.uint8(_near_count(settings))
    near[~content.whole(layout, size, place.corner)] = _count(settings) - 1
    return Agreement(own, other, content.spread(near, layout, size, place.corner))


def _near_count(settings: Detector) -> int:
    """Of classes of nearness, for each of edges."""
    return 2 * len(settings.near_hu) + 1


def _count(settings: Detector) -> int:
    """Of classes in all."""
    return _near_count(settings) * (len(settings.edges_hu) + 1) + 1


def _part(
    units: NDArray[np.float32], corner: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """A copy of the units of some blocks; 0 beyond the scan."""
    part = np.zeros(shape, np.float32)
    first, last = (
        slice(at * BLOCK // UNIT, at * BLOCK // UNIT + n)
        for at, n in zip(corner, shape, strict=True)
    )
    there = units[first, last]
    part[: there.shape[0], : there.shape[1]] = there
    return part


def _nearness(above: Blocks, upper: Mask, settings: Detector) -> Nearness:
    distance = np.where(upper, np.float32(STEP_HU) - above, above)
    limits = np.asarray(settings.near_hu, np.float32)
    kind = np.searchsorted(limits, distance, side="right") + 1
    kind[kind > len(limits)] = 0
    kind[(kind > 0) & ~upper] += len(limits)
    return kind.astype(np.uint8)


@dataclass(frozen=True)
class Crossings:
    """What became of the mark near limits, by class of nearness.

    Attributes:
        beyond: share of cells that carry the mark of the step beyond.
        left: how much of the mark is in either step, against that of cells without edges.
    """

    beyond: NDArray[np.float64]
    left: NDArray[np.float64]


def crossings(
    read: Agreement, weight: Cells, strengths: Cells, marked: Mask, settings: Detector
) -> Crossings:
    """Measure how often limits were crossed.

    Args:
        read: of all slices.
        weight: of each block; 0 for those that do not count.
        strengths: of the mark in each block, relative.
        marked: ``[z]``, slices that carry the mark.
        settings: of the detector.
    """
    count = _count(settings)
    if read.beyond is None or read.nearness is None:
        return Crossings(np.zeros(count), np.ones(count))
    sums = np.zeros((3, count))
    for z in np.flatnonzero(marked):
        kind, here = read.nearness[z].ravel(), weight[z]
        for total, values in zip(sums, (read.own[z], read.beyond[z], strengths[z]), strict=True):
            total += np.bincount(kind, (here * values).ravel(), count)
    own, beyond, power = np.maximum(sums, 0)
    share = beyond / np.maximum(own + beyond, 1e-12)
    share[[0, -1]] = 0
    return Crossings(np.asarray(share), _left(own + beyond, power, settings))


def _left(
    agreement: NDArray[np.float64], power: NDArray[np.float64], settings: Detector
) -> NDArray[np.float64]:
    """One value for all classes of one kind of edge: of single ones, there may be few cells."""
    near = _near_count(settings)
    got, wanted = (part[:-1].reshape(-1, near).sum(1) for part in (agreement, power))
    left = got / np.maximum(wanted, 1e-12)
    left = np.where(wanted > 0, left / max(left[0], 1e-12), 1)
    return np.append(np.repeat(np.minimum(left, 1), near), 0)


def blend(read: Agreement, crossed: Crossings, start: int, stop: int) -> NDArray[np.float32] | None:
    """Add up the agreement of slices ``start:stop`` with both steps, in place of that with one.

    Args:
        read: of all slices; ``own`` is overwritten.
        crossed: by class of nearness.
        start, stop: slices wanted.

    Returns:
        How much of the mark is left in the sum, of noise as large as that of one step.
    """
    if read.beyond is None or read.nearness is None:
        return None
    share = crossed.beyond
    length = np.hypot(1 - share, share)
    first, second = (1 - share) / length, share / length
    first[-1] = second[-1] = length[-1] = 0
    kind = read.nearness[start:stop]
    own = read.own[start:stop]
    own *= first.astype(np.float32).take(kind)
    own += second.astype(np.float32).take(kind) * read.beyond[start:stop]
    return (length * crossed.left).astype(np.float32).take(kind)
