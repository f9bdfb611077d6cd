"""One pass over a scan: per block, how well the residual agrees with the key's signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.detail import Box, clipped
from mitsgan.mark.find.expected import slice_scores
from mitsgan.mark.find.noise import Cells, Mask, Noise, is_body, residual_noise
from mitsgan.mark.find.reading import Agreement, Place, agreement, blend, crossings
from mitsgan.mark.find.residual import (
    Slice,
    Whitening,
    blocks_of_body,
    estimate_whitening,
    one_residual,
    residuals,
)
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.slices import Match, Turn, match_slices
from mitsgan.mark.pattern import Pattern, end_variant, slice_positions
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import (
    BODY_HU,
    Blocks,
    averaged,
    block_sums,
    grown,
    local_noise,
    measure_strength,
    padded_slice,
    pair_sums,
)
from mitsgan.mark.windows import BLOCK, UNIT
from mitsgan.scan.scan import Scan
from mitsgan.slabs import slab_by_slab

_SLAB = 16
"""Slices that are taken at a time."""

_MOSTLY_PADDING = 0.5
"""A block of which more is padding is taken to carry nothing: what is left of it lies on the edge
of the reconstruction, where neighbours predict nothing."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured:
    """Sums per slice and block of the box around the body.

    Attributes:
        version: of the pattern that was looked for.
        box: rows and columns looked at.
        positions: of the slices, 1/100 mm.
        products: residual times signs, of the position whose signs the slice carries.
        squares: residual squared.
        means: HU.
        strengths: amplitude that the mark was given, relative to its RMS over the body.
        noise: of the residual.
        scores: ``[z]``, of the slice's own signs.
        own: ``[z]``, whether those are the signs it carries.
        matches: what other slices carry, by their numbers, as far as it could be told.
    """

    version: int
    box: Box
    positions: tuple[int, ...]
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
    pattern: Pattern,
    settings: Detector,
    progress: Progress | None = None,
    whitening: Whitening | None = None,
) -> Measured:
    """Measure the mark of a series.

    Args:
        scan: under test.
        pattern: of the series.
        settings: of the detector.
        progress: called with slices done and slices in all.
        whitening: of the scan; estimated, unless given.

    Raises:
        IdentityError: positions that no scan has.
    """
    depth = scan.shape[0]
    positions = slice_positions(scan.geometry, range(depth))
    box = blocks_of_body(scan)
    whitening = whitening or estimate_whitening(scan, box)
    sums = _sums(scan, pattern, positions, box, whitening, settings, progress)
    noise = residual_noise(sums.squares, sums.means, scan.spacing, settings)
    scores = slice_scores(sums.read.own, sums.squares, sums.means, noise, settings)
    usual = float(np.quantile(scores, 0.9))
    own = scores > max(settings.mark_score, settings.usual_share * usual)
    filled = (sums.means > BODY_HU).sum((1, 2))
    doubtful = np.flatnonzero(~own & (filled > settings.least_body * np.median(filled)))
    matches = match_slices(
        {int(z): partial(weighted_residual, scan, int(z), whitening) for z in doubtful},
        positions,
        pattern,
        settings,
    )
    for z, match in matches.items():
        sums.read.put(z, _as_matched(scan, pattern, z, match, whitening, box, settings))
    _blend(sums, noise, own, settings)
    return Measured(
        version=pattern.version,
        box=box,
        positions=tuple(positions),
        products=sums.read.own,
        squares=sums.squares,
        means=sums.means,
        strengths=sums.strengths,
        noise=noise,
        scores=scores,
        own=own,
        matches=matches,
    )


@dataclass(frozen=True)
class _Sums:
    """As in `Measured`: one value per slice and block of the box."""

    read: Agreement
    squares: Cells
    means: Cells
    strengths: Cells


def _sums(
    scan: Scan,
    pattern: Pattern,
    positions: Sequence[int],
    box: Box,
    whitening: Whitening,
    settings: Detector,
    progress: Progress | None,
) -> _Sums:
    """The one pass over all voxels."""
    depth = scan.shape[0]
    shape = tuple(part.stop - part.start for part in box)
    size = depth, shape[0] // BLOCK, shape[1] // BLOCK
    corner = box[0].start // BLOCK, box[1].start // BLOCK
    read = Agreement.empty(size, pattern)
    squares, means, strengths = (np.empty(size, np.float32) for _ in range(3))
    strength = measure_strength(scan)
    found = enumerate(residuals(scan, whitening, box))
    slider = Slider(np.float32)

    def measure_slab(start: int, stop: int) -> int:
        for z, (residual, mean, noise) in islice(found, stop - start):
            means[z], strengths[z] = mean, noise
            place = Place(positions[z], end_variant(z, depth), corner)
            read.put(z, agreement(pattern, residual, mean, place, settings))
            squares[z] = pair_sums(np.square(residual, out=residual))
        strengths[start:stop] = strength.relative(strengths[start:stop], means[start:stop], slider)
        for z in range(start, stop):
            _leave_out_padding(strengths[z], scan, z, box)
        return stop

    for done in slab_by_slab(measure_slab, depth, _SLAB):
        if progress is not None:
            progress(done, depth)
    # The first and the last slice stand in for the neighbour they lack, against themselves.
    strengths[[0, -1]] *= np.float32(1 - whitening.z)
    return _Sums(read, squares, means, strengths)


def _as_matched(
    scan: Scan,
    pattern: Pattern,
    z: int,
    match: Match,
    whitening: Whitening,
    box: Box,
    settings: Detector,
) -> Agreement:
    """How well a slice agrees with the signs that it carries, turned as it is."""
    residual = one_residual(scan, z, whitening, match.turn)
    place = Place(match.position, match.variant)
    means = _turned_means(scan, z, match.turn)
    whole = agreement(pattern, residual, means, place, settings)

    def inside(blocks: NDArray[Any]) -> NDArray[Any]:
        back = blocks[:: match.turn[0], :: match.turn[1]]
        return back[tuple(slice(part.start // BLOCK, part.stop // BLOCK) for part in box)]

    beyond, nearness = whole.beyond, whole.nearness
    return Agreement(
        inside(whole.own),
        None if beyond is None else inside(beyond),
        None if nearness is None else inside(nearness),
    )


def _blend(sums: _Sums, noise: Noise, marked: Mask, settings: Detector) -> None:
    """Take the steps beyond near limits into account; products and strengths change in place."""
    weight = is_body(sums.means, settings) * sums.strengths / noise.local
    crossed = crossings(sums.read, weight, sums.strengths, marked, settings)

    def blend_slab(start: int, stop: int) -> None:
        left = blend(sums.read, crossed, start, stop)
        if left is not None:
            sums.strengths[start:stop] *= left

    list(slab_by_slab(blend_slab, len(marked), _SLAB))


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


def _turned_means(scan: Scan, z: int, turn: Turn) -> Blocks:
    """Means of the blocks of a slice that was turned, HU."""
    values, offset = clipped(scan, z, (slice(0, scan.shape[1]), slice(0, scan.shape[2])))
    turned = values[:: turn[0], :: turn[1]].astype(np.float32)
    means: Blocks = block_sums(grown(turned))
    means *= np.float32(1 / BLOCK**2)
    means += np.float32(offset)
    return means


def weighted_residual(
    scan: Scan, z: int, whitening: Whitening, turn: Turn = (1, 1)
) -> tuple[Slice, Blocks]:
    """The residual of the body in one slice, turned, over its local variance; its blocks' means."""
    residual = one_residual(scan, z, whitening, turn)
    hu = padded_slice(scan, z)
    noise = local_noise(hu)[None]
    (noise,) = averaged(noise, (3, 3), np.ones(noise.shape, np.bool_), Slider(np.float32))
    np.maximum(noise, 1, out=noise)
    weight = (block_sums(hu) > BODY_HU * BLOCK**2) / np.square(noise)
    weight = weight[:: turn[0], :: turn[1]].astype(np.float32)
    per_block = BLOCK // UNIT
    residual *= np.repeat(np.repeat(weight, per_block, 0), per_block, 1)
    return residual, _turned_means(scan, z, turn)
