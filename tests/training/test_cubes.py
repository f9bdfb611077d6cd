import numpy as np
import pytest
import torch

from mitsgan.scan.scan import Scan
from mitsgan.training.cubes import CubeSampler, Volume, thicken


def test_thicker_slices_are_means(training_chest: Scan) -> None:
    thick = thicken(training_chest, 6.0)
    assert thick is not None
    assert thick.spacing == (6.0, 3.0, 3.0)
    np.testing.assert_allclose(thick.hu()[3], training_chest.hu(6, 8).mean(0), rtol=1e-5)


@pytest.mark.parametrize("thickness", [1.0, 3.0, 4.0])
def test_no_thinner_slices_are_invented(training_chest: Scan, thickness: float) -> None:
    assert thicken(training_chest, thickness) is None


def test_cubes_are_lung(data_volumes: list[Volume]) -> None:
    cubes = CubeSampler(data_volumes, "remove").sample(12, torch.Generator().manual_seed(0))
    assert cubes.shape == (12, 32, 32, 32)
    assert -950 < float(cubes[:, 12:20, 12:20, 12:20].median()) < -700
    injected = CubeSampler(data_volumes, "inject").sample(12, torch.Generator().manual_seed(0))
    assert float(injected[:, 14:18, 14:18, 14:18].median()) > -150


def test_a_seed_decides_the_cubes(data_volumes: list[Volume]) -> None:
    sampler = CubeSampler(data_volumes, "inject")
    first, again, other = (sampler.sample(2, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)
