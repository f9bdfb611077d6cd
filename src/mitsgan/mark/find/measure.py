"""One pass over a scan: per block, how well the residual agrees with the key's signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detail import Box, Detail
from mitsgan.mark.find.expected import Cells, Noise, residual_noise, slice_scores
from mitsgan.mark.find.residual import (
    Slice,
    Whitening,
    blocks_of_body,
    estimate_whitening,
    one_residual,
    residuals,
)
from mitsgan.mark.find.slices import FOUND, Match, match_slices
from mitsgan.mark.pattern import UNIT, end_variant, slice_factors, slice_signs
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import (
    BODY_HU,
    averaged,
    block_sums,
    local_noise,
    measure_strength,
    padded_slice,
    pair_sums,
)
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import Scan
from mitsgan.slabs import in_slabs, per_thread

_EXPECTED = 0.2
"""A slice with less of the usual score is looked at again."""

_MOSTLY = 0.5
"""A block that is more padding than this is taken to carry nothing."""

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
        noise: of the residual.
        scores: ``[z]``, of the slice's own signs.
        own: ``[z]``, whether those are the signs it carries.
        matches: what the other slices carry, where that was found.
    """

    box: Box
    products: Cells
    squares: Cells
    means: Cells
    strengths: Cells
    noise: Noise
    scores: NDArray[np.float64]
    own: NDArray[np.bool_]
    matches: dict[int, Match]


def measure(
    scan: Scan,
    series: bytes,
    positions: Sequence[int],
    progress: Progress | None = None,
    *,
    signs: Callable[[int], NDArray[np.float32]] | None = None,
) -> Measured:
    """Measure the mark of a series.

    Args:
        scan: under test.
        series: the key of the series, from `mitsgan.mark.pattern.series_key`.
        positions: of the slices, 1/100 mm.
        progress: called with slices done and slices in all.
        signs: what `slice_factors` gives, but of another pattern, by the number of a slice; slices
            that were moved are still looked for by the signs of the series.
    """
    depth, rows, columns = scan.shape
    box = blocks_of_body(scan)
    units = tuple(slice(part.start // UNIT, part.stop // UNIT) for part in box)
    whitening = estimate_whitening(scan, box)
    side = tuple((part.stop - part.start) // BLOCK for part in box)
    products = np.empty((depth, *side), np.float32)
    squares, means, strengths = (np.empty_like(products) for _ in range(3))
    strength = measure_strength(scan)
    own_signs = signs or (
        lambda z: slice_factors(series, positions[z], (rows, columns), end_variant(z, depth))
    )

    shape = tuple(part.stop - part.start for part in box)
    tools = per_thread(lambda: (Detail(shape), Slider(np.float32)))

    def slab(start: int, stop: int) -> int:
        detail, slider = tools()
        part = residuals(scan, whitening, box, start, stop, detail)
        signed = np.empty(tuple(n // UNIT for n in shape), np.float32)
        for z, (residual, mean, noise) in enumerate(part, start):
            means[z], strengths[z] = mean, noise
            np.multiply(_whole(own_signs(z))[units], residual, out=signed)
            products[z] = pair_sums(signed)
            squares[z] = pair_sums(np.square(residual, out=residual))
        strengths[start:stop] = strength.relative(strengths[start:stop], means[start:stop], slider)
        for z in range(start, stop):
            _leave_out_padding(strengths[z], scan, z, box)
        return stop

    for done in in_slabs(slab, depth, _SLAB):
        if progress is not None:
            progress(done, depth)
    # The first and the last slice stand in for the neighbour they lack, against themselves.
    strengths[[0, -1]] *= np.float32(1 - whitening.z)
    noise = residual_noise(squares, means, scan.spacing)
    scores = slice_scores(products, squares, means, noise)
    usual = float(np.quantile(scores, 0.9))
    own = scores > max(FOUND, _EXPECTED * usual)
    held = (means > BODY_HU).sum((1, 2))
    doubtful = np.flatnonzero(~own & (held > 0.1 * np.median(held)))
    matches = match_slices(
        {int(z): partial(_turned, scan, int(z), whitening) for z in doubtful},
        positions,
        lambda position, variant: slice_signs(series, position, (rows, columns), variant),
    )
    for z, match in matches.items():
        carried = slice_factors(series, match.position, (rows, columns), match.variant)
        residual = one_residual(scan, z, whitening, match.turn)
        turned = pair_sums(_whole(carried) * residual)[:: match.turn[0], :: match.turn[1]]
        products[z] = turned[tuple(slice(part.start // BLOCK, part.stop // BLOCK) for part in box)]
    return Measured(box, products, squares, means, strengths, noise, scores, own, matches)


def _whole(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grown to whole blocks; what is added lies beyond the scan."""
    over = tuple((0, -n % (BLOCK // UNIT)) for n in units.shape)
    return np.pad(units, over) if any(after for _, after in over) else units


def _leave_out_padding(strengths: Slice, scan: Scan, z: int, box: Box) -> None:
    """Where a block holds padding, or reaches beyond the slice, less of the mark is in it."""
    padding = scan.is_padding(z, z + 1, box)[0]
    over = tuple((0, -n % BLOCK) for n in padding.shape)
    beyond = any(after for _, after in over)
    if not beyond and not padding.any():
        return
    if beyond:
        padding = np.pad(padding, over, constant_values=True)
    held = block_sums(padding.view(np.uint8)) * np.float32(1 / BLOCK**2)
    strengths *= np.where(held > _MOSTLY, np.float32(0), 1 - held)


def _turned(scan: Scan, z: int, whitening: Whitening, turn: tuple[int, int]) -> Slice:
    """The residual of the body in one slice, turned, over its local variance."""
    residual = one_residual(scan, z, whitening, turn)
    hu = padded_slice(scan, z)
    noise = local_noise(hu)[None]
    (noise,) = averaged(noise, (3, 3), np.ones(noise.shape, np.bool_), Slider(np.float32))
    np.maximum(noise, 1, out=noise)
    weight = (block_sums(hu) > BODY_HU * BLOCK**2) / np.square(noise)
    weight = weight[:: turn[0], :: turn[1]].astype(np.float32)
    per_block = BLOCK // UNIT
    return np.asarray(residual * np.repeat(np.repeat(weight, per_block, 0), per_block, 1))
