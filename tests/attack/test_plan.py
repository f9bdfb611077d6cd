from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mitsgan.anatomy.places import block_start
from mitsgan.attack import cut_plans
from mitsgan.attack.plan import Plan, Style, plan_attack, sizes
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError

_SPACING = (2.5, 0.8, 1.0)  # cube 13 x 40 x 32, block 16 x 52 x 41
_WATER, _LUNG = 0.0, -880.0


def _volume(shape: Triple = (24, 120, 120), hu: float = _WATER) -> NDArray[np.float32]:
    return np.full(shape, hu, np.float32)


@pytest.mark.parametrize(
    "spacing, cube, block",
    [
        ((2.5, 0.703125, 0.703125), (13, 46, 46), (16, 59, 59)),
        ((1.0, 0.759766, 0.759766), (32, 42, 42), (41, 54, 54)),
        ((5.0, 0.841797, 0.841797), (6, 38, 38), (7, 49, 49)),
        ((1.0, 1.0, 1.0), (32, 32, 32), (41, 41, 41)),
    ],
)
def test_sizes_at_real_spacings(
    spacing: tuple[float, float, float], cube: Triple, block: Triple
) -> None:
    assert sizes(spacing) == (cube, block)


def test_lengths_round_half_to_even() -> None:
    assert sizes((2.56, 32 / 13.5, 0.512))[0] == (12, 14, 62)  # 12.5, 13.5, 62.5


def test_very_thick_slices_still_have_a_cube_and_a_block() -> None:
    cube, block = sizes((30.0, 1.0, 1.0))
    assert cube[0] == 2
    assert block[0] >= cube[0]


@pytest.mark.parametrize("n", range(3, 70))
def test_core_holds_the_samples_that_the_generator_paints_unseen(n: int) -> None:
    """Sample i of n lies at i * 31 / (n - 1) of the cube's 32; the core is 6 to 25."""
    core = Plan("remove", (0, 0, 0), (n, n, n), (n, n, n), None).core_in_block[0]
    place = np.arange(n) * 31 / (n - 1)
    inside = np.flatnonzero((place >= 6 - 1e-9) & (place <= 25 + 1e-9))
    assert (core.start, core.stop) == (inside[0], inside[-1] + 1)


def test_core_of_the_thickest_slices_is_not_empty() -> None:
    plan = plan_attack(_volume((8, 60, 60)), (16.0, 1.0, 1.0), (4, 30, 30), "remove")
    z = plan.core_in_block[0]
    assert z.stop - z.start == 1
    assert z.stop <= plan.block[0]


def test_cube_lies_in_the_middle_of_its_block() -> None:
    plan = plan_attack(_volume(), _SPACING, (12, 60, 60), "inject")
    assert plan.start == (12 - 8, 60 - 26, 60 - 20)
    place = plan.cube_in_block
    assert [s.stop - s.start for s in place] == [13, 40, 32]
    cube_start = block_start(plan.position, plan.cube)
    assert tuple(first + s.start for first, s in zip(plan.start, place, strict=True)) == cube_start


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_core_outside_the_scan_is_refused_with_the_reason(axis: int, end: str) -> None:
    hu = _volume()
    size, cube = hu.shape[axis], sizes(_SPACING)[0][axis]
    margin = int(6 / 32 * cube)
    nearest = round(cube / 2) - margin
    if end == "high":
        nearest = size - cube + margin + round(cube / 2)
    outwards = -1 if end == "low" else 1
    position = [12, 60, 60]
    position[axis] = nearest
    assert plan_attack(hu, _SPACING, position, "inject").position[axis] == nearest
    position[axis] += outwards
    with pytest.raises(PositionError) as caught:
        plan_attack(hu, _SPACING, position, "inject")
    text = str(caught.value)
    assert f"along {'zyx'[axis]}" in text
    assert f"0 to {size - 1}" in text
    assert "further from the border" in text


@pytest.mark.parametrize("dy, dx", [(0, 1), (-1, 0), (1, -1)])
def test_noise_comes_from_the_neighbour_with_most_lung(dy: int, dx: int) -> None:
    hu = _volume()
    plan = plan_attack(hu, _SPACING, (12, 60, 60), "inject")
    centre = (12, 60 + dy * plan.block[1] // 2, 60 + dx * plan.block[2] // 2)
    start = block_start(centre, plan.block)
    z, y, x = (slice(s, s + n) for s, n in zip(start, plan.block, strict=True))
    hu[z, y, x] = _LUNG
    noise_place = plan_attack(hu, _SPACING, (12, 60, 60), "inject").noise
    assert noise_place == centre


def test_no_noise_source_without_lung() -> None:
    assert plan_attack(_volume(), _SPACING, (12, 60, 60), "inject").noise is None


def test_air_is_no_lung() -> None:
    hu = _volume(hu=-1000)
    hu[:, [0, -1]] = hu[:, :, [0, -1]] = _WATER  # a wall, so that it is not the air outside
    assert plan_attack(hu, _SPACING, (12, 60, 60), "remove").noise is None


def test_no_noise_source_outside_the_scan() -> None:
    """Neighbours beyond the border have no voxels, and that is no reason to fail."""
    hu = _volume((14, 45, 45), _LUNG)
    noise = plan_attack(hu, _SPACING, (7, 22, 22), "remove").noise
    assert noise is not None
    assert all(0 <= p < n for p, n in zip(noise, hu.shape, strict=True))


def test_positions_of_any_integer_kind_give_the_same_plan() -> None:
    hu = _volume()
    one = plan_attack(hu, _SPACING, (12, 60, 60), "inject")
    assert one == plan_attack(hu, _SPACING, tuple(np.array([12, 60, 60])), "inject")
    assert hash(one) == hash(plan_attack(hu, _SPACING, [12, 60, 60], "inject"))


def test_the_published_block_has_as_many_voxels_along_every_axis() -> None:
    assert sizes((2.5, 0.703125, 0.703125), "published") == ((13, 46, 46), (59, 59, 59))


def test_the_published_noise_comes_from_a_fixed_voxel() -> None:
    hu = _volume((40, 120, 130))
    for position in ((20, 60, 60), (12, 40, 80)):
        plan = plan_attack(hu, (2.5, 0.8, 1.0), position, "inject", style="published")
        assert (plan.noise, plan.style) == ((20, 51, 35), "published")


def test_published_and_repaired_plans_do_not_mix() -> None:
    hu = _volume((40, 120, 130))
    styles: tuple[Style, ...] = ("published", "repaired")
    spacing = (1.0, 1.0, 1.0)
    plans = [plan_attack(hu, spacing, (20, 60, 60), "inject", style=s) for s in styles]
    assert plans[0].block == plans[1].block
    with pytest.raises(PositionError, match="one style"):
        cut_plans(torch.from_numpy(hu), plans)
