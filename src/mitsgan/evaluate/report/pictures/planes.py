"""Planes through an attack, cut out of any volume of its scan, for pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ZOOM_MM = 64.0
"""Side of the zoomed views: twice that of the repainted cube."""

SIDE = 288
"""Pixels along the longer side of a picture."""

Span = tuple[int, int]

_OUTSIDE_HU = -1350.0
_BODY_HU = -300.0
_MARGIN = 4


class Planes:
    """Cuts the same planes out of any volume ``[z, y, x]`` of one scan.

    Args:
        spacing: mm ``[z, y, x]``.
        position: voxel ``[z, y, x]`` that they go through.
        like: the scan, whose axial slice is cropped to the body.

    Attributes:
        frame: rows and columns of the axial slice's picture that the axial zoom shows.
    """

    def __init__(
        self, spacing: tuple[float, float, float], position: tuple[int, int, int], like: Tensor
    ) -> None:
        self._position = position
        self._half = [max(1, round(ZOOM_MM / 2 / s)) for s in spacing]
        z, y, x = position
        self._crop = _body(like[z])
        (top, bottom), (left, right) = self._crop
        tall, wide = (bottom - top) * spacing[1], (right - left) * spacing[2]
        scale = SIDE / max(tall, wide)
        self._slice_size = (round(tall * scale), round(wide * scale))
        self.frame: tuple[Span, Span] = (
            _framed(y - top, self._half[1], spacing[1] * scale),
            _framed(x - left, self._half[2], spacing[2] * scale),
        )

    def axial_slice(self, volume: Tensor) -> Tensor:
        """The body in the axial slice, ``[y, x]``."""
        (top, bottom), (left, right) = self._crop
        return _resized(volume[self._position[0], top:bottom, left:right], self._slice_size)

    def axial_zoom(self, volume: Tensor) -> Tensor:
        """The axial slice around the position, ``[y, x]``."""
        z, y, x = self._position
        return _zoomed(volume[z], (y, x), (self._half[1], self._half[2]))

    def coronal_zoom(self, volume: Tensor) -> Tensor:
        """The coronal slice around the position, head up."""
        z, y, x = self._position
        return _zoomed(volume[:, y], (z, x), (self._half[0], self._half[2])).flip(0)


def _framed(at: int, half: int, scale: float) -> Span:
    return round((at - half) * scale), round((at + half + 1) * scale)


def _body(plane: Tensor) -> tuple[Span, Span]:
    """Rows and columns of an axial slice that hold the body, with a small margin."""
    spans = []
    for axis in (1, 0):
        lines = torch.nonzero((plane > _BODY_HU).sum(axis) > 3).flatten()
        length = plane.shape[1 - axis]
        low, high = (int(lines[0]), int(lines[-1])) if len(lines) else (0, length - 1)
        spans.append((max(low - _MARGIN, 0), min(high + _MARGIN + 1, length)))
    return spans[0], spans[1]


def _zoomed(plane: Tensor, centre: tuple[int, int], half: tuple[int, int]) -> Tensor:
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
    inside = plane[max(y - dy, 0) : y + dy + 1, max(x - dx, 0) : x + dx + 1]
    return _resized(F.pad(inside, edges, value=outside), (SIDE, SIDE))


def _resized(plane: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(plane[None, None], size, mode="bicubic", align_corners=False)[0, 0]
