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

from mitsgan.mark.find.noise import VOXELS, Cells, Mask, Noise, is_body, noise_classes
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.find.wear.worn import between, by_detail, worn_flat, worn_holes
from mitsgan.mark.median import median
from mitsgan.mark.sliding import SLAB, Slider, covered
from mitsgan.mark.windows import Window, window
from mitsgan.slabs import slab_by_slab

HOPELESS = 1.0
"""Unevenness of a scan of which nothing can be said: all of the mark, or none, anywhere."""

Sums = NDArray[np.float64]
"""One value per class."""


class Agreement(Protocol):
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
        worn: how far a codec or a filter wore the scan, 0 to 1.
    """

    products: Cells
    variances: Cells
    expected: Cells
    body: Mask
    dense: Mask
    dispersion: float
    survived_hu: float
    lost: Mask
    worn: float = 0.0

    @property
    def sums(self) -> tuple[Cells, Cells, Cells]:
        """Products, their variances, and what is expected of them."""
        return self.products, self.variances, self.expected


def slice_sums(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """One sum per slice; of rows first, which takes no copy in double precision."""
    return np.asarray(values.sum(2).sum(1, dtype=np.float64))


def slice_scores(
    products: Cells, squares: Cells, means: Cells, noise: Noise, settings: Detector
) -> NDArray[np.float64]:
    """A first z-score per slice, every block weighted by its own noise."""

    def score(start: int, stop: int) -> NDArray[np.float64]:
        part = slice(start, stop)
        weight = is_body(means[part], settings).astype(np.float32)
        weight /= noise.local[part]
        total = slice_sums(weight * products[part])
        weight *= weight
        weight *= squares[part]
        return np.asarray(total / np.sqrt(np.maximum(slice_sums(weight), 1e-12)))

    return np.concatenate(list(slab_by_slab(score, len(means), SLAB)))


def weigh(
    measured: Agreement, marked: Mask, spacing: tuple[float, float, float], settings: Detector
) -> Evidence:
    """Expected mark and best weights for every block.

    Args:
        measured: what was measured.
        marked: ``[z]``, slices that carry the mark: what is expected is learnt from them.
        spacing: of the voxels, mm ``[z, y, x]``.
        settings: of the detector.
    """
    body = is_body(measured.means, settings)
    noise = measured.noise
    kind = noise_classes(noise, measured.means, settings)
    learn = body & marked[:, None, None]
    mark = _survival(measured, kind, learn, settings)
    evidence = _weighted(measured, kind, body, mark, settings)
    cubes = _Cubes.of(evidence, learn, window(settings.judged_mm, spacing), settings)
    if not cubes.clear.size:
        return evidence
    lost, gone = cubes.lost(body)
    dispersion = cubes.dispersion()
    flat = worn_flat(noise.detail, evidence.products, evidence.expected, body, spacing, settings)
    worn = max(flat, worn_holes(*evidence.sums, marked, spacing, settings))
    least, most = settings.dispersion
    fresh = min(max(dispersion, least), most)
    tired = max(settings.unexplained * dispersion, settings.worn_dispersion)
    if np.count_nonzero(gone) > settings.worn_lost * np.count_nonzero(body):
        tired = HOPELESS
    if worn < 1:
        # What was repainted must not lower what is expected: learn again, without it.
        mark = _survival(measured, kind, learn & ~lost, settings)
    if worn > 0:
        kind = by_detail(noise.detail, kind, settings)
        parts = _survival(measured, kind, learn, settings, settings.detail_classes)
        whole = mark.repeat(settings.detail_classes)
        mark = np.asarray((1 - worn) * whole + worn * parts, np.float32)
    evidence = _weighted(measured, kind, body, mark, settings, evidence.sums)
    dispersion = (1 - worn) * fresh + worn * tired
    return replace(evidence, dispersion=dispersion, lost=gone, worn=worn)


@dataclass(frozen=True)
class _Cubes:
    """The sums of the cubes around all blocks.

    Attributes:
        around: ``[3, z, y, x]``, products, variances and what is expected.
        clear: ``[3, cubes]``, of those in which enough is expected.
        side: of a cube, in blocks.
        settings: of the detector.
    """

    around: NDArray[np.float32]
    clear: NDArray[np.float32]
    side: Window
    settings: Detector

    @classmethod
    def of(cls, evidence: Evidence, learn: Mask, side: Window, settings: Detector) -> _Cubes:
        around = np.empty((3, *learn.shape), np.float32)
        slider = Slider(np.float32)
        _, rows, columns = learn.shape
        least = np.float32(settings.clear_score**2)

        def add_up(start: int, stop: int) -> NDArray[np.float32]:
            """The sums of slices ``start:stop``; gives those of clear cubes."""
            here = around[:, start:stop]
            for values, out in zip(evidence.sums, here, strict=True):
                out[...] = slider.sums(values, side, start, stop)[:, :rows, :columns]
            clear = learn[start:stop] & (here[2] > least) & (here[1] > 0)
            return np.stack([out[clear] for out in here])

        clear = np.concatenate(list(slab_by_slab(add_up, len(learn), SLAB)), axis=1)
        return cls(around, clear, side, settings)

    @property
    def usual(self) -> float:
        """Share of what is expected that the middle cube has."""
        return median(self.clear[0] / self.clear[2])

    def lost(self, body: Mask) -> tuple[Mask, Mask]:
        """Centres of cubes that seem to have lost their mark; blocks of those that clearly have."""
        usual = np.float32(self.usual)
        lost, sure = np.empty_like(body), np.empty_like(body)

        def judge(start: int, stop: int) -> None:
            t, v, m = self.around[:, start:stop]
            short = np.multiply(m, usual)
            share = np.float32(self.settings.lost_share)
            lost[start:stop] = (m > 0) & (t < share * short)
            short -= t
            least = np.maximum(v, m)
            np.sqrt(least, out=least)
            least *= np.float32(self.settings.clear_score)
            sure[start:stop] = lost[start:stop] & (short > least)

        list(slab_by_slab(judge, len(body), SLAB))
        return lost, covered(sure, self.side) & body if sure.any() else sure

    def dispersion(self) -> float:
        """How much the mark's strength varies, as a share of what is expected.

        Robust, so that what was repainted does not pass for dispersion: half of the scan decides.
        """
        t, v, m = self.clear
        deviation = np.sqrt(v)
        off = (t - np.float32(self.usual) * m) / deviation
        spread = 1.4826 * median(np.abs(off))
        return float(max(spread**2 - 1, 0.0) ** 0.5 / median(m / deviation))


def _weighted(
    measured: Agreement,
    kind: NDArray[np.int16],
    body: Mask,
    mark: NDArray[np.float32],
    settings: Detector,
    out: tuple[Cells, Cells, Cells] | None = None,
) -> Evidence:
    """The sums, with what is expected by class.

    Args:
        measured: what was measured.
        kind: the class of each block.
        body: which blocks count.
        mark: what is left of it per class, see `_survival`.
        settings: of the detector.
        out: what to write the sums to; new arrays, unless given.
    """
    products, variances, means = np.empty((3, *body.shape), np.float32) if out is None else out
    noise = measured.noise.local

    def fill(start: int, stop: int) -> float:
        """The sums of slices ``start:stop``; gives the power that is left of the mark."""
        part = slice(start, stop)
        expected = mark.take(kind[part])
        expected *= measured.strengths[part]
        weight = expected / noise[part]
        weight *= body[part]
        np.multiply(weight, measured.products[part], out=products[part])
        np.multiply(weight, expected, out=means[part])
        means[part] *= np.float32(VOXELS)
        weight *= weight
        np.multiply(weight, measured.squares[part], out=variances[part])
        expected *= expected
        expected *= body[part]
        return float(slice_sums(expected).sum())

    power = sum(slab_by_slab(fill, len(body), SLAB))
    blocks = max(int(np.count_nonzero(body)), 1)
    return Evidence(
        products=products,
        variances=variances,
        expected=means,
        body=body,
        dense=body & (measured.means > settings.dense_hu),
        dispersion=settings.dispersion[1],
        survived_hu=(power / blocks) ** 0.5,
        lost=np.zeros_like(body),
    )


def _survival(
    measured: Agreement, kind: NDArray[np.int16], learn: Mask, settings: Detector, parts: int = 1
) -> NDArray[np.float32]:
    """What is left of the mark per class, in HU per HU of relative strength.

    Args:
        measured: what was measured.
        kind: the class of each block; ``parts`` to each class of tissue and noise.
        learn: from which blocks it is learnt.
        settings: of the detector.
        parts: of a class.
    """
    classes = settings.noise_classes * (len(settings.tissues_hu) + 1)
    count = classes * parts
    noise = measured.noise.local

    def sums(start: int, stop: int) -> Sums:
        """``[3, classes]``: products, power and variance, learnt from slices ``start:stop``."""
        part, where = slice(start, stop), learn[start:stop]
        chosen = kind[part][where].astype(np.intp)
        strengths = measured.strengths[part][where]
        weight = strengths / noise[part][where]
        values = (
            weight * measured.products[part][where],
            weight * strengths,
            np.square(weight) * measured.squares[part][where],
        )
        return np.stack([np.bincount(chosen, value, count) for value in values])

    total, power, variance = np.sum(list(slab_by_slab(sums, len(learn), SLAB)), axis=0)
    power *= VOXELS
    whole = [values.reshape(classes, parts).sum(1) for values in (total, power, variance)]
    seen = whole[0] > settings.class_score * np.sqrt(whole[2])
    usual = np.repeat(np.where(seen, whole[0] / np.maximum(whole[1], 1e-12), 0), parts)
    if parts > 1:
        usual = between(usual, total, power, variance, settings)
    return np.asarray(usual, np.float32)
