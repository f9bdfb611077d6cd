"""The figures of a gallery: what a scan and tampering look like, and heat maps of what differs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mitsgan.evaluate.report.formatting import colour_bar
from mitsgan.evaluate.report.pictures.burn_in import burn_in, frame, gray
from mitsgan.evaluate.report.pictures.comparison import LUNG_WINDOW, ZOOM_MM, Pixels, Planes
from mitsgan.evaluate.report.pictures.gallery import Gallery

HEAT = "inferno"
"""The colours of an absolute difference, black where there is none."""

DOING = {"inject": "Injecting", "remove": "Removing"}

_INTO = {"inject": "into", "remove": "from"}
_HALVES = ("untouched", "tampered")
_LIMITS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_SHARE = 99.5
"""Percentile of the differences around the attack that a colour scale holds."""


def figures(gallery: Gallery) -> str:
    """Both figures of one attack: pictures, and heat maps on a common scale."""
    place = gallery.place
    z, y, x = place.position
    plane = torch.from_numpy(gallery.plane.astype(np.float32))
    planes = Planes(place.spacing, (0, y, x), plane[0, 0][None])
    told = [f"core RMSE {d:.0f} HU" if i else "" for i, d in enumerate(place.disruption_hu)]
    world = ", ".join(f"{v:.0f}" for v in place.world)
    where = f" {_INTO[place.action]} {place.scan}" if place.scan else ""
    heading = (
        f"<h3>{DOING[place.action]} a nodule{escape(where)}</h3>\n<p>By {escape(place.attacker)} "
        f"at {world} mm (LPS), voxel {z}, {y}, {x} [z, y, x]; one position, n = 1. It is an "
        "example; the tables hold the measurement.</p>\n"
    )
    return heading + _scans(gallery, plane, planes, told) + _heat(gallery, plane, planes)


def _scans(gallery: Gallery, plane: Tensor, planes: Planes, told: Sequence[str]) -> str:
    low, high = LUNG_WINDOW

    def draw(held: Tensor) -> Pixels:
        return gray(_array(held), low, high)

    names = gallery.place.names
    rows = []
    for half, what in enumerate(_HALVES):
        held = plane[half]
        rows.append(_row(f"{what}, axial slice", held, names, planes, draw, half, whole=True))
        rows.append(
            _row(f"{what}, zoom", held, names, planes, draw, half, told=told if half else ())
        )
    return _figure(
        names,
        rows,
        colour_bar("CT, lung window", low, high, "#000, #fff"),
        f"The frame in a slice is what the zoom below it shows, {ZOOM_MM:.0f} mm wide; the "
        "attacker repaints the middle 32 mm. Core RMSE is that to the tampered original, in the "
        "repainted 20 mm. Pictures are interpolated (bicubic).",
    )


def _heat(gallery: Gallery, plane: Tensor, planes: Planes) -> str:
    """|protected - original|, and the same of what tampering made of them."""
    names = gallery.place.names[1:]
    if not names:
        return ""
    apart = (plane[:, 1:] - plane[:, :1]).abs()
    near = [planes.axial_zoom(one[None]).clamp_min(0) for half in apart for one in half]
    limit = _limit(float(np.percentile(torch.stack(near).numpy(), _SHARE)))

    def draw(held: Tensor) -> Pixels:
        return heat(_array(held), limit)

    rows = []
    for half, what in enumerate(_HALVES):
        held = apart[half]
        rows.append(_row(f"difference, {what}, slice", held, names, planes, draw, half, whole=True))
        rows.append(_row(f"difference, {what}, zoom", held, names, planes, draw, half))
    return _figure(
        names,
        rows,
        colour_bar(
            f"|difference|, {limit / 4:g} HU in the middle", 0, limit, ", ".join(heat_stops())
        ),
        "|protected - original| in HU, before tampering and after both were tampered with. "
        "Colours follow the square root, on one scale for all, which holds "
        f"{_SHARE:g} % of what the zooms show.",
    )


def _row(
    title: str,
    held: Tensor,
    names: Sequence[str],
    planes: Planes,
    draw: Callable[[Tensor], Pixels],
    simulated: int,
    *,
    whole: bool = False,
    told: Sequence[str] = (),
) -> str:
    """One row of pictures, a column per name."""
    cells = []
    for number, name in enumerate(names):
        one = held[number][None]
        pixels = draw(planes.axial_slice(one) if whole else planes.axial_zoom(one))
        if whole:
            pixels = frame(pixels, *planes.box)
        if simulated:
            pixels = burn_in(pixels)
        note = f"<span>{escape(told[number])}</span>" if told else ""
        cells.append(f"<div>{picture(pixels, f'{title}: {name}')}{note}</div>\n")
    return f'<p class="view">{escape(title.capitalize())}</p>\n{"".join(cells)}'


def _figure(names: Sequence[str], rows: Sequence[str], bars: str, caption: str) -> str:
    heads = "".join(f'<div class="head">{escape(name)}</div>' for name in names)
    return (
        '<figure>\n<div class="wide" tabindex="0" role="region" aria-label="pictures">\n'
        f'<div class="grid" style="--columns:{len(names)}">\n<p class="view"></p>{heads}\n'
        f'{"".join(rows)}</div>\n</div>\n<div class="scales">{bars}</div>\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
    )


def picture(pixels: Pixels, alt: str) -> str:
    """An image that is part of the page; lossless WebP, half the size of PNG."""
    held = BytesIO()
    Image.fromarray(pixels).save(held, format="WEBP", lossless=True, quality=60, method=3)
    height, width = pixels.shape[:2]
    data = b64encode(held.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/webp;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(alt)}">'
    )


def heat(hu: NDArray[np.float32], limit: float) -> Pixels:
    """Absolute differences ``[y, x]`` in HU to ``[y, x, 3]``, by the root of their share.

    A small budget and an unbounded protector are then both to be seen on one scale.
    """
    colour = np.asarray(matplotlib.colormaps[HEAT](np.sqrt(np.clip(hu / limit, 0, 1))))
    return np.asarray(np.rint(colour[..., :3] * 255), np.uint8)


def heat_stops(count: int = 9) -> list[str]:
    """The colours of `heat` from none to ``limit`` by equal steps of the root, as CSS."""
    ramp = heat(np.linspace(0, 1, count, dtype=np.float32)[None] ** 2, 1)[0]
    return [f"rgb({r}, {g}, {b})" for r, g, b in ramp.tolist()]


def _limit(value: float) -> float:
    return next((float(v) for v in _LIMITS if v >= value), float(_LIMITS[-1]))


def _array(held: Tensor) -> NDArray[np.float32]:
    made: NDArray[np.float32] = held.numpy()
    return made
