"""Nodules of a chosen kind and size, in cubes and in whole scans."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mitsgan.errors import PositionError
from mitsgan.training.data.nodule_kinds import KINDS, NoduleKind, nodule
from mitsgan.training.data.nodules import add_nodule, plant_nodule


def painted(
    kind: NoduleKind, diameter: float = 12.0, seed: int = 0, side: int = 48
) -> torch.Tensor:
    lung = torch.full((side,) * 3, -860.0)
    return nodule(side, kind, diameter, torch.Generator().manual_seed(seed)).put_into(lung)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("diameter", [6.0, 13.0, 20.0])
def test_the_diameter_is_that_of_the_equal_sphere(kind: NoduleKind, diameter: float) -> None:
    volumes = [
        float(nodule(48, kind, diameter, torch.Generator().manual_seed(s)).mask.sum())
        for s in range(4)
    ]
    measured = (6 * np.mean(volumes) / np.pi) ** (1 / 3)
    # Spicules come on top, and weigh most on small ones.
    assert diameter * 0.95 < measured < diameter * (1.35 if kind == "spiculated" else 1.03)


def test_ground_glass_lets_vessels_through() -> None:
    lung = torch.full((32, 32, 32), -860.0)
    lung[:, 16, 16] = 30.0
    one = nodule(32, "ground-glass", 16.0, torch.Generator().manual_seed(1))
    glass = one.put_into(lung)
    vessel, beside = glass[12:20, 16, 16], glass[12:20, 13:20, 11:14]
    assert -750 < float(beside.mean()) < -350
    assert float(vessel.mean()) - float(beside.mean()) > 400


def test_part_solid_has_a_solid_core_in_ground_glass() -> None:
    hu = painted("part-solid", 16.0)
    solid, glass = int((hu > -200).sum()), int(((hu > -750) & (hu < -350)).sum())
    ball = 4 / 3 * np.pi * 8**3
    assert 0.03 * ball < solid < 0.35 * ball
    assert glass > 0.4 * ball
    assert int((painted("ground-glass", 16.0) > -250).sum()) == 0
    assert int((painted("solid", 16.0) > -430).sum()) > 0.9 * ball


def test_spicules_are_thin_and_reach_out() -> None:
    one = nodule(48, "spiculated", 10.0, torch.Generator().manual_seed(2))
    axis = torch.arange(48.0) - 23.5
    distance = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    shell = (distance > 7.5) & (distance < 9)
    part = float((one.cover[shell] > 0.3).float().mean())
    assert 0.005 < part < 0.3
    smooth = nodule(48, "solid", 10.0, torch.Generator().manual_seed(2))
    assert not (smooth.cover[shell] > 0.3).any()


def test_thick_slices_hold_the_mean_over_their_thickness() -> None:
    def of(spacing: tuple[float, float, float], sides: tuple[int, int, int]) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        return nodule(sides, "solid", 12.0, generator, spacing=spacing).cover

    thin, thick = of((1.0, 1.0, 1.0), (40, 32, 32)), of((4.0, 1.0, 1.0), (10, 32, 32))
    torch.testing.assert_close(thick, thin.reshape(10, 4, 32, 32).mean(1), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "kind, diameter, said", [("soft", 10.0, "no nodule kind"), ("solid", 2.0, "3 to 30 mm")]
)
def test_no_such_nodule(kind: NoduleKind, diameter: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        nodule(32, kind, diameter, torch.Generator())


def test_cubes_know_what_was_put_into_them() -> None:
    lung = torch.full((24, 32, 32, 32), -860.0)
    added = add_nodule(lung, torch.Generator().manual_seed(0), ("solid", "ground-glass"), (8, 10))
    assert set(added.kinds) == {"solid", "ground-glass"}
    assert all(8 <= mm <= 10 for mm in added.diameters_mm)
    assert added.masks.dtype == torch.bool
    changed = (added.cubes - lung)[added.masks]
    assert changed.min() > 60
    for mask, mm in zip(added.masks, added.diameters_mm, strict=True):
        assert float(mask.sum()) == pytest.approx(np.pi / 6 * mm**3, rel=0.15)
    again = add_nodule(lung, torch.Generator().manual_seed(0), ("solid", "ground-glass"), (8, 10))
    torch.testing.assert_close(again.cubes, added.cubes)


def test_no_kind_to_choose_from() -> None:
    with pytest.raises(ValueError, match="at least one kind"):
        add_nodule(torch.zeros(1, 32, 32, 32), torch.Generator(), ())


def test_plants_into_a_whole_scan() -> None:
    rng = np.random.default_rng(0)
    hu = (rng.normal(size=(30, 70, 80)) * 20 - 860).astype(np.float32)
    kept = hu.copy()
    generator = torch.Generator().manual_seed(0)
    planted, mask = plant_nodule(hu, (2.5, 0.8, 0.7), (14, 30, 40), "solid", 14.0, generator)
    np.testing.assert_array_equal(hu, kept)
    assert mask.sum() * 2.5 * 0.8 * 0.7 == pytest.approx(np.pi / 6 * 14**3, rel=0.1)
    np.testing.assert_allclose(np.argwhere(mask).mean(0), (14, 30, 40), atol=1.0)
    assert (planted >= hu).all()
    assert planted[mask].mean() > -200
    far = np.ones(hu.shape, bool)
    far[4:25, 5:56, 10:71] = False
    np.testing.assert_array_equal(planted[far], hu[far])


@pytest.mark.parametrize(
    "position, said", [((40, 30, 30), "outside the scan"), ((1, 30, 30), "would be cut off")]
)
def test_refuses_to_plant_at_the_border(position: tuple[int, int, int], said: str) -> None:
    hu = np.full((30, 60, 60), -860, np.float32)
    with pytest.raises(PositionError, match=said):
        plant_nodule(hu, (1, 1, 1), position, "solid", 10.0, torch.Generator())
