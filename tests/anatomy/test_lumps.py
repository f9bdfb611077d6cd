"""Lumps in the middle of lung cubes: what counts as one, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.lumps import LEAST_MM3, TISSUE_HU, are_lumps, lumps_mm3

Cube = NDArray[np.float32]


def lung() -> Cube:
    return np.full((32, 32, 32), -850, np.float32)


def away(centre: tuple[float, float, float]) -> NDArray[np.float64]:
    z, y, x = ((np.arange(32) - c) ** 2 for c in centre)
    return np.asarray(np.sqrt(z[:, None, None] + y[:, None] + x))


def ball(diameter_mm: float, centre: tuple[float, float, float] = (15.5, 15.5, 15.5)) -> Cube:
    cube = lung()
    cube[away(centre) <= diameter_mm / 2] = 20
    return cube


@pytest.mark.parametrize("diameter", [6.0, 9.0, 14.0])
def test_a_ball_is_a_lump_of_its_volume(diameter: float) -> None:
    (volume,) = lumps_mm3(ball(diameter)[None])
    assert volume == pytest.approx(np.pi / 6 * diameter**3, rel=0.25)
    assert are_lumps([volume]) == (diameter > 8,)


def test_from_what_volume_on_it_is_one() -> None:
    assert are_lumps([LEAST_MM3 - 1, LEAST_MM3]) == (False, True)


def test_ground_glass_is_none() -> None:
    cube = np.minimum(ball(16), TISSUE_HU)
    assert lumps_mm3(cube[None]) == (0,)


def test_a_vessel_is_no_lump_and_no_part_of_one() -> None:
    vessel = lung()
    vessel[:, 15:17, 15:17] = 30
    assert lumps_mm3(vessel[None]) == (0,)
    both = np.maximum(vessel, ball(10))
    (alone,), (with_vessel,) = lumps_mm3(ball(10)[None]), lumps_mm3(both[None])
    assert alone <= with_vessel < alone + 40, "a strand of 2 x 2 mm through it adds its roots alone"


def test_what_stands_aside_does_not_count() -> None:
    assert lumps_mm3(ball(9, (15.5, 15.5, 24.5))[None]) == (0,)
    near = ball(9, (15.5, 15.5, 21.5))
    assert lumps_mm3(near[None])[0] > LEAST_MM3, "it comes within 3 mm of the middle"


def test_of_what_was_painted_in_only_new_tissue_counts() -> None:
    before, after = ball(10), ball(14)
    (new,) = lumps_mm3(after[None], before[None])
    assert new == 0, "the shell of 2 mm around what was there is no lump in the middle"
    beside = np.maximum(before, ball(12, (15.5, 15.5, 22.5)))
    assert lumps_mm3(before[None], before[None]) == (0,)
    (all_of_it,) = lumps_mm3(beside[None])
    assert all_of_it > LEAST_MM3
    assert lumps_mm3(beside[None], lung()[None]) == (all_of_it,)


def test_every_cube_is_judged_by_itself_and_what_is_no_number_is_no_tissue() -> None:
    cubes = np.stack([ball(14), lung(), np.full((32, 32, 32), np.nan, np.float32)])
    volumes = lumps_mm3(cubes)
    assert volumes[0] > LEAST_MM3
    assert volumes[1:] == (0, 0)
    assert lumps_mm3(cubes[::-1]) == volumes[::-1]


def test_a_cube_without_a_core_is_refused() -> None:
    with pytest.raises(ValueError, match="no core of 20 mm"):
        lumps_mm3(np.zeros((1, 32, 32, 18), np.float32))
