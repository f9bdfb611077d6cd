"""A noisy chest, made once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

NOISE_HU = 25.0


@pytest.fixture(scope="session")
def noisy_chest() -> Scan:
    plain = chest((22, 128, 128), (6.0, 2.6, 2.6), seed=3)
    noise = np.random.default_rng(0).normal(0, NOISE_HU, plain.shape)
    return replace(plain, stored=(plain.stored + noise).astype(plain.stored.dtype))
