"""Attackers who leave the finest detail of a scan, and with it the mark, where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np
import torch
from numpy.typing import NDArray

from mitsgan.attack.cube import overlap
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.resample import zoom
from mitsgan.evaluate.tampering.manipulations import keep_residual
from mitsgan.evaluate.tampering.strikes import Strike
from mitsgan.mark.content import CELL_MM, STEP_HU
from mitsgan.mark.windows import BLOCK, window
from mitsgan.networks import shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import Scan

Array = NDArray[np.float32]

_ROUNDS = 8
"""Of holding the means of all cells, wherever they lie: after these, none moves by more."""


@dataclass(frozen=True)
class Evasion:
    """What an attacker does to his strike before he hands it in.

    Attributes:
        sigma_mm: of the Gaussian that parts the content he changes from the detail he keeps;
            None keeps nothing.
        within: share of a step by which the mean of no cell moves, wherever it may lie: he knows
            how large cells and steps are, but not where. None lets them move.
    """

    sigma_mm: float | None = None
    within: float | None = None

    def apply(self, strike: Strike, marked: Scan) -> Strike:
        """The strike as he hands it in.

        Args:
            strike: what he wants to hand in.
            marked: the scan that he changes.
        """
        if self.sigma_mm is None:
            return strike
        after = keep_residual(strike.before, strike.after, self.sigma_mm / marked.spacing[1])
        if self.within is not None:
            after = strike.before + self._held(strike, after - strike.before, marked)
        return replace(strike, after=after)

    def _held(self, strike: Strike, change: Array, marked: Scan) -> Array:
        """The change with no more in the mean of any cell than he allows himself."""
        inside, part = overlap(strike.plan.start, change.shape, marked.shape)
        sides = [BLOCK * side for side in window(CELL_MM, marked.spacing)[1:]]
        most = np.float32((self.within or 0) * STEP_HU)
        # A cell reaches over the block by up to its side; what lies outside does not change.
        margin = [(side, side + -length % side) for side, length in zip(
            sides, change[part].shape[1:], strict=True)]  # fmt: skip
        grown = np.pad(change[part], [(0, 0), *margin])
        first = [at.start % BLOCK for at in inside[1:]]
        for _ in range(_ROUNDS):
            for y in range(-first[0] % BLOCK, sides[0], BLOCK):
                for x in range(-first[1] % BLOCK, sides[1], BLOCK):
                    _hold(grown[:, y:, x:], sides, most)
        held = np.zeros_like(change)
        rows, columns = (
            slice(low, low + length)
            for (low, _), length in zip(margin, change[part].shape[1:], strict=True)
        )
        held[part] = grown[:, rows, columns]
        return held


def _hold(change: Array, sides: Sequence[int], most: np.float32) -> None:
    """Take from each cell, side by side from the corner on, what its mean moves by too much."""
    high, wide = sides
    rows, columns = change.shape[1] // high, change.shape[2] // wide
    whole = change[:, : rows * high, : columns * wide]
    cells = whole.reshape(len(change), rows, high, columns, wide)
    means = cells.mean((2, 4), keepdims=True)
    excess = np.broadcast_to(means - np.clip(means, -most, most), cells.shape)
    whole -= excess.reshape(whole.shape)


def achieved(handed: Sequence[Strike], wanted: Sequence[Strike]) -> dict[str, object]:
    """How much of the tampering is left of what attackers hand in, in the middle 20 mm.

    Args:
        handed: as handed in.
        wanted: the same strikes as the attacker's model made them.
    """
    shares, sizes = [], []
    for strike, full in zip(handed, wanted, strict=True):
        core = full.plan.core_in_block
        aim, got = ((s.after - s.before)[core].astype(np.float64) for s in (full, strike))
        shares.append(float((aim * got).sum() / max(np.square(aim).sum(), 1e-9)))
        sizes.append(float(np.sqrt(np.mean(np.square(got)))))
    result: dict[str, object] = {"share_of_change": median(shares), "rms_hu": median(sizes)}
    if wanted[0].plan.action == "inject":
        result["called_nodule"] = _called([s.after for s in handed], wanted)
        result["called_nodule_before"] = _called([s.before for s in wanted], wanted)
    return result


def _called(blocks: Sequence[Array], strikes: Sequence[Strike]) -> float:
    """Share of positions at which the shipped classifier sees a nodule."""
    classifier = NoduleClassifier.load(shipped("classifier"))
    cubes = [block[s.plan.cube_in_block] for block, s in zip(blocks, strikes, strict=True)]
    stack = zoom(torch.from_numpy(np.stack(cubes)).float(), (SIDE, SIDE, SIDE))
    return fmean(float(p >= classifier.threshold) for p in classifier.probability(stack).tolist())


def moved_hu(handed: Sequence[Strike], marked: Scan) -> dict[str, float]:
    """How far the means of cubes of 8 mm in the middle are moved, the largest of each strike."""
    side = [max(1, round(CELL_MM / step)) for step in marked.spacing]
    values = []
    for strike in handed:
        change = (strike.after - strike.before)[strike.plan.core_in_block]
        starts = [
            range(0, length - n + 1, max(n // 2, 1))
            for length, n in zip(change.shape, side, strict=True)
        ]
        means = [
            float(change[z : z + side[0], y : y + side[1], x : x + side[2]].mean())
            for z in starts[0]
            for y in starts[1]
            for x in starts[2]
        ]
        values.append(max(abs(mean) for mean in means))
    return {"median": median(values), "lowest": min(values), "highest": max(values)}
