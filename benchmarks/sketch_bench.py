"""One scan, its sketch, and what the sketch says of forgeries behind one purifier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.purify.purifiers import purify, purify_scan
from mitsgan.evaluate.tampering.paste import Box, as_stored, pasted_box
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import AIR_HU, Scan
from mitsgan.seal.sketch.explain import Explanation, Mask, explain, residual_of
from mitsgan.seal.sketch.grain import find_limits
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.observe import Observation, observe
from mitsgan.seal.sketch.regions import (
    Search,
    Usual,
    find_regions,
    fitting_search,
    flag_cells,
    learn_usual,
    score_cells,
    smoothed_residuals,
    smoothed_weights,
    thresholds,
)
from mitsgan.seal.sketch.sketch import make_sketch
from sketch_forgeries import Forgery

Array = NDArray[np.float32]

NOTHING = "nothing"
_CHANGED_HU = 8.0
"""A cell counts as changed if tampering moves its mean by as much: one level of the sketch."""

_MARGIN = (4, 14, 14)
_MARGINS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"jpeg": (0, 40, 40), "jpeg2000": (0, 40, 40), "resample": (6, 14, 14), NOTHING: (0, 0, 0)}
)
"""Voxels around a forgery that are purified with it, by the first word of the purifier's name."""

_REACH_MM = 30.0
"""How far around a forgery is searched anew: twice as far as the widest Gaussian reaches."""

_APART = 10
"""Cells between two forgeries in one scan: none is searched for in the light of another."""


@dataclass(frozen=True)
class Outcome:
    """What was made of one forgery.

    Attributes:
        score: the largest in the cells that it changed.
        untouched: the largest there without it.
        found: whether a region touches these cells.
        dice: of the flagged cells there and the changed ones.
    """

    kind: str
    score: float
    untouched: float
    found: bool
    dice: float


@dataclass(frozen=True)
class Check:
    """What a search of the whole scan anew made of some forgeries, beside that around each.

    Attributes:
        forgeries: how many, all in one scan.
        other_answers: of how many one search says that it is there, and the other not.
        score_apart: the largest difference of the two scores, as a part of the larger.
    """

    forgeries: int
    other_answers: int
    score_apart: float


@dataclass(frozen=True)
class Behind:
    """What was found behind one purifier.

    Attributes:
        verdict: of the scan without any forgery.
        largest: score anywhere in the patient without any.
        regions: how many were seen without any.
        check: of the search around forgeries by one of the whole scan.
        outcomes: of the forgeries.
    """

    verdict: str
    largest: float
    regions: int
    check: Check
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, eq=False)
class _Searched:
    """A scan without any forgery, behind a purifier, and what is usual in it."""

    whole: Scan
    seen: Observation
    explanation: Explanation
    search: Search
    weights: tuple[Array, ...]
    usual: Usual
    scores: Array
    flagged: Mask

    def part(self, box: Box, inner: Box, cells: Array) -> tuple[Explanation, tuple[Array, ...]]:
        """What belongs to a box of cells of which some, ``inner``, have other means."""
        judged, bounded = self.explanation.judged[box], self.explanation.bounded[box]
        least, most = (of[box] for of in self.explanation.within)
        means = self.seen.means[box].copy()
        means[_within(inner, box)] = cells
        explanation = replace(
            self.explanation,
            expected=self.explanation.expected[box],
            within=(least, most),
            residual=residual_of(means, (least, most), judged | bounded),
            judged=judged,
            bounded=bounded,
            fragility=self.explanation.fragility[box],
            near=self.explanation.near[box],
        )
        weights = tuple(one if one.size == 1 else one[box] for one in self.weights)
        return explanation, weights


class SketchBench:
    """A scan in canonical order with its sketch."""

    def __init__(self, scan: Scan) -> None:
        self.scan = replace(canonical(scan), source=None)
        self.sketch = make_sketch(self.scan)
        self._body = self.sketch.body
        self._padding = self.scan.is_padding()

    def behind(self, purifier: str, forged: Sequence[Forgery]) -> Behind:
        """Hide forgeries behind a purifier, each in a scan of its own, and search that.

        A purifier works on the forgery and a margin around it, and the scan beyond is as purified
        without it: what no filter of a few voxels tells from purifying all anew, in a hundredth
        of the time. Nor is all of the scan searched anew for each: what processing made of the
        scan, and what is usual in it, is learned robustly from all of it, so it is taken from the
        scan without the forgery, and the places around the forgery are searched. A `Check` says
        how far that is from a search of everything.
        """
        whole = self.scan if purifier == NOTHING else purify_scan(self.scan, purifier)
        report = judge(self.sketch, [whole])
        before = self._search(whole)
        stored, around = self.scan.hu(), whole.hu()
        outcomes: list[Outcome] = []
        changes: list[tuple[Box, Array]] = []
        for one in forged:
            box, cells = self._cells(one, purifier, stored, around)
            changes.append((box, cells))
            changed = self._changed(one, box, stored)
            scores, flagged = self._search_around(before, box, cells)
            outcomes.append(_outcome(one.kind, scores, flagged, before.scores[box], changed))
        return Behind(
            verdict=report.verdict,
            largest=float(before.scores[self._body].max()),
            regions=len(report.regions),
            check=self._check(before, changes),
            outcomes=tuple(outcomes),
        )

    def _search(self, whole: Scan) -> _Searched:
        cell_mm = self.sketch.grid.cell_mm
        seen = observe([whole], self.sketch.grid)
        limits = find_limits(whole, float(self.sketch.means.min()))
        explanation = explain(self.sketch, seen, self._body, limits)
        search = fitting_search(seen, explanation)
        weights = smoothed_weights(explanation, cell_mm, search)
        residuals = smoothed_residuals(explanation, cell_mm, search, weights)
        usual = learn_usual(explanation, residuals, self._body)
        scores = score_cells(explanation, residuals, usual)
        flagged = flag_cells(
            explanation, residuals, thresholds(explanation, self._body, search), usual, search
        )
        return _Searched(whole, seen, explanation, search, weights, usual, scores, flagged)

    def _search_around(self, before: _Searched, box: Box, cells: Array) -> tuple[Array, Mask]:
        """Scores and flagged cells of a box whose cells have other means."""
        cell_mm = self.sketch.grid.cell_mm
        z, y, x = (
            slice(
                max(part.start - math.ceil(_REACH_MM / mm), 0),
                part.stop + math.ceil(_REACH_MM / mm),
            )
            for part, mm in zip(box, cell_mm, strict=True)
        )
        wide = (z, y, x)
        explanation, weights = before.part(wide, box, cells)
        residuals = smoothed_residuals(explanation, cell_mm, before.search, weights)
        scores = score_cells(explanation, residuals, before.usual)
        flagged = flag_cells(
            explanation,
            residuals,
            thresholds(explanation, self._body[wide], before.search),
            before.usual,
            before.search,
        )
        inner = _within(box, wide)
        return scores[inner], flagged[inner]

    def _check(self, before: _Searched, changes: Sequence[tuple[Box, Array]]) -> Check:
        """Search the whole scan with some forgeries in it, as many as do not meet."""
        members = _apart([box for box, _ in changes])
        means = before.seen.means.copy()
        for number in members:
            box, cells = changes[number]
            means[box] = cells
        seen = replace(before.seen, means=means)
        explanation = explain(self.sketch, seen, self._body, before.explanation.limits)
        now = find_regions(self.sketch, seen, explanation, self._body)
        other, apart = 0, 0.0
        for number in members:
            box, cells = changes[number]
            scores, flagged = self._search_around(before, box, cells)
            other += bool(flagged.any()) != bool(now.flagged[box].any())
            here, there = float(scores.max()), float(now.scores[box].max())
            apart = max(apart, abs(here - there) / max(here, there, 1.0))
        return Check(len(members), other, apart)

    def _cells(
        self, one: Forgery, purifier: str, stored: Array, around: Array
    ) -> tuple[Box, Array]:
        """The box of cells that a forgery may change behind a purifier, and their means."""
        margin = _MARGINS.get(purifier.split("-")[0], _MARGIN)
        box = self._box(one, margin, blocks=purifier.startswith("jpeg-"))
        values = around[box].copy()
        forged = pasted_box(self.scan, box, stored[box], one.block, one.start)
        if purifier != NOTHING:
            forged[self._padding[box]] = AIR_HU - 1
            forged = purify(forged, self.scan.spacing, purifier, seed=1)
        half = (0, 0, 0) if purifier.startswith("jpeg") else tuple(m // 2 for m in margin)
        inner = tuple(
            slice(h if part.start else 0, n - h if part.stop < length else n)
            for h, part, n, length in zip(half, box, forged.shape, stored.shape, strict=True)
        )
        rounded = as_stored(self.scan, forged, box[0])
        values[inner] = np.where(self._padding[box], values, rounded)[inner]
        return self._whole_cells(box), _means(values, self.sketch.grid.cell)

    def _changed(self, one: Forgery, box: Box, stored: Array) -> Mask:
        """Cells of a box whose means the forgery moves by itself."""
        grid = self.sketch.grid
        voxels = grid.voxels(box)
        now = pasted_box(self.scan, voxels, stored[voxels], one.block, one.start)
        apart = _means(now, grid.cell) - _means(stored[voxels], grid.cell)
        return np.asarray(np.abs(apart) >= _CHANGED_HU)

    def _box(self, one: Forgery, margin: Sequence[int], *, blocks: bool) -> Box:
        """The voxels of a forgery and its margin, in whole cells, and in whole blocks of JPEG."""
        cell = self.sketch.grid.cell
        sides = [cell[0], *(math.lcm(8, n) if blocks else n for n in cell[1:])]
        parts = []
        for first, size, m, side, length in zip(
            one.start, one.block.shape, margin, sides, self.scan.shape, strict=True
        ):
            low = max(first - m, 0) // side * side
            high = min(-(-min(first + size + m, length) // side) * side, length)
            parts.append(slice(low, high))
        z, y, x = parts
        return z, y, x

    def _whole_cells(self, box: Box) -> Box:
        z, y, x = (
            slice(part.start // n, -(-part.stop // n))
            for part, n in zip(box, self.sketch.grid.cell, strict=True)
        )
        return z, y, x


def _means(values: Array, cell: tuple[int, int, int]) -> Array:
    """Of the cells of a box that starts with a whole cell."""
    result: Array = np.clip(values, AIR_HU, 3071)
    for axis, side in enumerate(cell):
        edges = np.arange(0, result.shape[axis], side)
        count = np.diff(np.append(edges, result.shape[axis])).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        result = np.asarray(np.add.reduceat(result, edges, axis=axis) / count.reshape(shape))
    return np.asarray(result, np.float32)


def _within(box: Box, wide: Box) -> Box:
    """A box in the indices of a wider one."""
    z, y, x = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True))
    return z, y, x


def _apart(boxes: Sequence[Box]) -> list[int]:
    """Boxes that do not come near each other."""
    members: list[int] = []
    for number, box in enumerate(boxes):
        if all(_far(box, boxes[other]) for other in members):
            members.append(number)
    return members


def _far(one: Box, other: Box) -> bool:
    return any(
        a.start > b.stop + gap or b.start > a.stop + gap
        for a, b, gap in zip(one, other, (4, _APART, _APART), strict=True)
    )


def _outcome(kind: str, scores: Array, flagged: Mask, untouched: Array, changed: Mask) -> Outcome:
    both = int((flagged & changed).sum())
    most = int(flagged.sum() + changed.sum())
    return Outcome(
        kind=kind,
        score=float(scores[changed].max()) if changed.any() else 0.0,
        untouched=float(untouched[changed].max()) if changed.any() else 0.0,
        found=both > 0,
        dice=2 * both / most if most else 0.0,
    )
