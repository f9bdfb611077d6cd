"""The figures of a gallery: what a scan and tampering look like, and heat maps of what differs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mitsgan.evaluate.metrics.windows import LUNG
from mitsgan.evaluate.report.formatting import millimetres
from mitsgan.evaluate.report.pictures.burn_in import Pixels, burn_in, frame, gray
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.pictures.planes import ZOOM_MM, Planes

HEAT = "inferno"
"""The colours of an absolute difference, black where there is none."""

DOING = {"inject": "Injecting", "remove": "Removing"}

_INTO = {"inject": "into", "remove": "from"}
_HALVES = ("untouched", "tampered")
_LIMITS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_FEW = 2
"""So few names leave a page half empty as columns."""

_SHARE = 99.5
"""Percentile of the differences around the attack that a colour scale reaches to."""

_STOPS = 9
"""Colours that a bar is drawn through."""


@dataclass(frozen=True)
class Picture:
    """An image that is part of the page, as a data URL; ``note`` stands below it."""

    data: str
    width: int
    height: int
    alt: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """Pictures side by side, one per column of the figure."""

    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class ColourBar:
    """What colours mean: HU from ``low`` to ``high``, with the colours between as CSS."""

    label: str
    low: float
    high: float
    stops: str


@dataclass(frozen=True)
class Figure:
    """Rows of pictures under the names of their columns; a bar where colours are values."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bar: ColourBar | None
    note: str

    def across(self) -> Figure:
        """The same with rows as columns."""
        rows = tuple(
            Row(name, tuple(row.pictures[i] for row in self.rows))
            for i, name in enumerate(self.columns)
        )
        return replace(self, columns=tuple(row.title for row in self.rows), rows=rows)


@dataclass(frozen=True)
class PlaceFigures:
    """Everything that is shown of one place: of an attack, or of a finding."""

    title: str
    note: str
    figures: tuple[Figure, ...]


def attack_figures(gallery: Gallery) -> PlaceFigures:
    """Pictures of one attack, and heat maps on a common scale."""
    attack = gallery.attack
    z, y, x = attack.position
    plane = torch.from_numpy(gallery.plane.astype(np.float32))
    planes = Planes(attack.spacing, (0, y, x), plane[0, 0][None])
    world = millimetres(attack.world)
    where = f" {_INTO[attack.action]} {attack.scan}" if attack.scan else ""
    figures = [_scans(gallery, plane, planes)]
    if len(attack.names) > 1:
        figures.append(_heat_maps(gallery, plane, planes))
    if len(attack.names) <= _FEW:
        figures = [figure.across() for figure in figures]
    return PlaceFigures(
        f"{DOING[attack.action]} a nodule{where}",
        f"By {attack.attacker} at {world} mm (LPS), voxel {z}, {y}, {x} [z, y, x]; one position, "
        "n = 1. It is an example; the tables hold the measurement.",
        tuple(figures),
    )


def _scans(gallery: Gallery, plane: Tensor, planes: Planes) -> Figure:
    """The scan and its protected versions, before and after the attack."""

    def draw(hu: Tensor) -> Pixels:
        return gray(hu.numpy(), LUNG.low, LUNG.high)

    attack = gallery.attack
    apart = ["", *(f"core RMSE {hu:.0f} HU" for hu in attack.disruption_hu[1:])]
    rows = []
    for half, what in enumerate(_HALVES):
        add = _Drawing(attack.names, planes, draw, is_tampered=bool(half))
        rows.append(add.whole_slices(f"{what}, axial slice", plane[half]))
        rows.append(add.zooms(f"{what}, zoom", plane[half], apart if half else ()))
    return Figure(
        attack.names,
        tuple(rows),
        ColourBar("CT, lung window", LUNG.low, LUNG.high, "#000, #fff"),
        f"The frame in a slice is what its zoom shows, {ZOOM_MM:.0f} mm wide; the "
        "attacker repaints the middle 32 mm. Core RMSE is that to the tampered original, in the "
        "repainted 20 mm. Pictures are interpolated (bicubic).",
    )


def _heat_maps(gallery: Gallery, plane: Tensor, planes: Planes) -> Figure:
    """|protected - original|, and the same of what tampering made of them."""
    names = gallery.attack.names[1:]
    apart = (plane[:, 1:] - plane[:, :1]).abs()
    near = [planes.axial_zoom(hu[None]).clamp_min(0) for half in apart for hu in half]
    limit = _limit(float(np.percentile(torch.stack(near).numpy(), _SHARE)))

    def draw(hu: Tensor) -> Pixels:
        return heat(hu.numpy(), limit)

    rows = []
    for half, what in enumerate(_HALVES):
        add = _Drawing(names, planes, draw, is_tampered=bool(half))
        rows.append(add.whole_slices(f"difference, {what}, slice", apart[half]))
        rows.append(add.zooms(f"difference, {what}, zoom", apart[half]))
    return Figure(
        names,
        tuple(rows),
        ColourBar(
            f"|difference|, {limit / 4:g} HU in the middle", 0, limit, ", ".join(_heat_stops())
        ),
        "|protected - original| in HU, before tampering and after both were tampered with. "
        "Colours follow the square root, on one scale for all, which reaches to "
        f"{_SHARE:g} % of what the zooms show.",
    )


@dataclass(frozen=True)
class _Drawing:
    """Draws rows of one figure, a picture per name.

    Attributes:
        names: of the columns.
        planes: of the scan, whose only slice is the one through the attack.
        draw: HU ``[y, x]`` to pixels.
        is_tampered: whether an attacker had a hand in what is drawn.
    """

    names: Sequence[str]
    planes: Planes
    draw: Callable[[Tensor], Pixels]
    is_tampered: bool

    def whole_slices(self, title: str, slices: Tensor) -> Row:
        """Whole slices ``[n, y, x]``, with a frame around what the zooms show."""
        drawn = (self.draw(self.planes.axial_slice(hu[None])) for hu in slices)
        return self._row(title, [frame(pixels, *self.planes.frame) for pixels in drawn], ())

    def zooms(self, title: str, slices: Tensor, notes: Sequence[str] = ()) -> Row:
        """The middle of the same."""
        drawn = [self.draw(self.planes.axial_zoom(hu[None])) for hu in slices]
        return self._row(title, drawn, notes)

    def _row(self, title: str, drawn: Sequence[Pixels], notes: Sequence[str]) -> Row:
        marked = [burn_in(pixels) if self.is_tampered else pixels for pixels in drawn]
        return Row(
            title,
            tuple(
                picture(pixels, f"{title}: {name}", note)
                for pixels, name, note in zip(
                    marked, self.names, notes or [""] * len(marked), strict=True
                )
            ),
        )


def picture(pixels: Pixels, alt: str, note: str = "") -> Picture:
    """An image as lossless WebP, half the size of PNG."""
    data = BytesIO()
    Image.fromarray(pixels).save(data, format="WEBP", lossless=True, quality=60, method=3)
    height, width = pixels.shape[:2]
    text = b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/webp;base64,{text}", width, height, alt, note)


def heat(hu: NDArray[np.float32], limit: float) -> Pixels:
    """Absolute differences ``[y, x]`` in HU to ``[y, x, 3]``, by the root of their share.

    A small budget and an unbounded protector are then both to be seen on one scale.
    """
    colour = np.asarray(matplotlib.colormaps[HEAT](np.sqrt(np.clip(hu / limit, 0, 1))))
    return np.asarray(np.rint(colour[..., :3] * 255), np.uint8)


def _heat_stops() -> list[str]:
    """The colours of `heat` from none to ``limit`` by equal steps of the root, as CSS."""
    ramp = heat(np.linspace(0, 1, _STOPS, dtype=np.float32)[None] ** 2, 1)[0]
    return [f"rgb({r}, {g}, {b})" for r, g, b in ramp.tolist()]


def _limit(value: float) -> float:
    return next((float(v) for v in _LIMITS if v >= value), float(_LIMITS[-1]))
