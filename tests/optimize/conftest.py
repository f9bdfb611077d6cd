"""A ball of lung in soft tissue, and the attackers that ship."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.attack import Attacker, TrainedAttacker, surrogate_path
from mitsgan.scan.scan import Geometry, Scan


@pytest.fixture(scope="session")
def injector() -> Attacker:
    return TrainedAttacker.load(surrogate_path("textured", "inject"))


@pytest.fixture(scope="session")
def remover() -> Attacker:
    return TrainedAttacker.load(surrogate_path("textured", "remove"))


@pytest.fixture(scope="session")
def scan() -> Scan:
    """28 x 64 x 64 at 4 x 2 x 2 mm: a lung of 96 mm across, noise of 30 HU."""
    spacing = (4.0, 2.0, 2.0)
    shape = (28, 64, 64)
    grid = np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij"), -1)
    inside = ((grid * spacing / 48.0) ** 2).sum(-1) < 1
    hu = np.where(inside, -850, 40) + np.random.default_rng(0).normal(0, 30, shape)
    return Scan(hu.astype(np.int16), np.ones(28), np.zeros(28), -2048, 4095, Geometry(spacing))
