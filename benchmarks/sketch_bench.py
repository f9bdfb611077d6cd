"""One scan, its sketch, and what the sketch says of forgeries behind one purifier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.purify.purifiers import purify, purify_scan
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import AIR_HU, Scan
from mitsgan.seal.sketch.body import body_cells
from mitsgan.seal.sketch.explain import explain
from mitsgan.seal.sketch.grain import find_limits
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.observe import Observation, observe
from mitsgan.seal.sketch.regions import Differences, find_regions
from mitsgan.seal.sketch.sketch import make_sketch
from sketch_forgeries import Forgery

Array = NDArray[np.float32]
Box = tuple[slice, slice, slice]

NOTHING = "nothing"
_CHANGED_HU = 8.0
"""A cell counts as changed if tampering moves its mean by as much: one level of the sketch."""

_MARGIN = (4, 14, 14)
_MARGINS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"jpeg": (0, 40, 40), "jpeg2000": (0, 40, 40), "resample": (6, 14, 14), NOTHING: (0, 0, 0)}
)
"""Voxels around a forgery that are purified with it, by the first word of the purifier's name."""

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
class Behind:
    """What was found behind one purifier.

    Attributes:
        verdict: of the scan without any forgery.
        largest: score anywhere in the patient without any.
        regions: how many were seen without any.
        rounds: how many times the whole scan was searched.
        outcomes: of the forgeries.
    """

    verdict: str
    largest: float
    regions: int
    rounds: int
    outcomes: tuple[Outcome, ...]


class SketchBench:
    """A scan in canonical order with its sketch."""

    def __init__(self, scan: Scan) -> None:
        self.scan = replace(canonical(scan), source=None)
        self.sketch = make_sketch(self.scan)
        self._body = body_cells(self.sketch.means)
        self._padding = self.scan.is_padding()

    def behind(self, purifier: str, forged: Sequence[Forgery]) -> Behind:
        """Hide forgeries behind a purifier, as many in one scan as do not meet, and search it.

        A purifier works on the forgery and a margin around it, and the scan beyond is as purified
        without it: what no filter of a few voxels tells from purifying all anew, in a hundredth
        of the time.
        """
        whole = self.scan if purifier == NOTHING else purify_scan(self.scan, purifier)
        report = judge(self.sketch, [whole])
        seen = observe([whole], self.sketch.grid)
        before = self._search(seen, whole)
        stored = self.scan.hu()
        around = whole.hu()
        outcomes: list[Outcome] = []
        changes = [(one, *self._cells(one, purifier, stored, around)) for one in forged]
        rounds = _packed([box for _, box, _ in changes])
        for members in rounds:
            means = seen.means.copy()
            for number in members:
                _, box, cells = changes[number]
                means[box] = cells
            now = self._search(replace(seen, means=means), whole)
            for number in members:
                one, box, cells = changes[number]
                changed = self._changed(one, box, stored)
                outcomes.append(_outcome(one.kind, now, before, box, changed))
        return Behind(
            verdict=report.verdict,
            largest=float(before.scores[self._body].max()),
            regions=len(report.regions),
            rounds=len(rounds),
            outcomes=tuple(outcomes),
        )

    def _search(self, seen: Observation, whole: Scan) -> Differences:
        limits = find_limits(whole, float(self.sketch.means.min()))
        explanation = explain(self.sketch, seen, self._body, limits)
        return find_regions(self.sketch, seen, explanation, self._body)

    def _cells(
        self, one: Forgery, purifier: str, stored: Array, around: Array
    ) -> tuple[Box, Array]:
        """The box of cells that a forgery may change behind a purifier, and their means."""
        margin = _MARGINS.get(purifier.split("-")[0], _MARGIN)
        box = self._box(one, margin, blocks=purifier.startswith("jpeg-"))
        values = around[box].copy()
        forged = self._pasted(one, box, stored)
        if purifier != NOTHING:
            forged[self._padding[box]] = AIR_HU - 1
            forged = purify(forged, self.scan.spacing, purifier, seed=1)
        half = (0, 0, 0) if purifier.startswith("jpeg") else tuple(m // 2 for m in margin)
        inner = tuple(
            slice(h if part.start else 0, n - h if part.stop < length else n)
            for h, part, n, length in zip(half, box, forged.shape, stored.shape, strict=True)
        )
        slope, intercept = self.scan.slope[0], self.scan.intercept[0]
        rounded = np.rint((forged - intercept) / slope) * slope + intercept
        values[inner] = np.where(self._padding[box], values, rounded)[inner]
        return self._whole_cells(box), _means(values, self.sketch.grid.cell)

    def _changed(self, one: Forgery, box: Box, stored: Array) -> NDArray[np.bool_]:
        """Cells of a box whose means the forgery moves by itself."""
        grid = self.sketch.grid
        voxels = grid.voxels(box)
        now = self._pasted(one, voxels, stored)
        apart = _means(now, grid.cell) - _means(stored[voxels], grid.cell)
        return np.asarray(np.abs(apart) >= _CHANGED_HU)

    def _pasted(self, one: Forgery, box: Box, stored: Array) -> Array:
        values: Array = stored[box].copy()
        into, outof = [], []
        for first, size, part in zip(one.start, one.block.shape, box, strict=True):
            low, high = max(first, part.start), min(first + size, part.stop)
            into.append(slice(low - part.start, high - part.start))
            outof.append(slice(low - first, high - first))
        slope, intercept = self.scan.slope[0], self.scan.intercept[0]
        levels = np.rint((one.block[tuple(outof)] - intercept) / slope)
        new = np.clip(levels, self.scan.lowest, self.scan.highest) * slope + intercept
        keep = self._padding[box][tuple(into)]
        values[tuple(into)] = np.where(keep, values[tuple(into)], new)
        return values

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
    result = np.clip(values, AIR_HU, 3071)
    for axis, side in enumerate(cell):
        edges = np.arange(0, result.shape[axis], side)
        count = np.diff(np.append(edges, result.shape[axis])).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        result = np.add.reduceat(result, edges, axis=axis) / count.reshape(shape)
    return np.asarray(result, np.float32)


def _packed(boxes: Sequence[Box]) -> list[list[int]]:
    """Boxes that do not come near each other, together."""
    rounds: list[list[int]] = []
    for number, box in enumerate(boxes):
        for members in rounds:
            if all(_far(box, boxes[other]) for other in members):
                members.append(number)
                break
        else:
            rounds.append([number])
    return rounds


def _far(one: Box, other: Box) -> bool:
    return any(
        a.start > b.stop + gap or b.start > a.stop + gap
        for a, b, gap in zip(one, other, (4, _APART, _APART), strict=True)
    )


def _outcome(
    kind: str, now: Differences, before: Differences, box: Box, changed: NDArray[np.bool_]
) -> Outcome:
    flagged = now.flagged[box]
    both = int((flagged & changed).sum())
    most = int(flagged.sum() + changed.sum())
    return Outcome(
        kind=kind,
        score=float(now.scores[box][changed].max()) if changed.any() else 0.0,
        untouched=float(before.scores[box][changed].max()) if changed.any() else 0.0,
        found=both > 0,
        dice=2 * both / most if most else 0.0,
    )
