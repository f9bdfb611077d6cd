"""Noise residuals without training: is the grain of a place that of the lung around it?

Models paint on a grid of their own and learn what is likely, not what this scanner's noise is, so
what they leave is smoother, or rougher, or of another spectrum than what lies around: the idea of
most passive forensics. Of every place the strength of the fine grain, and its ratio to that of a
coarser band, are compared with what is usual around, in standard deviations of what places of
this scan differ by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mitsgan.anatomy.grain import PLACE_MM, Cells, Grain, measure_grain, scan_grain
from mitsgan.anatomy.mask import CoarseMask
from mitsgan.evaluate.passive.score_map import Box, ScoreMap
from mitsgan.evaluate.passive.search import Array
from mitsgan.scan.scan import Scan

_RIM = 4
"""Voxels that the wider mean looks beyond a cell."""

_NORMAL = 1.4826
"""Standard deviation of normal values over their median distance from the middle."""

_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class _Band:
    """One figure of the grain: what is usual around every cell, and how far places scatter."""

    usual: Cells
    spread: float


@dataclass(frozen=True, eq=False)
class GrainSearch:
    """Of one scan; a `Search`."""

    grain: Grain
    bands: tuple[_Band, ...]
    scores: ScoreMap

    def again(self, hu: Array, box: Box) -> ScoreMap:
        """See `Search`."""
        grain = self.grain
        shape = grain.fine.shape
        changed = [
            _cells(part, n, size, rim)
            for part, n, size, rim in zip(box, grain.cell, shape, _rims(grain), strict=True)
        ]
        if any(part.start >= part.stop for part in changed):
            return self.scores
        here = (changed[0], changed[1], changed[2])
        fresh = _measured(hu, box, here, grain)
        reach = [round(PLACE_MM / (n * s)) for n, s in zip(grain.cell, grain.spacing, strict=True)]
        wide = [
            slice(max(part.start - 2 * r, 0), min(part.stop + 2 * r, size))
            for part, r, size in zip(here, reach, shape, strict=True)
        ]
        cut = (wide[0], wide[1], wide[2])
        within = tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(here, cut, strict=True)
        )
        fine, band = grain.fine[cut].copy(), grain.band[cut].copy()
        fine[within], band[within] = fresh.fine, fresh.band
        local = replace(grain, fine=fine, band=band, inside=grain.inside[cut])
        scored = _scored(local, [replace(b, usual=b.usual[cut]) for b in self.bands])
        # At the sides of the part that is looked at anew, places reach beyond it.
        keep = tuple(
            slice(r if part.start else 0, n - r if part.stop < size else n)
            for part, r, n, size in zip(cut, reach, scored.shape, shape, strict=True)
        )
        into = tuple(
            slice(part.start + k.start, part.start + k.stop)
            for part, k in zip(cut, keep, strict=True)
        )
        values = self.scores.values.copy()
        values[into] = scored[keep]
        return self.scores.with_values(values)


@dataclass(frozen=True)
class GrainStatistic:
    """The statistic, a `PassiveDetector`; nothing of it is learned."""

    name: str = "noise residual"

    def search(self, scan: Scan) -> GrainSearch:
        """See `PassiveDetector`."""
        grain = scan_grain(scan)
        bands = []
        for values in _figures(grain):
            around = grain.around(values)
            usual = grain.usual(around)
            off = np.abs(around - usual)
            known = off[np.isfinite(off)]
            spread = _NORMAL * float(np.median(known)) if len(known) else 1.0
            bands.append(_Band(usual, max(spread, _LEAST_SPREAD)))
        scores = ScoreMap(_scored(grain, bands), grain.first, grain.cell, grain.spacing)
        return GrainSearch(grain, tuple(bands), scores)


def _figures(grain: Grain) -> tuple[Cells, Cells]:
    return grain.fine, grain.fine - grain.band


def _scored(grain: Grain, bands: list[_Band]) -> Cells:
    """The largest of the figures, ``[z, y, x]``; NaN outside the lung."""
    parts = [
        np.abs(grain.around(values) - one.usual) / one.spread
        for values, one in zip(_figures(grain), bands, strict=True)
    ]
    return np.asarray(np.maximum(*parts), np.float32)


def _rims(grain: Grain) -> tuple[int, int, int]:
    """Cells at the sides of a part that depend on voxels beyond it."""
    _, y, x = grain.cell
    return 0, -(-_RIM // y), -(-_RIM // x)


def _cells(part: slice, cell: int, size: int, rim: int) -> slice:
    """The cells whose grain depends on voxels ``part`` alone, along one axis."""
    first = -(-part.start // cell) + rim if part.start else 0
    return slice(first, max(first, min(part.stop // cell - rim, size)))


def _measured(hu: Array, box: Box, cells: Box, grain: Grain) -> Grain:
    """The grain of some cells, from the voxels of a box that they depend on."""
    wide, inner = [], []
    for part, some, n, rim in zip(box, cells, grain.cell, _rims(grain), strict=True):
        before = min(rim, some.start)
        first = (some.start - before) * n - part.start
        wide.append(slice(first, (some.stop + rim) * n - part.start))
        inner.append(slice(before, before + some.stop - some.start))
    nowhere = CoarseMask(np.zeros((1, 1, 1), bool), (1, 1, 1))
    cut = np.ascontiguousarray(hu[wide[0], wide[1], wide[2]])
    fresh = measure_grain(cut, grain.spacing, nowhere)
    within = (inner[0], inner[1], inner[2])
    return replace(fresh, fine=fresh.fine[within], band=fresh.band[within])
