"""How the networks of MITS-GAN look at a scan, whoever runs them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALO = 2
"""Slices of context that the generator needs on either side."""

PATCH = 4
"""Pixels along each in-plane side that are worked on as one."""

TILE = 2 * PATCH
"""In-plane sides must be multiples of this."""

ANY_PHASE_MM = 64.0
"""Waves of different lengths meet in any phase within so much."""

Spacing = tuple[float, float, float]
"""Millimetres ``[z, y, x]``."""

_LOCAL_MEAN_MM = 9.0
_PAIR = 16
"""torch makes normal numbers from so many uniform ones at a time."""


def scales(spacing: Spacing) -> tuple[float, float]:
    """Slice distance and pixel size as the network wants them, zero for a usual chest CT."""
    z, y, x = spacing
    return math.log(z / 2), math.log(math.sqrt(y * x) / 0.7)


def local_mean(spacing: Spacing) -> tuple[int, int]:
    """Patches along rows and columns that a local mean is taken over: odd, about 9 mm."""
    y, x = (max(3, 2 * int(_LOCAL_MEAN_MM / (PATCH * mm) / 2) + 1) for mm in spacing[1:])
    return y, x


def slice_noise(seed: int, number: int, side: tuple[int, int]) -> NDArray[np.float32]:
    """Standard normal noise ``[y, x]`` of one slice, the same on every device.

    To rounding what torch draws on a processor with the same seed, which the weights that ship
    were measured with: a Mersenne twister, 24 bits to a number, and the transform of Box and Muller
    in blocks of 16, whose first halves are the radii. The last block of an odd count is drawn anew.
    """
    state = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    twister = np.random.RandomState(state % 2**32)
    count = max(side[0] * side[1], _PAIR)
    drawn = _normal(_uniform(twister, count))
    if count % _PAIR:
        drawn[-_PAIR:] = _normal(_uniform(twister, _PAIR))
    return drawn[: side[0] * side[1]].reshape(side)


def _uniform(twister: np.random.RandomState, count: int) -> NDArray[np.float32]:
    """In [0, 1)."""
    bits = twister.randint(0, 2**32, count, np.uint32) & np.uint32(2**24 - 1)
    return bits.astype(np.float32) * np.float32(2**-24)


def _normal(uniform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks of 16 as normal numbers; what is over stays as it is."""
    whole = len(uniform) // _PAIR * _PAIR
    blocks = uniform[:whole].reshape(-1, 2, _PAIR // 2)
    radius = np.sqrt(-2 * np.log1p(-blocks[:, 0]))
    angle = np.float32(2 * np.pi) * blocks[:, 1]
    pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1)
    return np.concatenate((pairs.reshape(-1), uniform[whole:]))
