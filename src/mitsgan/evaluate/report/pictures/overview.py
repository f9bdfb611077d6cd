"""Galleries of one scan as a single picture, for papers and front pages.

Rows are views, columns are what the MITS-GAN paper shows: original, protected, perturbation,
both tampered with, and the difference of those two. Whatever an attacker had a hand in carries
SIMULATED in its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from mitsgan import __version__
from mitsgan.evaluate.metrics.windows import LUNG
from mitsgan.evaluate.report.pictures.burn_in import Pixels, burn_in, diverging, gray
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.pictures.planes import Planes

DIFFERENCE_HU = 200.0
"""The difference of tampered scans is shown from minus to plus this."""

DPI = 130

_SIMULATED = ("tampered original", "tampered protected", "difference of tampered")
COLUMNS = ("original", "protected", "perturbation", *_SIMULATED)


Plane = Literal["axial", "coronal"]


@dataclass(frozen=True)
class View:
    """One plane through one attack; ``pictures`` in the order of `COLUMNS`, ``[y, x, 3]``."""

    action: str
    plane: Plane
    pictures: tuple[Pixels, ...]


def overview(
    galleries: Sequence[Gallery],
    max_hu: float,
    caption: str,
    *,
    labels: Sequence[str] = (),
    planes: Sequence[Plane] = ("axial", "coronal"),
) -> bytes:
    """Draw views of every gallery, one row a view, as PNG.

    Args:
        galleries: at least one; of each the first protected version is shown.
        max_hu: the perturbation is shown from minus to plus this.
        caption: about scan and weights, below; windows and scales are added.
        labels: what galleries are called; by default by what the attacker did.
        planes: of the views.
    """
    names = labels or [gallery.attack.action for gallery in galleries]
    rows = [
        (f"{name}, {view.plane}", view)
        for name, gallery in zip(names, galleries, strict=True)
        for view in views(gallery, max_hu)
        if view.plane in planes
    ]
    width, side = 12.0, 12.0 / (len(COLUMNS) + 0.35)
    height = side * len(rows) + 0.75
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    figure.subplots_adjust(
        left=0.3 / width,
        right=1 - 0.05 / width,
        top=1 - 0.3 / height,
        bottom=0.45 / height,
        wspace=0.03,
        hspace=0.03,
    )
    for row, (label, view) in enumerate(rows):
        for column, (title, pixels) in enumerate(zip(COLUMNS, view.pictures, strict=True)):
            axes = grid[row, column]
            axes.imshow(pixels, interpolation="none")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(title, fontsize=10)
            if column == 0:
                axes.set_ylabel(label, fontsize=9)
    disruption = "; ".join(
        f"{name} {gallery.attack.disruption_hu[1]:.0f} HU"
        for name, gallery in zip(names, galleries, strict=True)
    )
    figure.text(
        0.3 / width,
        0.22 / height,
        f"{caption}  Window {LUNG.low:.0f} to {LUNG.high:.0f} HU, perturbation ±{max_hu:g} HU, "
        f"difference ±{DIFFERENCE_HU:.0f} HU.  Disruption of the core: {disruption}.",
        fontsize=8.5,
        verticalalignment="center",
        wrap=True,
    )
    data = BytesIO()
    figure.savefig(data, dpi=DPI, metadata={"Software": f"mitsgan {__version__}"})
    return data.getvalue()


def views(gallery: Gallery, max_hu: float) -> Iterator[View]:
    """The axial and the coronal view of a gallery."""
    attack = gallery.attack
    (original, protected), (struck, spoilt) = torch.from_numpy(
        gallery.voxels[:, :2].astype(np.float32)
    )
    z, y, x = (at - first for at, first in zip(attack.position, attack.start, strict=True))
    planes = Planes(attack.spacing, (z, y, x), original)
    volumes = (original, protected, protected - original, struck, spoilt, spoilt - struck)
    cuts: tuple[tuple[Plane, Callable[[Tensor], Tensor]], ...] = (
        ("axial", planes.axial_zoom),
        ("coronal", planes.coronal_zoom),
    )
    for name, cut in cuts:
        drawn = (
            _drawn(title, cut(volume), max_hu)
            for title, volume in zip(COLUMNS, volumes, strict=True)
        )
        yield View(attack.action, name, tuple(drawn))


def _drawn(title: str, plane: Tensor, max_hu: float) -> Pixels:
    if title == "perturbation":
        pixels = diverging(plane.numpy(), max_hu)
    elif title == "difference of tampered":
        pixels = diverging(plane.numpy(), DIFFERENCE_HU)
    else:
        pixels = gray(plane.numpy(), LUNG.low, LUNG.high)
    return burn_in(pixels) if title in _SIMULATED else pixels
