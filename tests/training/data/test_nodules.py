import pytest
import torch

from mitsgan.training.data.nodules import LARGEST_MM, SMALLEST_MM, add_nodules


def test_nodules_have_the_size_and_density_of_nodules() -> None:
    lung = torch.full((40, 32, 32, 32), -860.0)
    cubes = add_nodules(lung, torch.Generator().manual_seed(0))
    changed = cubes > -700
    diameter = (6 * changed.sum((1, 2, 3)) / torch.pi).pow(1 / 3)
    assert diameter.min() > 0.6 * SMALLEST_MM
    assert diameter.max() < 1.4 * LARGEST_MM
    assert diameter.std() > 1
    middle = cubes[:, 14:18, 14:18, 14:18].mean((1, 2, 3))
    assert middle.median() > -60
    assert middle.max() < 120


def test_nothing_becomes_darker_and_the_rim_stays() -> None:
    lung = torch.randn(8, 32, 32, 32, generator=torch.Generator().manual_seed(1)) * 40 - 850
    cubes = add_nodules(lung, torch.Generator().manual_seed(2))
    assert (cubes >= lung).all()
    assert ((cubes - lung)[:, 0] > 5).float().mean() < 0.01


def test_a_seed_decides_every_nodule() -> None:
    lung = torch.full((3, 32, 32, 32), -860.0)
    first, again, other = (add_nodules(lung, torch.Generator().manual_seed(s)) for s in (7, 7, 8))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_the_mix_stays_what_the_attackers_learned_from() -> None:
    cubes = add_nodules(torch.full((6, 32, 32, 32), -860.0), torch.Generator().manual_seed(0))
    assert float(cubes.double().sum()) == pytest.approx(-165559734.0443393, rel=1e-7)
