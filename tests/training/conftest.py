"""A chest fine enough to train on, made once."""

import pytest

from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cubes import Volume, volumes


@pytest.fixture(scope="session")
def training_chest() -> Scan:
    return chest((40, 112, 112), (3.0, 3.0, 3.0), seed=2)


@pytest.fixture(scope="session")
def data_volumes(training_chest: Scan) -> list[Volume]:
    return volumes([training_chest])
