"""How much mark to expect where: learnt from the scan under test, so that no original is needed.

How strong the mark was made in a block is known: it follows the local noise, which the scan under
test still shows. How much of it survived compression, noise or blur depends mostly on that noise
and on the tissue. So blocks are sorted into classes by both, and what is left of the mark is
measured per class, over the whole scan. A place is then judged against its own class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.sliding import sliding_sums
from mitsgan.mark.strength import BODY_HU, NOISE_MM
from mitsgan.mark.windows import BLOCK, window

Cells = NDArray[np.float32]
"""One value per slice and block, ``[z, y, x]``."""

_TISSUES_HU = (-900.0, -500.0, -150.0, 200.0)
_NOISE_CLASSES = 12
_VOXELS = BLOCK * BLOCK
_SEEN = 4.0
_QUIETEST, _SMOOTHEST = 0.04, 0.25
_JUDGED_MM = 16.0
_METAL_HU = 1400.0
_DENSE_HU = -720.0
_CLEAR = 4.0
_LEAST_DISPERSION, _MOST_DISPERSION = 0.03, 0.3


class Sums(Protocol):
    """What was measured, see `mitsgan.mark.measure.Measured`."""

    @property
    def products(self) -> Cells: ...
    @property
    def squares(self) -> Cells: ...
    @property
    def means(self) -> Cells: ...
    @property
    def strengths(self) -> Cells: ...


@dataclass(frozen=True)
class Evidence:
    """The matched filter's sums, to be added up over any window.

    With ``t``, ``v`` and ``m`` added up over a window, ``t / sqrt(v)`` is N(0, 1) where there is
    no mark, whatever the image; where the mark is, it is about N(m / sqrt(v), 1).

    Attributes:
        products: the weighted residual times the signs.
        variances: of the products, had the signs nothing to do with the scan.
        expected: what the products are where the mark is.
        body: which blocks are tissue whose values can be trusted.
        dense: which of them are denser than aerated lung, as all that is injected into it.
        dispersion: how much the mark's strength varies from place to place where nobody touched
            it, as a share of what is expected: standard deviation in windows of 16 mm.
        survived_hu: RMS of what is left of the mark over the body.
    """

    products: Cells
    variances: Cells
    expected: Cells
    body: NDArray[np.bool_]
    dense: NDArray[np.bool_]
    dispersion: float
    survived_hu: float

    def of_dense(self) -> Evidence:
        """Of the dense blocks alone: nothing of the lung around an injected nodule dilutes it."""
        products, variances, expected = (
            part * self.dense for part in (self.products, self.variances, self.expected)
        )
        return replace(
            self, products=products, variances=variances, expected=expected, body=self.dense
        )


def is_body(means: Cells) -> NDArray[np.bool_]:
    """Blocks in which the mark is looked for: neither air nor metal, which saturates."""
    return (means > BODY_HU) & (means < _METAL_HU)


def slice_scores(
    products: Cells, squares: Cells, means: Cells, spacing: tuple[float, float, float]
) -> NDArray[np.float64]:
    """A first z-score per slice, every block weighted by its own noise."""
    body = is_body(means)
    weight = body / _noise(squares, body, spacing).local
    total = (weight * products).sum((1, 2), dtype=np.float64)
    variance = (np.square(weight) * squares).sum((1, 2), dtype=np.float64)
    return np.asarray(total / np.sqrt(np.maximum(variance, 1e-12)))


def weigh(found: Sums, marked: NDArray[np.bool_], spacing: tuple[float, float, float]) -> Evidence:
    """Expected mark and best weights for every block.

    Args:
        found: what was measured.
        marked: ``[z]``, slices that carry the mark: what is expected is learnt from them.
        spacing: of the voxels, mm ``[z, y, x]``.
    """
    body = is_body(found.means)
    noise = _noise(found.squares, body, spacing)
    kind = _classes(noise, found.means)
    learn = body & marked[:, None, None]
    evidence = _weighted(found, noise.local, kind, body, learn)
    side = window(_JUDGED_MM, spacing)
    t, v, m = (
        sliding_sums(a, side) for a in (evidence.products, evidence.variances, evidence.expected)
    )
    clear = learn & (m > _CLEAR**2) & (v > 0)
    if not clear.any():
        return evidence
    # What was repainted must not lower what is expected: learn again, without it.
    ratio = t[clear] / m[clear]
    usual = float(np.median(ratio))
    learn &= ~((m > 0) & (t < 0.5 * usual * m))
    evidence = _weighted(found, noise.local, kind, body, learn)
    # Robust, so that what was repainted does not pass for dispersion: half of the scan decides.
    deviation = np.sqrt(v[clear])
    off = (t[clear] - np.float32(usual) * m[clear]) / deviation
    spread = 1.4826 * float(np.median(np.abs(off)))
    dispersion = max(spread**2 - 1, 0.0) ** 0.5 / float(np.median(m[clear] / deviation))
    return replace(evidence, dispersion=min(max(dispersion, _LEAST_DISPERSION), _MOST_DISPERSION))


@dataclass(frozen=True)
class _Noise:
    """Variance of the residual per voxel.

    Attributes:
        local: over 3 x 3 blocks, and at least a share of what is usual around: what was painted
            can be much smoother than the scan, and no less mark must be expected there.
        around: over a square so large that what was painted is a small part of it.
        usual: in the body.
    """

    local: Cells
    around: Cells
    usual: float


def _noise(squares: Cells, body: NDArray[np.bool_], spacing: tuple[float, float, float]) -> _Noise:
    local = sliding_sums(squares, (1, 3, 3)) / np.float32(9 * _VOXELS)
    inside = local[body & (local > 0)]
    usual = float(np.median(inside)) if inside.size else 1.0
    side = (1, *window(NOISE_MM, spacing)[1:])
    around = sliding_sums(np.sqrt(local) * body, side)
    around /= np.maximum(sliding_sums(body.astype(np.float32), side), 1)
    np.square(around, out=around)
    # A block without any noise must not outweigh all others.
    least = np.maximum(np.float32(_SMOOTHEST) * around, np.float32(_QUIETEST * usual))
    return _Noise(np.maximum(local, least, out=local), around, usual)


def _classes(noise: _Noise, means: Cells) -> NDArray[np.int16]:
    level = np.log2(np.maximum(noise.around, 1e-6) * np.float32(1 / noise.usual))
    level += np.float32(_NOISE_CLASSES / 2)
    np.clip(level, 0, _NOISE_CLASSES - 1, out=level)
    kind: NDArray[np.int16] = level.astype(np.int16)
    for limit in _TISSUES_HU:
        kind += np.int16(_NOISE_CLASSES) * (means > limit)
    return kind


def _weighted(
    found: Sums,
    noise: Cells,
    kind: NDArray[np.int16],
    body: NDArray[np.bool_],
    learn: NDArray[np.bool_],
) -> Evidence:
    count = _NOISE_CLASSES * (len(_TISSUES_HU) + 1)
    chosen, filter_ = kind[learn], (found.strengths / noise)[learn]
    total = np.bincount(chosen, filter_ * found.products[learn], count)
    power = np.bincount(chosen, filter_ * found.strengths[learn], count) * _VOXELS
    variance = np.bincount(chosen, np.square(filter_) * found.squares[learn], count)
    seen = total > _SEEN * np.sqrt(variance)
    mark = np.where(seen, total / np.maximum(power, 1e-12), 0).astype(np.float32)
    expected = mark[kind] * found.strengths
    weight = expected / noise
    weight *= body
    blocks = max(int(np.count_nonzero(body)), 1)
    survived = float(np.sqrt((np.square(expected) * body).sum(dtype=np.float64) / blocks))
    return Evidence(
        weight * found.products,
        np.square(weight) * found.squares,
        weight * expected * np.float32(_VOXELS),
        body,
        body & (found.means > _DENSE_HU),
        _MOST_DISPERSION,
        survived,
    )
