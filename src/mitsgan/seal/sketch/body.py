"""Where the patient is in a sketch: the body with its lungs, without the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_TISSUE_HU = -400.0
_LEAST_SHARE = 0.002
_CROSS = ndimage.generate_binary_structure(3, 1) & np.array([[[0]], [[1]], [[0]]], bool)
"""Neighbours within a layer."""


def body_cells(means: NDArray[np.float32]) -> Mask:
    """The cells ``[z, y, x]`` of the patient, air inside and one cell of air around included.

    All cells where nothing in the sketch looks like a body.
    """
    tissue = means > _TISSUE_HU
    # Opened by one cell, so that a table that the patient lies on is another piece: its shells
    # are one cell thick.
    core = ~_spread(~tissue)
    core[:, [0, -1]] = core[:, :, [0, -1]] = False
    pieces, count = ndimage.label(core)
    if not count:
        return np.ones(means.shape, np.bool_)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # of what is no tissue
    large = sizes >= max(sizes.max() / 20, _LEAST_SHARE * means.size)
    if not large.any():
        return np.ones(means.shape, np.bool_)
    return _spread(_filled(_spread(large[pieces]) & tissue))


def _spread(mask: Mask) -> Mask:
    """A mask and the neighbours of its cells within their layers."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    wide[:, :, 1:] |= mask[:, :, :-1]
    wide[:, :, :-1] |= mask[:, :, 1:]
    return wide


def _filled(body: Mask) -> Mask:
    """Each layer with its holes: all but what hangs together with the layer's edges."""
    pieces, count = ndimage.label(~body, _CROSS)
    outside = np.zeros(count + 1, np.bool_)
    for edge in (pieces[:, 0], pieces[:, -1], pieces[:, :, 0], pieces[:, :, -1]):
        outside[edge] = True
    outside[0] = False  # the body itself
    filled: Mask = ~outside[pieces]
    return filled
