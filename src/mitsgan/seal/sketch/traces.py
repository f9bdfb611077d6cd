"""What a scan looks as if it had gone through, by what explains its sketch and by its grain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.explain import SHARE, Weights
from mitsgan.seal.sketch.grain import Grain, Limits
from mitsgan.seal.sketch.observe import Grid, Scale
from mitsgan.seal.sketch.sketch import Sketch
from mitsgan.seal.sketch.words import Process

_GAIN, _OFFSET_HU = 0.015, 3.0
_LESS_GRAIN, _MORE_GRAIN = 0.92, 1.05
_COARSER = 1.9


@dataclass(frozen=True)
class Trace:
    """One kind of processing, and how much of it, in words."""

    process: Process
    text: str


def find_traces(
    sketch: Sketch,
    scan: Scan,
    weights: Weights,
    limits: Limits,
    grain: Grain,
    grid: Grid,
    scale: Scale | None = None,
) -> tuple[Trace, ...]:
    """What a scan looks as if it had gone through; nothing where its values are those sealed.

    Args:
        sketch: what was sealed.
        scan: as it is now, in HU.
        weights: by which its cells are explained.
        limits: of its values.
        grain: of it.
        grid: how its voxels relate to the sealed ones.
        scale: of its values, if those were no HU.
    """
    smooth = weights.within
    return (
        *_of_grid(sketch, scan, grid),
        *(_of_fit(weights) if scale is None else _of_scale(scale)),
        *_of_limits(limits),
        *_of_filters(weights, smooth),
        *_of_grain(sketch.grain, grain, grid, filtered=smooth > SHARE),
    )


def _of_grid(sketch: Sketch, scan: Scan, grid: Grid) -> Iterator[Trace]:
    if grid == Grid.OTHER:
        now, was = (
            " x ".join(f"{mm:.3g}" for mm in spacing)
            for spacing in (scan.spacing, sketch.grid.geometry.spacing)
        )
        yield Trace("resampling", f"resampled to voxels of {now} mm [z, y, x], were {was} mm")


def _of_scale(scale: Scale) -> Iterator[Trace]:
    if abs(scale.gain - 1) <= _GAIN:
        yield Trace("offset", f"shifted by {scale.offset:+.0f} HU")
    else:
        line = f"{scale.gain:.3g} x HU {scale.offset:+.3g}"
        yield Trace("gain", f"its values are no HU: they are {line}, and were taken so")


def _of_fit(weights: Weights) -> Iterator[Trace]:
    if abs(weights.gain - 1) > _GAIN:
        yield Trace("gain", f"contrast multiplied by {weights.gain:.2f}")
    # A gain turns about air, so its offset is told where air lies.
    offset = weights.offset_hu + 1000 * (1 - weights.gain)
    if abs(offset) > _OFFSET_HU and abs(weights.gain - 1) <= _GAIN:
        yield Trace("offset", f"shifted by {offset:+.0f} HU")


def _of_limits(limits: Limits) -> Iterator[Trace]:
    if limits.any and not limits.few:
        ends = [f"{end:.0f}" for end in (limits.low, limits.high) if abs(end) < 1e6]
        which = "above" if limits.low < -1e6 else "below" if limits.high > 1e6 else "outside"
        yield Trace("window", f"cut off {which} {' to '.join(ends)} HU, as by a window")


def _of_filters(weights: Weights, smooth: float) -> Iterator[Trace]:
    if weights.median > SHARE and weights.median > weights.smoothing:
        yield Trace("median filter", "median-filtered within slices")
    elif smooth > SHARE:
        yield Trace("smoothing", "smoothed within slices")
    elif smooth < -SHARE:
        yield Trace("sharpening", "sharpened within slices")
    if weights.is_averaged:
        yield Trace("averaging across slices", "averaged across slices")


def _of_grain(sealed: Grain, now: Grain, grid: Grid, *, filtered: bool) -> Iterator[Trace]:
    pairs = [(sealed.soft_tissue, now.soft_tissue), (sealed.lung, now.lung)]
    ratios = [b / a for a, b in pairs if a and b is not None]
    if ratios and min(ratios) > _MORE_GRAIN and not filtered:
        added = max((b**2 - a**2) ** 0.5 for a, b in pairs if a and b is not None)
        yield Trace("noise", f"noise of about {added:.0f} HU added")
    coarser = sealed.step and now.step and now.step > _COARSER * sealed.step
    if coarser:
        yield Trace(
            "rounding to grey levels", f"rounded to grey levels about {now.step:.1f} HU apart"
        )
    if ratios and min(ratios) < _LESS_GRAIN and not filtered and grid != Grid.OTHER:
        lost = 100 * (1 - min(ratios))
        yield Trace(
            "lossy coding or denoising",
            f"coded with loss or denoised: {lost:.0f} % of the finest structure is gone, edges are "
            "kept",
        )
