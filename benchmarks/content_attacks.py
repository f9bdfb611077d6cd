"""Attackers who leave the finest detail of a scan, and with it the mark, where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np
import torch
from numpy.typing import NDArray

from content_signs import Content, Side, cell_means
from mitsgan.attack.cube import overlap
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.resample import zoom
from mitsgan.evaluate.mark.manipulations import keep_residual
from mitsgan.evaluate.mark.strikes import Strike
from mitsgan.mark.windows import BLOCK
from mitsgan.networks import shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import AIR_HU, Scan

Array = NDArray[np.float32]

_ROUNDS = 8


@dataclass(frozen=True)
class Evasion:
    """What an attacker does to his strike before he hands it in.

    Attributes:
        sigma_mm: of the Gaussian that parts the content he changes from the detail he keeps;
            None keeps nothing.
        within: share of a step by which the mean of no cell moves; he knows how large cells and
            steps are, and where he does not know where they lie, he holds it wherever they may.
        aligned: he keeps every mean inside its step instead, taking cells and limits for those
            that everybody knows.
    """

    sigma_mm: float | None = None
    within: float | None = None
    aligned: bool = False

    def apply(self, one: Strike, marked: Scan, content: Content) -> Strike:
        """The strike as he hands it in.

        Args:
            one: what he wants to hand in.
            marked: the scan that he changes.
            content: the cells and steps that he thinks of.
        """
        if self.sigma_mm is None:
            return one
        after = keep_residual(one.before, one.after, self.sigma_mm / marked.spacing[1])
        if self.within is None and not self.aligned:
            return replace(one, after=after)
        return replace(one, after=one.before + self._held(one, after - one.before, marked, content))

    def _held(self, one: Strike, change: Array, marked: Scan, content: Content) -> Array:
        """The change with no more in the mean of any cell than he allows himself."""
        inside, part = overlap(one.plan.start, change.shape, marked.shape)
        cell = content.cell(marked.spacing)
        # Whole cells around the block, of the grid that starts in the corner.
        voxels = [BLOCK * side for side in cell]
        first = [s.start // n * n for s, n in zip(inside[1:], voxels, strict=True)]
        margin = [
            (s.start - start, (start - s.stop) % n)
            for s, start, n in zip(inside[1:], first, voxels, strict=True)
        ]
        grown = np.pad(change[part], [(0, 0), *margin])
        step = np.float32(content.step_hu)
        least, most = (np.float32(sign * (self.within or 0)) * step for sign in (-1, 1))
        shifts = [(0, 0)]
        if self.aligned:
            box = tuple(slice(a, a + n) for a, n in zip(first, grown.shape[1:], strict=True))
            hu = marked.hu(inside[0].start, inside[0].stop, (box[0], box[1]))
            over = [(0, n - m) for n, m in zip(grown.shape, hu.shape, strict=True)]
            before = _means(np.pad(np.maximum(hu, AIR_HU), over, mode="edge"), cell, (0, 0))
            floor = np.floor(before / step) * step - before
            least, most = np.minimum(floor + 1, 0), np.maximum(floor + step - 1, 0)
        elif content.secret:
            shifts = list(np.ndindex(*cell))
        for _ in range(_ROUNDS):
            for shift in shifts:
                moved = _means(grown, cell, shift)
                excess = np.repeat(
                    np.repeat(moved - np.clip(moved, least, most), voxels[0], 1), voxels[1], 2
                )
                y, x = (BLOCK * n for n in shift)
                grown -= excess[:, y : y + grown.shape[1], x : x + grown.shape[2]]
        held = np.zeros_like(change)
        rows, columns = (
            slice(low, n - high) for n, (low, high) in zip(grown.shape[1:], margin, strict=True)
        )
        held[part] = grown[:, rows, columns]
        return held


def _means(values: Array, cell: Side, shift: Side) -> Array:
    return np.stack([cell_means(hu, cell, shift) for hu in values])


def achieved(handed: Sequence[Strike], wanted: Sequence[Strike]) -> dict[str, object]:
    """How much of the tampering is left of what attackers hand in, in the middle 20 mm.

    Args:
        handed: as handed in.
        wanted: the same strikes as the attacker's model made them.
    """
    shares, sizes = [], []
    for one, full in zip(handed, wanted, strict=True):
        core = full.plan.core_in_block
        aim, got = ((s.after - s.before)[core].astype(np.float64) for s in (full, one))
        shares.append(float((aim * got).sum() / max(np.square(aim).sum(), 1e-9)))
        sizes.append(float(np.sqrt(np.mean(np.square(got)))))
    found: dict[str, object] = {"share_of_change": median(shares), "rms_hu": median(sizes)}
    if wanted[0].plan.action == "inject":
        found["called_nodule"] = _called([s.after for s in handed], wanted)
        found["called_nodule_before"] = _called([s.before for s in wanted], wanted)
    return found


def _called(blocks: Sequence[Array], strikes: Sequence[Strike]) -> float:
    """Share of positions at which the shipped classifier sees a nodule."""
    classifier = NoduleClassifier.load(shipped("classifier"))
    cubes = [block[s.plan.cube_in_block] for block, s in zip(blocks, strikes, strict=True)]
    stack = zoom(torch.from_numpy(np.stack(cubes)).float(), (SIDE, SIDE, SIDE))
    return fmean(float(p >= classifier.threshold) for p in classifier.probability(stack).tolist())
