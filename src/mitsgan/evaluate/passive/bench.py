"""One scan, attacked at many places and sent through purifiers, and what detectors make of it.

Each attack lies in a scan of its own, and its surroundings alone are purified and searched anew;
where a purifier works on whole slices, whole slices are. What is usual in the scan is taken from
the scan without the attack, which 8 ml of several litres hardly change.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mitsgan.attack import Attacker, plan_attack
from mitsgan.evaluate.passive.score_map import Box, ScoreMap, calibrated
from mitsgan.evaluate.passive.search import Array, PassiveDetector, Search
from mitsgan.evaluate.purify.purifiers import purifier, purify, purify_scan
from mitsgan.evaluate.statistics import auc
from mitsgan.evaluate.tampering.paste import as_stored, pasted_box
from mitsgan.evaluate.tampering.strikes import Strike, strike
from mitsgan.scan.scan import AIR_HU, Scan

NOTHING = "nothing"
"""Behind no purifier."""

_MARGIN_MM = (5.0, 15.0, 15.0)
"""Around an attacked block, what is searched anew, and further what purifiers look at."""

_REACH = (2, 8, 8)
"""Voxels at the sides of what is purified that are not as they would be in the whole scan."""


@dataclass(frozen=True)
class Untouched:
    """A scan without any attack, as one detector sees it.

    Attributes:
        regions: flagged, each of them a false alarm.
        largest: score.
        seconds: of the search of the whole scan.
    """

    regions: int
    largest: float
    seconds: float


@dataclass(frozen=True)
class Found:
    """What one detector made of the attacks of one attacker.

    Attributes:
        n: attacks.
        auc: of the scores in the middle of attacked places against the same places untouched.
        found: attacks whose core a flagged region touches.
        iou: mean over all attacks, of the regions that touch the core and the core.
        scores, untouched: of every place.
    """

    n: int
    auc: float
    found: int
    iou: float
    scores: tuple[float, ...]
    untouched: tuple[float, ...]


class PassiveBench:
    """One scan and some detectors, each with the score from which on it flags a place.

    Args:
        scan: not modified.
        detectors: with thresholds.
        seed: of the noise that purifiers add.
    """

    def __init__(
        self, scan: Scan, detectors: Sequence[tuple[PassiveDetector, float]], seed: int = 0
    ) -> None:
        self.scan, self.detectors, self.seed = scan, tuple(detectors), seed
        self._hu, self._padding = scan.hu(), scan.is_padding()
        self._behind: str | None = None
        self._searches: dict[str, Search] = {}
        self._seconds: dict[str, float] = {}
        self._whole: Array = self._hu

    def untouched(self, behind: str = NOTHING) -> dict[str, Untouched]:
        """What every detector says of the scan without any attack, by its name."""
        self._search(behind)
        return {
            one.name: _untouched(
                self._searches[one.name].scores, threshold, self._seconds[one.name]
            )
            for one, threshold in self.detectors
        }

    def strikes(self, attacker: Attacker, places: Sequence[tuple[int, int, int]]) -> list[Strike]:
        """Attacks on the scan at voxels ``[z, y, x]``."""
        spacing = self.scan.spacing
        plans = [plan_attack(self._hu, spacing, place, attacker.action) for place in places]
        return strike(self.scan, plans, attacker)

    def found(self, strikes: Sequence[Strike], behind: str = NOTHING) -> dict[str, Found]:
        """What every detector makes of attacks behind a purifier, by its name."""
        self._search(behind)
        scores: dict[str, list[tuple[float, float, float]]] = {}
        for one in strikes:
            hu, box = self._tampered(one, behind)
            for detector, threshold in self.detectors:
                search = self._searches[detector.name]
                now = search.again(hu, box)
                place = one.plan.position
                row = (now.at(place), search.scores.at(place), now.overlap(threshold, one.core()))
                scores.setdefault(detector.name, []).append(row)
        return {name: _found(rows) for name, rows in scores.items()}

    def _search(self, behind: str) -> None:
        """Search the scan without any attack; what was made of it last is kept."""
        if behind == self._behind:
            return
        scan = self.scan
        if behind != NOTHING:
            scan = purify_scan(scan, behind, seed=self.seed)
        self._searches, self._seconds = {}, {}
        self._whole = scan.hu()
        for detector, _ in self.detectors:
            start = time.perf_counter()
            self._searches[detector.name] = detector.search(scan)
            self._seconds[detector.name] = time.perf_counter() - start
        self._behind = behind

    def _tampered(self, one: Strike, behind: str) -> tuple[Array, Box]:
        """What an attack and a purifier make of the surroundings, HU as stored, and their box."""
        wide = self._box(one)
        if behind == NOTHING:
            return self._pasted(one, wide), wide
        whole_slices = purifier(behind).by_slice
        y, x = (slice(0, n) for n in self.scan.shape[1:])
        taken = (wide[0], y, x) if whole_slices else wide
        hu = self._pasted(one, taken)
        hu[self._padding[taken]] = AIR_HU - 1
        purified = purify(hu, self.scan.spacing, behind, seed=self.seed + 1)
        fresh = as_stored(self.scan, purified, taken[0])
        box = wide if whole_slices else _inner(taken, self.scan.shape)
        within = tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, taken, strict=True)
        )
        hidden = self._padding[box]
        return np.where(hidden, self._whole[box], fresh[within]), box

    def _box(self, one: Strike) -> Box:
        """The surroundings of a block."""
        z, y, x = (
            slice(max(first - round(mm / s), 0), min(first + n + round(mm / s), size))
            for first, n, mm, s, size in zip(
                one.plan.start,
                one.plan.block,
                _MARGIN_MM,
                self.scan.spacing,
                self.scan.shape,
                strict=True,
            )
        )
        return z, y, x

    def _pasted(self, one: Strike, box: Box) -> Array:
        """HU of a box with the attacked block in it."""
        return pasted_box(self.scan, box, self._hu[box], one.after, one.plan.start)


def threshold_of(detector: PassiveDetector, scans: Sequence[Scan], alarms: float = 1.0) -> float:
    """The least score to flag at which untouched scans show no more than so many regions each."""
    return calibrated([detector.search(scan).scores for scan in scans], alarms)


def _inner(taken: Box, shape: Sequence[int]) -> Box:
    z, y, x = (
        slice(part.start + (r if part.start else 0), part.stop - (r if part.stop < n else 0))
        for part, r, n in zip(taken, _REACH, shape, strict=True)
    )
    return z, y, x


def _untouched(scores: ScoreMap, threshold: float, seconds: float) -> Untouched:
    return Untouched(
        regions=scores.regions(threshold),
        largest=float(np.nanmax(scores.values)),
        seconds=seconds,
    )


def _found(rows: Sequence[tuple[float, float, float]]) -> Found:
    scores, untouched, overlaps = (tuple(values) for values in zip(*rows, strict=True))
    return Found(
        n=len(rows),
        auc=auc(scores, untouched),
        found=sum(value > 0 for value in overlaps),
        iou=float(np.mean(overlaps)),
        scores=scores,
        untouched=untouched,
    )
