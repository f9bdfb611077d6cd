"""Pictures of one attack on an original and on its protected scan, side by side.

Rows are views, columns are what the MITS-GAN paper shows: original, protected, perturbation,
both tampered with, and the difference of those two. Whatever an attacker had a hand in carries
SIMULATED in its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import (
    Action,
    Attacker,
    Strikes,
    Variant,
    hu_volume,
    paste_block,
    plan_attack,
    tamper_cut,
)
from mitsgan.attack.strikes import disruption
from mitsgan.evaluate.report.pictures.burn_in import burn_in, diverging, frame, gray
from mitsgan.scan.scan import Scan

Pixels = NDArray[np.uint8]
Box = tuple[tuple[int, int], tuple[int, int]]

LUNG_WINDOW = (-1350.0, 150.0)
"""HU shown from black to white: centre -600, width 1500."""

DIFFERENCE_HU = 200.0
"""The difference of tampered scans is shown from minus to plus this."""

ZOOM_MM = 64.0
"""Side of the zoomed views: twice that of the repainted cube."""

SIDE = 288
"""Pixels along the longer side of a picture."""

_OUTSIDE_HU = -1350.0
_BODY_HU = -300.0


@dataclass(frozen=True)
class Column:
    """One thing that is shown, in every view."""

    key: str
    title: str
    simulated: bool


COLUMNS = (
    Column("original", "original", False),
    Column("protected", "protected", False),
    Column("perturbation", "perturbation", False),
    Column("tampered_original", "tampered original", True),
    Column("tampered_protected", "tampered protected", True),
    Column("difference", "difference of tampered", True),
)


@dataclass(frozen=True)
class View:
    """One plane through the position; ``pictures`` in the order of `COLUMNS`, ``[y, x, 3]``."""

    name: str
    pictures: tuple[Pixels, ...]


@dataclass(frozen=True)
class Comparison:
    """One attack on both scans.

    Attributes:
        action: what the attacker did.
        position: voxel ``[z, y, x]``.
        world: the same in LPS mm.
        disruption_hu: RMSE between the two results in the repainted core.
        perturbation_limit_hu: the perturbation is shown from minus to plus this.
        views: axial slice, axial zoom, coronal zoom.
    """

    action: Action
    position: tuple[int, int, int]
    world: tuple[float, float, float]
    disruption_hu: float
    perturbation_limit_hu: float
    views: tuple[View, ...]


def compare(
    original: Scan,
    protected: Scan,
    attacker: Attacker,
    position: tuple[int, int, int],
    max_hu: float,
    *,
    variant: Variant = tamper_cut,
) -> Comparison:
    """Attack both scans at one position by one plan, and draw what comes of it.

    Raises:
        PositionError: the position is too near the border of the scan.
    """
    before, after = hu_volume(original), hu_volume(protected)
    plan = plan_attack(before.numpy(), original.spacing, position, attacker.action)
    strikes = Strikes.at(before, [plan], attacker, variant=variant)
    with torch.no_grad():
        (untouched,), (spoilt,) = (list(strikes.outcomes(volume)) for volume in (None, after))
        (worth,) = disruption(spoilt).tolist()
    attacked = [before.clone(), after.clone()]
    for volume, outcome in zip(attacked, (untouched, spoilt), strict=True):
        paste_block(volume, outcome.tampered[0], plan.start)
    volumes = (before, after, after - before, *attacked, attacked[1] - attacked[0])
    planes = Planes(original.spacing, position, before)
    views = (
        View("axial slice", _pictures(volumes, planes.axial_slice, max_hu, planes.box)),
        View("axial zoom", _pictures(volumes, planes.axial_zoom, max_hu)),
        View("coronal zoom", _pictures(volumes, planes.coronal_zoom, max_hu)),
    )
    world = original.geometry.to_world(position)
    return Comparison(attacker.action, position, world, worth, max_hu, views)


class Planes:
    """Cuts the same three planes out of any volume ``[z, y, x]`` of one scan."""

    def __init__(
        self, spacing: tuple[float, float, float], position: tuple[int, int, int], like: Tensor
    ) -> None:
        self.spacing = spacing
        self.position = position
        self.half = [max(1, round(ZOOM_MM / 2 / s)) for s in spacing]
        z, y, x = position
        self.crop = _body(like[z])
        (top, bottom), (left, right) = self.crop
        tall, wide = (bottom - top) * spacing[1], (right - left) * spacing[2]
        scale = SIDE / max(tall, wide)
        self.slice_size = (round(tall * scale), round(wide * scale))
        down, across = spacing[1] * scale, spacing[2] * scale
        self.box: Box = (
            (round((y - self.half[1] - top) * down), round((y + self.half[1] + 1 - top) * down)),
            (
                round((x - self.half[2] - left) * across),
                round((x + self.half[2] + 1 - left) * across),
            ),
        )

    def axial_slice(self, volume: Tensor) -> Tensor:
        (top, bottom), (left, right) = self.crop
        return _resized(volume[self.position[0], top:bottom, left:right], self.slice_size)

    def axial_zoom(self, volume: Tensor) -> Tensor:
        z, y, x = self.position
        return _resized(_window(volume[z], (y, x), (self.half[1], self.half[2])), (SIDE, SIDE))

    def coronal_zoom(self, volume: Tensor) -> Tensor:
        """Head up."""
        z, y, x = self.position
        plane = _window(volume[:, y], (z, x), (self.half[0], self.half[2]))
        return _resized(plane.flip(0), (SIDE, SIDE))


def _pictures(
    volumes: Sequence[Tensor],
    plane: Callable[[Tensor], Tensor],
    max_hu: float,
    box: Box | None = None,
) -> tuple[Pixels, ...]:
    """One picture per column."""
    made = []
    for column, volume in zip(COLUMNS, volumes, strict=True):
        image: NDArray[np.float32] = plane(volume).numpy()
        if column.key == "perturbation":
            pixels = diverging(image, max_hu)
        elif column.key == "difference":
            pixels = diverging(image, DIFFERENCE_HU)
        else:
            pixels = gray(image, *LUNG_WINDOW)
        if box is not None:
            pixels = frame(pixels, *box)
        made.append(burn_in(pixels) if column.simulated else pixels)
    return tuple(made)


def _body(plane: Tensor) -> Box:
    """Rows and columns of an axial slice that hold the body, with a small margin."""
    spans = []
    for axis in (1, 0):
        found = torch.nonzero((plane > _BODY_HU).sum(axis) > 3).flatten()
        length = plane.shape[1 - axis]
        low, high = (int(found[0]), int(found[-1])) if len(found) else (0, length - 1)
        spans.append((max(low - 4, 0), min(high + 5, length)))
    return spans[0], spans[1]


def _window(plane: Tensor, centre: tuple[int, int], half: tuple[int, int]) -> Tensor:
    """A piece of a plane around a pixel; what is outside is air, or no difference."""
    (y, x), (dy, dx) = centre, half
    height, width = plane.shape
    outside = _OUTSIDE_HU if float(plane.min()) < -900 else 0.0
    edges = (
        max(dx - x, 0),
        max(x + dx + 1 - width, 0),
        max(dy - y, 0),
        max(y + dy + 1 - height, 0),
    )
    held = plane[max(y - dy, 0) : y + dy + 1, max(x - dx, 0) : x + dx + 1]
    return F.pad(held, edges, value=outside)


def _resized(plane: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(plane[None, None], size, mode="bicubic", align_corners=False)[0, 0]
