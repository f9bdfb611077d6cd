"""How much mark to expect where: learnt from the scan under test, so that no original is needed.

How strong the mark was made in a block is known: it follows the local noise, which the scan under
test still shows. How much of it survived compression, noise or blur depends mostly on that noise
and on the tissue. So blocks are sorted into classes by both, and what is left of the mark is
measured per class, over the whole scan. A place is then judged against its own class. Of a scan
that a codec or a filter wore down, the classes also know how much fine detail a block has left, and
more unevenness is taken to remain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.median import median
from mitsgan.mark.find.worn import DETAILS, between, by_detail, has_holes, is_flat_everywhere
from mitsgan.mark.sliding import SLAB, Slider, covered
from mitsgan.mark.strength import BODY_HU, NOISE_MM
from mitsgan.mark.windows import BLOCK, window
from mitsgan.slabs import in_slabs, per_thread

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
_LEAST_DISPERSION, _MOST_DISPERSION, _HOPELESS = 0.03, 0.1, 1.0

_UNEXPLAINED, _LEAST_WORN = 0.4, 0.1
"""Share of the dispersion of a worn scan that classes of detail are taken not to explain, and how
much dispersion is taken to be left at least."""

_MOST_LOST = 0.2
"""Share of the body of a worn scan that may have lost most of the mark: beyond, nothing is told."""


class Sums(Protocol):
    """What was measured, see `mitsgan.mark.find.measure.Measured`."""

    @property
    def products(self) -> Cells: ...
    @property
    def squares(self) -> Cells: ...
    @property
    def means(self) -> Cells: ...
    @property
    def strengths(self) -> Cells: ...
    @property
    def noise(self) -> Noise: ...


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
            it, as a share of what is expected: standard deviation in windows of 16 mm; 1 where
            nothing can be said of any place.
        survived_hu: RMS of what is left of the mark over the body.
        lost: blocks of windows of 16 mm that have clearly lost most of it.
    """

    products: Cells
    variances: Cells
    expected: Cells
    body: NDArray[np.bool_]
    dense: NDArray[np.bool_]
    dispersion: float
    survived_hu: float
    lost: NDArray[np.bool_]


def is_body(means: Cells) -> NDArray[np.bool_]:
    """Blocks in which the mark is looked for: neither air nor metal, which saturates."""
    return (means > BODY_HU) & (means < _METAL_HU)


def slice_sums(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """One sum per slice; of rows first, which takes no copy in double precision."""
    return np.asarray(values.sum(2).sum(1, dtype=np.float64))


def slice_scores(
    products: Cells, squares: Cells, means: Cells, noise: Noise
) -> NDArray[np.float64]:
    """A first z-score per slice, every block weighted by its own noise."""

    def slab(start: int, stop: int) -> NDArray[np.float64]:
        part = slice(start, stop)
        weight = is_body(means[part]).astype(np.float32)
        weight /= noise.local[part]
        total = slice_sums(weight * products[part])
        weight *= weight
        weight *= squares[part]
        return np.asarray(total / np.sqrt(np.maximum(slice_sums(weight), 1e-12)))

    return np.concatenate(list(in_slabs(slab, len(means), SLAB)))


def weigh(found: Sums, marked: NDArray[np.bool_], spacing: tuple[float, float, float]) -> Evidence:
    """Expected mark and best weights for every block.

    Args:
        found: what was measured.
        marked: ``[z]``, slices that carry the mark: what is expected is learnt from them.
        spacing: of the voxels, mm ``[z, y, x]``.
    """
    body = is_body(found.means)
    noise = found.noise
    kind = _classes(noise, found.means)
    learn = body & marked[:, None, None]
    evidence = _weighted(found, noise.local, kind, body, learn)
    side = window(_JUDGED_MM, spacing)
    parts = (evidence.products, evidence.variances, evidence.expected)
    around = np.empty((3, *body.shape), np.float32)
    own = per_thread(lambda: Slider(np.float32))

    def add_up(start: int, stop: int) -> NDArray[np.float32]:
        """The sums of slices ``start:stop``; gives those of clear windows, ``[3, windows]``."""
        here = around[:, start:stop]
        for values, out in zip(parts, here, strict=True):
            out[...] = own().sums(values, side, start, stop)[:, : body.shape[1], : body.shape[2]]
        clear = learn[start:stop] & (here[2] > np.float32(_CLEAR**2)) & (here[1] > 0)
        return np.stack([out[clear] for out in here])

    t_clear, v_clear, m_clear = np.concatenate(list(in_slabs(add_up, len(body), SLAB)), axis=1)
    if not t_clear.size:
        return evidence
    # What was repainted must not lower what is expected: learn again, without it.
    usual = median(t_clear / m_clear)
    lost, sure = np.empty_like(body), np.empty_like(body)

    def judge(start: int, stop: int) -> None:
        t, v, m = around[:, start:stop]
        short = np.multiply(m, np.float32(usual))
        lost[start:stop] = (m > 0) & (t < np.float32(0.5) * short)
        short -= t
        least = np.maximum(v, m)
        np.sqrt(least, out=least)
        least *= np.float32(_CLEAR)
        sure[start:stop] = lost[start:stop] & (short > least)

    list(in_slabs(judge, len(body), SLAB))
    gone = covered(sure, side) & body if sure.any() else sure
    # Robust, so that what was repainted does not pass for dispersion: half of the scan decides.
    deviation = np.sqrt(v_clear)
    off = (t_clear - np.float32(usual) * m_clear) / deviation
    spread = 1.4826 * median(np.abs(off))
    dispersion = max(spread**2 - 1, 0.0) ** 0.5 / median(m_clear / deviation)
    flat = is_flat_everywhere(noise.detail, parts[0], parts[2], body, spacing)
    if flat or has_holes(*parts, marked, spacing):
        kind = by_detail(noise.detail, kind)
        evidence = _weighted(found, noise.local, kind, body, learn, DETAILS, parts)
        dispersion = max(_UNEXPLAINED * dispersion, _LEAST_WORN)
        if np.count_nonzero(gone) > _MOST_LOST * np.count_nonzero(body):
            dispersion = _HOPELESS
    else:
        evidence = _weighted(found, noise.local, kind, body, learn & ~lost, 1, parts)
        dispersion = min(max(dispersion, _LEAST_DISPERSION), _MOST_DISPERSION)
    return replace(evidence, dispersion=dispersion, lost=gone)


@dataclass(frozen=True)
class Noise:
    """Variance of the residual per voxel.

    Attributes:
        local: over 3 x 3 blocks, and at least a share of what is usual around: what was painted
            can be much smoother than the scan, and no less mark must be expected there.
        around: over a square so large that what was painted is a small part of it.
        detail: over 3 x 3 blocks, as a share of that around.
        usual: in the body.
    """

    local: Cells
    around: Cells
    detail: Cells
    usual: float


def residual_noise(squares: Cells, means: Cells, spacing: tuple[float, float, float]) -> Noise:
    """The noise of what was measured, see `Sums`."""
    body = is_body(means)
    local, around, detail = (np.empty_like(squares) for _ in range(3))
    rows, columns = squares.shape[1:]
    side = (1, *window(NOISE_MM, spacing)[1:])
    own = per_thread(lambda: Slider(np.float32))

    def slab(start: int, stop: int) -> Cells:
        def sums(values: Cells) -> Cells:
            return np.asarray(own().sums(values, side, 0, len(values))[:, :rows, :columns])

        part = own().sums(squares, (1, 3, 3), start, stop)[:, :rows, :columns]
        part = np.divide(part, np.float32(9 * _VOXELS), out=local[start:stop])
        inside = body[start:stop].astype(np.float32)
        count = np.maximum(sums(inside), 1)
        inside *= np.sqrt(part)
        np.divide(sums(inside), count, out=count)
        np.square(count, out=around[start:stop])
        return np.asarray(part[body[start:stop] & (part > 0)])

    inside = np.concatenate(list(in_slabs(slab, len(body), SLAB)))
    usual = median(inside) if inside.size else 1.0

    def floor(start: int, stop: int) -> None:
        least = np.maximum(around[start:stop], np.float32(1e-6))
        np.divide(local[start:stop], least, out=detail[start:stop])
        # A block without any noise must not outweigh all others.
        least = np.multiply(around[start:stop], np.float32(_SMOOTHEST))
        np.maximum(least, np.float32(_QUIETEST * usual), out=least)
        np.maximum(local[start:stop], least, out=local[start:stop])

    list(in_slabs(floor, len(body), SLAB))
    return Noise(local, around, detail, usual)


def _classes(noise: Noise, means: Cells) -> NDArray[np.int16]:
    kind = np.empty(means.shape, np.int16)

    def slab(start: int, stop: int) -> None:
        level = np.maximum(noise.around[start:stop], np.float32(1e-6))
        level *= np.float32(1 / noise.usual)
        np.log2(level, out=level)
        level += np.float32(_NOISE_CLASSES / 2)
        np.clip(level, 0, _NOISE_CLASSES - 1, out=level)
        part = kind[start:stop]
        part[...] = level
        for limit in _TISSUES_HU:
            part += np.int16(_NOISE_CLASSES) * (means[start:stop] > limit)

    list(in_slabs(slab, len(kind), SLAB))
    return kind


def _weighted(
    found: Sums,
    noise: Cells,
    kind: NDArray[np.int16],
    body: NDArray[np.bool_],
    learn: NDArray[np.bool_],
    parts: int = 1,
    out: tuple[Cells, Cells, Cells] | None = None,
) -> Evidence:
    """The sums, with what is expected learnt per class, or per part of a class.

    They are written to ``out``, where that is given.
    """
    classes = _NOISE_CLASSES * (len(_TISSUES_HU) + 1)
    count = classes * parts

    def sums(start: int, stop: int) -> NDArray[np.float64]:
        """Per class, what is learnt from slices ``start:stop``: products, power and variance."""
        part, where = slice(start, stop), learn[start:stop]
        chosen = kind[part][where].astype(np.intp)
        strengths = found.strengths[part][where]
        filter_ = strengths / noise[part][where]
        values = (filter_ * found.products[part][where], filter_ * strengths,
                  np.square(filter_) * found.squares[part][where])  # fmt: skip
        return np.stack([np.bincount(chosen, value, count) for value in values])

    total, power, variance = np.sum(list(in_slabs(sums, len(body), SLAB)), axis=0)
    power *= _VOXELS
    whole = [values.reshape(classes, parts).sum(1) for values in (total, power, variance)]
    seen = whole[0] > _SEEN * np.sqrt(whole[2])
    usual = np.repeat(np.where(seen, whole[0] / np.maximum(whole[1], 1e-12), 0), parts)
    mark = (usual if parts == 1 else between(usual, total, power, variance)).astype(np.float32)
    products, variances, means = np.empty((3, *body.shape), np.float32) if out is None else out

    def fill(start: int, stop: int) -> float:
        """What the sums of slices ``start:stop`` say; gives the power that is left of the mark."""
        part = slice(start, stop)
        expected = mark.take(kind[part])
        expected *= found.strengths[part]
        weight = expected / noise[part]
        weight *= body[part]
        np.multiply(weight, found.products[part], out=products[part])
        np.multiply(weight, expected, out=means[part])
        means[part] *= np.float32(_VOXELS)
        weight *= weight
        np.multiply(weight, found.squares[part], out=variances[part])
        expected *= expected
        expected *= body[part]
        return float(slice_sums(expected).sum())

    left = sum(in_slabs(fill, len(body), SLAB))
    blocks = max(int(np.count_nonzero(body)), 1)
    return Evidence(
        products,
        variances,
        means,
        body,
        body & (found.means > _DENSE_HU),
        _MOST_DISPERSION,
        (left / blocks) ** 0.5,
        np.zeros_like(body),
    )
