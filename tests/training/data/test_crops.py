import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.protect.patches import HALO
from mitsgan.training.data.crops import CropSampler, square_around
from mitsgan.training.data.cubes import Volume


def test_a_crop_holds_its_attacks(data_volumes: list[Volume]) -> None:
    sampler = CropSampler(data_volumes[:1], side=40, attacks=3)
    crop = sampler.sample(torch.Generator().manual_seed(0))
    assert crop.hu.shape[1:] == (40, 40)
    assert [cut.plans[0].action for cut in crop.cuts] == ["inject", "remove"]
    volume = data_volumes[0]
    z, y, x = crop.start
    depth = len(crop.hu) - 2 * HALO
    torch.testing.assert_close(
        crop.hu[HALO:-HALO], volume.hu[z : z + depth, y : y + 40, x : x + 40]
    )
    for plan in crop.cuts[0].plans:
        assert volume.lung.contains(plan.position)


def test_a_perturbation_of_the_crop_lands_where_it_belongs(data_volumes: list[Volume]) -> None:
    crop = CropSampler(data_volumes, side=40, attacks=2).sample(torch.Generator().manual_seed(3))
    cut = crop.cuts[0]
    perturbation = torch.zeros(len(crop.hu) - 2 * HALO, 40, 40)
    local = tuple(p - s for p, s in zip(cut.plans[0].position, crop.start, strict=True))
    perturbation[local] = 9.0
    moved = crop.protected(cut, perturbation).before - cut.before
    centre = tuple(round(n / 2) for n in cut.plans[0].block)
    assert moved[0][centre] == 9
    assert int((moved[0] != 0).sum()) == 1


def test_sides_must_fit_the_generator(data_volumes: list[Volume]) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        CropSampler(data_volumes, side=30)


@given(st.integers(1, 60), st.integers(1, 80), st.integers(1, 80), st.data())
def test_a_square_lies_in_the_slice_around_its_position(
    side: int, rows: int, columns: int, data: st.DataObject
) -> None:
    shape = (rows, columns)
    position = [0, *(data.draw(st.integers(0, length - 1)) for length in shape)]
    square = square_around(position, side, shape)
    for part, at, length in zip(square, position[1:], shape, strict=True):
        assert 0 <= part.start <= at < part.stop <= length
        assert part.stop - part.start == min(side, length)
        if part.start > 0 and part.stop < length:
            assert at - part.start == side // 2
