"""Cubic spline zoom as three small matrices: exact, differentiable, batched.

A spline zoom along one axis is linear in the samples, so it is a matrix; along three axes it is
three of them. This is the arithmetic of `scipy.ndimage.zoom` (order 3, mode nearest, first and
last samples coincide), which CT-GAN uses, at the price of three matrix products.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Triple = tuple[int, int, int]
Shift = tuple[float, float, float]

_HELD = 12
"""Samples by which the edges are held: the spline's memory (0.268 per sample) is over by then."""


def _cubic_b_spline(t: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.abs(t)
    inner = 2 / 3 - t**2 + t**3 / 2
    outer = np.clip(2 - t, 0, None) ** 3 / 6
    return np.where(t < 1, inner, outer)


@lru_cache(maxsize=1024)
def _zoom_matrix(size_in: int, size_out: int, shift: float) -> NDArray[np.float64]:
    """``[size_out, size_in]``: cubic spline interpolation, corners aligned, edges held."""
    padded = size_in + 2 * _HELD
    collocation = (
        np.diag(np.full(padded, 2 / 3))
        + np.diag(np.full(padded - 1, 1 / 6), 1)
        + np.diag(np.full(padded - 1, 1 / 6), -1)
    )
    collocation[0, 1] = collocation[-1, -2] = 1 / 3  # mirrored beyond the held edge
    holding = np.zeros((padded, size_in))
    holding[np.arange(padded), np.clip(np.arange(padded) - _HELD, 0, size_in - 1)] = 1
    coordinates = np.linspace(0, size_in - 1, size_out) + shift
    coordinates = np.clip(coordinates, 0, size_in - 1) + _HELD
    basis = _cubic_b_spline(coordinates[:, None] - np.arange(padded)[None, :])
    return np.asarray(basis @ np.linalg.solve(collocation, holding))


def zoom(volumes: Tensor, size: Triple, shift: Shift = (0.0, 0.0, 0.0)) -> Tensor:
    """Resample ``[..., z, y, x]`` to ``[..., *size]``, corners aligned.

    The first and last samples of every axis stay where they are, as in the published attacker,
    unless all are moved by ``shift`` voxels of the input (held at the edges).
    """
    shape = volumes.shape[-3:]
    in_z, in_y, in_x = (
        torch.from_numpy(_zoom_matrix(length, target, moved)).to(volumes)
        if length != target or moved
        else None
        for length, target, moved in zip(shape, size, shift, strict=True)
    )
    # In bfloat16, which whoever calls may have chosen for networks, lung is known to 4 HU.
    with torch.autocast(volumes.device.type, enabled=False):
        # Products of the last two axes, or of the third and the last two together: none is moved.
        if in_x is not None:
            volumes = volumes @ in_x.T
        if in_y is not None:
            volumes = in_y @ volumes
        if in_z is not None:
            flat = in_z @ volumes.flatten(-2)
            volumes = flat.reshape(*flat.shape[:-1], *volumes.shape[-2:])
    return volumes
