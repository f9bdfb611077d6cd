"""Varied pieces: other spacings, kernels and shapes, still lung where the mask says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mitsgan.anatomy.lung import Lung
from mitsgan.training.data.augment import _bent, varied_piece
from mitsgan.training.data.crops import CropSampler
from mitsgan.training.data.cubes import Volume


@pytest.fixture(scope="module")
def volume(data_volumes: list[Volume]) -> Volume:
    return data_volumes[0]


def pieces(volume: Volume, count: int) -> list[Volume]:
    return [varied_piece(volume, 24, 8.0, np.random.default_rng(seed)) for seed in range(count)]


def test_pieces_differ_and_repeat_and_leave_the_volume_alone(volume: Volume) -> None:
    before = volume.hu.clone()
    first, again = pieces(volume, 8), pieces(volume, 8)
    for one, other in zip(first, again, strict=True):
        assert one.hu.equal(other.hu)
        assert one.spacing == other.spacing
        assert (one.lung.mask == other.lung.mask).all()
    assert volume.hu.equal(before)
    assert len({piece.spacing for piece in first}) == 8
    for piece in first:
        ratio = [a / b for a, b in zip(piece.spacing, volume.spacing, strict=True)]
        assert 0.82 <= ratio[1] <= 1.22
        assert ratio[1] == pytest.approx(ratio[2])
        assert 0.9 <= ratio[0] <= 6.0 / volume.spacing[0] * 1.12
    details = [piece.fine_detail_hu for piece in first]
    assert max(details) > 1.5 * min(details), "kernels and doses differ"


def test_lung_stays_lung(volume: Volume) -> None:
    for piece in pieces(volume, 12):
        where = tuple(torch.from_numpy(piece.lung.voxels.T))
        lung, rest = piece.hu[where], piece.hu
        assert len(lung) > 100
        assert lung.median() < -600 < rest.max()
        assert float(rest.min()) >= -1024


def test_bending_moves_mask_and_voxels_alike() -> None:
    hu = torch.full((20, 40, 40), 40.0)
    hu[6:14, 12:28, 12:28] = -850.0
    bent, mask = _bent(hu, (hu < 0).numpy(), (3.0, 1.0, 1.0), np.random.default_rng(3))
    assert (bent != hu).any()
    inside = torch.from_numpy(mask)
    assert ((bent < -405) == inside).float().mean() > 0.999
    assert abs(int(mask.sum()) - int((hu < 0).sum())) < 0.3 * int((hu < 0).sum())


def test_crops_of_varied_pieces_hold_their_attacks(volume: Volume) -> None:
    sampler = CropSampler([volume], side=40, attacks=3, augment=True)
    spacings = set()
    for seed in range(4):
        crop = sampler.sample(torch.Generator().manual_seed(seed))
        assert crop.hu.shape[1:] == (40, 40)
        for cut in crop.cuts:
            assert 1 <= len(cut.plans) <= 3
            assert cut.before.isfinite().all()
        spacings.add(crop.spacing)
    assert len(spacings) == 4


def test_fine_detail_is_what_noise_has() -> None:
    noise = torch.randn(10, 60, 60, generator=torch.Generator().manual_seed(0)) * 30 - 850
    volume = Volume(noise, (3.0, 1.0, 1.0), Lung(np.ones((10, 60, 60), bool), (1, 1, 1)))
    assert volume.fine_detail_hu == pytest.approx(30 * (8 / 9) ** 0.5, rel=0.02)
