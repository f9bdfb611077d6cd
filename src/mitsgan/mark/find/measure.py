"""One pass over a scan: per block, how well the residual agrees with the key's signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detail import Box, Detail
from mitsgan.mark.find.expected import slice_scores
from mitsgan.mark.find.noise import Cells, Noise, residual_noise
from mitsgan.mark.find.residual import (
    Slice,
    Whitening,
    blocks_of_body,
    estimate_whitening,
    one_residual,
    residuals,
)
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.slices import Match, match_slices
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

_SLAB = 16
"""Slices that a thread takes at a time; of their neighbours, two are filtered twice."""

_MOSTLY_PADDING = 0.5
"""A block of which more is padding is taken to carry nothing: what is left of it lies on the edge
of the reconstruction, where neighbours predict nothing."""

Progress = Callable[[int, int], None]

SliceSigns = Callable[[int], NDArray[np.float32]]
"""The signs of a slice's units, by its number."""


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
        matches: what other slices carry, by their numbers, as far as it could be told.
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
    settings: Detector,
    progress: Progress | None = None,
    *,
    signs: SliceSigns | None = None,
) -> Measured:
    """Measure the mark of a series.

    Args:
        scan: under test.
        series: the key of the series, from `mitsgan.mark.pattern.series_key`.
        positions: of the slices, 1/100 mm.
        settings: of the detector.
        progress: called with slices done and slices in all.
        signs: what `slice_factors` gives, but of another pattern, by the number of a slice; slices
            that were moved are still looked for by the signs of the series.
    """
    depth, rows, columns = scan.shape
    carried = _Series(series, (rows, columns))
    own_signs = signs or (lambda z: carried.factors(positions[z], end_variant(z, depth)))
    box = blocks_of_body(scan)
    whitening = estimate_whitening(scan, box)
    sums = _sums(scan, box, whitening, own_signs, progress)
    noise = residual_noise(sums.squares, sums.means, scan.spacing, settings)
    scores = slice_scores(sums.products, sums.squares, sums.means, noise, settings)
    usual = float(np.quantile(scores, 0.9))
    own = scores > max(settings.mark_score, settings.usual_share * usual)
    filled = (sums.means > BODY_HU).sum((1, 2))
    doubtful = np.flatnonzero(~own & (filled > settings.least_body * np.median(filled)))
    matches = match_slices(
        {int(z): partial(_turned, scan, int(z), whitening) for z in doubtful},
        positions,
        carried.signs,
        settings,
    )
    for z, match in matches.items():
        sums.products[z] = _products_as_matched(scan, z, match, whitening, carried)[
            tuple(slice(part.start // BLOCK, part.stop // BLOCK) for part in box)
        ]
    return Measured(
        box=box,
        products=sums.products,
        squares=sums.squares,
        means=sums.means,
        strengths=sums.strengths,
        noise=noise,
        scores=scores,
        own=own,
        matches=matches,
    )


@dataclass(frozen=True)
class _Series:
    """The signs of a series whose slices have this many rows and columns."""

    key: bytes
    shape: tuple[int, int]

    def signs(self, position: int, variant: int) -> NDArray[np.int8]:
        return slice_signs(self.key, position, self.shape, variant)

    def factors(self, position: int, variant: int) -> NDArray[np.float32]:
        return slice_factors(self.key, position, self.shape, variant)


@dataclass(frozen=True)
class _Sums:
    """As in `Measured`: one value per slice and block of the box."""

    products: Cells
    squares: Cells
    means: Cells
    strengths: Cells


def _sums(
    scan: Scan, box: Box, whitening: Whitening, signs: SliceSigns, progress: Progress | None
) -> _Sums:
    """The one pass over all voxels."""
    depth = scan.shape[0]
    shape = tuple(part.stop - part.start for part in box)
    units = tuple(slice(part.start // UNIT, part.stop // UNIT) for part in box)
    products, squares, means, strengths = (
        np.empty((depth, *(n // BLOCK for n in shape)), np.float32) for _ in range(4)
    )
    strength = measure_strength(scan)
    tools = per_thread(lambda: (Detail(shape), Slider(np.float32)))

    def measure_slab(start: int, stop: int) -> int:
        detail, slider = tools()
        signed = np.empty(tuple(n // UNIT for n in shape), np.float32)
        slab = residuals(scan, whitening, box, start, stop, detail)
        for z, (residual, mean, noise) in enumerate(slab, start):
            means[z], strengths[z] = mean, noise
            np.multiply(_whole(signs(z))[units], residual, out=signed)
            products[z] = pair_sums(signed)
            squares[z] = pair_sums(np.square(residual, out=residual))
        strengths[start:stop] = strength.relative(strengths[start:stop], means[start:stop], slider)
        for z in range(start, stop):
            _leave_out_padding(strengths[z], scan, z, box)
        return stop

    for done in in_slabs(measure_slab, depth, _SLAB):
        if progress is not None:
            progress(done, depth)
    # The first and the last slice stand in for the neighbour they lack, against themselves.
    strengths[[0, -1]] *= np.float32(1 - whitening.z)
    return _Sums(products, squares, means, strengths)


def _products_as_matched(
    scan: Scan, z: int, match: Match, whitening: Whitening, series: _Series
) -> Slice:
    """The products of a slice with the signs that it carries, turned as it is."""
    carried = series.factors(match.position, match.variant)
    residual = one_residual(scan, z, whitening, match.turn)
    return pair_sums(_whole(carried) * residual)[:: match.turn[0], :: match.turn[1]]


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
    share = block_sums(padding.view(np.uint8)) * np.float32(1 / BLOCK**2)
    strengths *= np.where(share > _MOSTLY_PADDING, np.float32(0), 1 - share)


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
