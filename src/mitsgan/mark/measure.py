"""One pass over a scan: per block, how well the residual agrees with the key's signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.expected import AIR_HU, Cells, slice_scores
from mitsgan.mark.pattern import end_variant, slice_factors, slice_signs
from mitsgan.mark.residual import (
    Box,
    Whitening,
    body_box,
    estimate_whitening,
    one_residual,
    residuals,
)
from mitsgan.mark.slabs import in_slabs
from mitsgan.mark.slices import FOUND, Match, match_slices
from mitsgan.mark.strength import (
    BLOCK,
    block_sums,
    local_noise,
    measure_strength,
    padded_slice,
    spread,
)
from mitsgan.scan.scan import Scan

_EXPECTED = 0.2
"""A slice with less of the usual score is looked at again."""

_SLAB = 16
"""Slices that a thread takes at a time; of their neighbours, two are filtered twice."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured:
    """Sums per slice and block of the box around the body.

    Attributes:
        box: rows and columns looked at.
        products: residual times signs, of the position whose signs the slice carries.
        squares: residual squared.
        means: HU.
        strengths: amplitude that the mark was given, relative to its RMS over the body.
        scores: ``[z]``, of the slice's own signs.
        own: ``[z]``, whether those are the signs it carries.
        matches: what the other slices carry, where that was found.
    """

    box: Box
    products: Cells
    squares: Cells
    means: Cells
    strengths: Cells
    scores: NDArray[np.float64]
    own: NDArray[np.bool_]
    matches: dict[int, Match]


def measure(
    scan: Scan, series: bytes, positions: Sequence[int], progress: Progress | None = None
) -> Measured:
    """Measure the mark of a series.

    Args:
        scan: under test.
        series: the key of the series, from `mitsgan.mark.pattern.series_key`.
        positions: of the slices, 1/100 mm.
        progress: called with slices done and slices in all.
    """
    depth, rows, columns = scan.shape
    over = ((0, -rows % BLOCK), (0, -columns % BLOCK))
    whole = any(after for _, after in over)
    box = body_box(scan)
    whitening = estimate_whitening(scan, box)
    side = tuple((part.stop - part.start) // BLOCK for part in box)
    products = np.empty((depth, *side), np.float32)
    squares, means, strengths = (np.empty_like(products) for _ in range(3))
    strength = measure_strength(scan)

    def slab(start: int, stop: int) -> int:
        part = residuals(scan, whitening, box, start, stop)
        for z, (residual, mean, noise) in enumerate(part, start):
            means[z], strengths[z] = mean, strength.relative(noise)
            factors = slice_factors(series, positions[z], (rows, columns), end_variant(z, depth))
            factors = (np.pad(factors, over) if whole else factors)[box]
            factors *= residual
            products[z] = block_sums(factors)
            squares[z] = block_sums(np.square(residual, out=residual))
        return stop

    for done in in_slabs(slab, depth, _SLAB):
        if progress is not None:
            progress(done, depth)
    scores = slice_scores(products, squares, means)
    usual = float(np.quantile(scores, 0.9))
    own = scores > max(FOUND, _EXPECTED * usual)
    held = (means > AIR_HU).sum((1, 2))
    doubtful = np.flatnonzero(~own & (held > 0.1 * np.median(held)))
    everywhere = (slice(0, rows + over[0][1]), slice(0, columns + over[1][1]))
    matches = match_slices(
        {int(z): _weighted(scan, int(z), whitening, everywhere)[:rows, :columns] for z in doubtful},
        positions,
        lambda position, variant: slice_signs(series, position, (rows, columns), variant),
    )
    for z, match in matches.items():
        carried = match.undo(slice_signs(series, match.position, (rows, columns), match.variant))
        residual = one_residual(scan, z, whitening, box)
        residual *= (np.pad(carried, over) if whole else carried)[box]
        products[z] = block_sums(residual)
    return Measured(box, products, squares, means, strengths, scores, own, matches)


def _weighted(scan: Scan, z: int, whitening: Whitening, box: Box) -> NDArray[np.float32]:
    """The residual of the body in one slice, over its local variance."""
    residual = one_residual(scan, z, whitening, box)
    hu = padded_slice(scan, z)[box]
    shape = (hu.shape[0], hu.shape[1])
    noise = np.maximum(local_noise(hu), 1)
    weight = (block_sums(hu) > AIR_HU * BLOCK**2) / np.square(noise)
    return residual * spread(weight.astype(np.float32), shape)
