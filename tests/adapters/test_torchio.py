"""TorchIO's transform: history and replay, what it leaves alone, what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import torchio as tio
from tests.adapters.conftest import MAX_HU, SEED, Voxels, channel

import mitsgan as mg
from mitsgan.adapters.torchio import Protect


def subject_of(body: mg.Scan) -> tio.Subject:
    affine = body.geometry.affine
    label = tio.LabelMap(tensor=(channel(body) > 0).to(torch.uint8), affine=affine)
    return tio.Subject(ct=tio.ScalarImage(tensor=channel(body), affine=affine), bone=label)


def test_a_history_replays_bit_for_bit(body: mg.Scan, expected: Voxels) -> None:
    pipeline = tio.Compose(
        [
            tio.ToOrientation("PSL"),
            Protect(seed=SEED, max_hu=MAX_HU, device="cpu"),
            tio.Clamp(-1024, 3071),
        ]
    )
    result = pipeline(subject_of(body))
    (protect,) = [done for done in result.history if isinstance(done, Protect)]
    assert (protect.seed, protect.max_hu) == (SEED, MAX_HU)
    again = result.get_composed_history()(subject_of(body))
    assert torch.equal(again.ct.data, result.ct.data)
    back = tio.ToOrientation("LPS")(result).ct
    wanted = np.clip(expected, -1024, 3071)
    np.testing.assert_array_equal(back.data[0].numpy().transpose(2, 1, 0), wanted)


def test_another_seed_gives_another_perturbation(body: mg.Scan) -> None:
    subject = subject_of(body)
    one, other = (Protect(seed=seed, protector="noise")(subject).ct.data for seed in (0, 1))
    assert not torch.equal(one, other)


def test_labels_geometry_and_the_subject_that_came_stay(body: mg.Scan) -> None:
    subject = subject_of(body)
    before = subject.ct.data.clone()
    result = Protect(protector="noise")(subject)
    assert torch.equal(subject.ct.data, before)
    assert torch.equal(result.bone.data, subject.bone.data)
    np.testing.assert_array_equal(result.ct.affine, subject.ct.affine)
    assert result.ct.data.dtype == torch.float32
    assert not torch.equal(result.ct.data, before)


def test_images_that_are_left_out_stay(body: mg.Scan) -> None:
    result = Protect(protector="noise", exclude=["ct"])(subject_of(body))
    assert torch.equal(result.ct.data, channel(body))
    never = Protect(protector="noise", p=0)(subject_of(body))
    assert torch.equal(never.ct.data, channel(body))


def test_no_number_in_a_voxel_is_padding_and_stays(body: mg.Scan) -> None:
    voxels = channel(body)
    voxels[0, 0, 0, 0] = torch.nan
    image = tio.ScalarImage(tensor=voxels, affine=body.geometry.affine)
    result = Protect(protector="noise", max_hu=5)(image)
    assert torch.isnan(result.data[0, 0, 0, 0])
    assert float((result.data - voxels).nan_to_num().abs().max()) == pytest.approx(5, abs=1e-3)


def test_what_is_no_ct_is_told(body: mg.Scan) -> None:
    several = tio.ScalarImage(tensor=torch.zeros(2, 4, 4, 4))
    with pytest.raises(mg.ScanError, match="one channel"):
        Protect(protector="noise")(several)
    normalised = tio.RescaleIntensity((0, 1))(subject_of(body))
    with pytest.raises(mg.ScanError, match="normalised"):
        Protect(protector="noise")(normalised)
    with pytest.raises(mg.BudgetError):
        Protect(max_hu=0)


def test_it_goes_to_workers_after_it_was_used(body: mg.Scan) -> None:
    """Loaders that spawn their workers pickle it, and a deep copy is made the same way."""
    transform = Protect(device="cpu", max_hu=MAX_HU)
    subject = subject_of(body)
    here = transform(subject).ct.data
    there: Protect = pickle.loads(pickle.dumps(transform))
    assert torch.equal(there(subject).ct.data, here)
