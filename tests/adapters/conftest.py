"""One chest that tells its axes apart, and what it becomes when it is protected."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import mitsgan as mg

Voxels = NDArray[np.int16]

SEED, MAX_HU = 5, 10.0


@pytest.fixture(scope="session")
def body(small_chest: mg.Scan) -> mg.Scan:
    """Three lengths, three spacings, an origin, whole HU, and padding at one corner."""
    hu = small_chest.hu()[4:24, :, 4:56].astype(np.int16)
    hu[:, :6, :6] = -2000
    return mg.Scan.from_hu(hu, (6.0, 5.5, 5.0), origin_mm=(-120.0, -100.0, 40.0))


@pytest.fixture(scope="session")
def expected(body: mg.Scan) -> Voxels:
    """The protected voxels ``[z, y, x]``, LPS, by the Python door: those of every other door."""
    voxels: Voxels = mg.protect(body, seed=SEED, max_hu=MAX_HU, device="cpu").scan.stored
    assert 0 < np.abs(voxels.astype(int) - body.stored).max() <= MAX_HU
    assert (voxels[:, :6, :6] == -2000).all()
    return voxels


def channel(scan: mg.Scan) -> torch.Tensor:
    """A scan's HU as other packages have them: floats ``[1, x, y, z]``."""
    return torch.from_numpy(scan.hu().transpose(2, 1, 0).copy())[None]


def affine(scan: mg.Scan) -> torch.Tensor:
    """Its affine, as MONAI's type hints have it."""
    return torch.from_numpy(scan.geometry.affine)
