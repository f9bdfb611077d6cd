"""Whole scans of any size: seams, seeds, frequencies, the budget by construction."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from mitsgan.anatomy.body import body_box
from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.places import block_start, cube_size, lung_positions
from mitsgan.errors import WeightsError
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.protect.network import (
    PerturbationGenerator,
    SliceDiscriminator,
    from_patches,
    to_patches,
)
from mitsgan.protect.patches import slice_noise
from mitsgan.protect.region import near_lung, where_it_acts
from mitsgan.scan.scan import Geometry, Scan

WIDTH = (4, 4)
WAVES = (0.47, 0.2)


@pytest.fixture(scope="module")
def protector() -> MitsGan:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = PerturbationGenerator(WIDTH, waves=WAVES).eval().requires_grad_(False)
        torch.nn.init.normal_(generator.amplitudes.weight)
    generator.head.weight.mul_(20)  # an untrained head is too faint to test with
    return MitsGan(generator, 0)


def test_slabs_leave_no_seam(protector: MitsGan) -> None:
    scan = chest((23, 40, 40), (6.0, 8.0, 8.0))
    whole = apply_perturbations(scan, [protector], Budget(10), slab=23)
    assert whole.rms_hu > 1
    for slab in (1, 2, 5, 16):
        parts = apply_perturbations(scan, [protector], Budget(10), slab=slab)
        difference = np.abs(parts.scan.stored.astype(int) - whole.scan.stored)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-4


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(3, 35), st.integers(3, 35)),
    spacing=st.tuples(st.floats(0.4, 8.0), st.floats(0.3, 6.0), st.floats(0.3, 6.0)),
    max_hu=st.sampled_from([1.0, 2.5, 40.0]),
)
def test_any_size_and_spacing_within_the_budget(
    protector: MitsGan,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    max_hu: float,
) -> None:
    stored = np.random.default_rng(0).integers(-1000, 500, shape).astype(np.int16)
    z = np.ones(shape[0])
    scan = Scan(stored, z, 0 * z, -32768, 32767, Geometry(spacing))
    perturbation = protector.perturbation(scan, 0, shape[0], Budget(max_hu))
    assert perturbation.shape == shape
    assert np.abs(perturbation).max() <= max_hu
    result = apply_perturbations(scan, [protector], Budget(max_hu))
    assert np.abs(result.scan.stored.astype(int) - stored).max() <= max_hu


def test_voxels_without_a_value_do_not_spread(protector: MitsGan) -> None:
    stored = np.random.default_rng(0).normal(-850, 30, (5, 24, 24)).astype(np.float32)
    stored[2, 10, 10] = np.nan
    z = np.ones(5)
    scan = Scan(stored, z, 0 * z, -1e4, 1e4, Geometry((2.0, 1.0, 1.0)))
    result = apply_perturbations(scan, [protector], Budget(10)).scan.stored
    assert np.isnan(result).sum() == 1
    assert np.nanmax(np.abs(result - stored)) > 1


def test_only_the_body_is_worked_on(protector: MitsGan) -> None:
    stored = np.full((4, 64, 64), -1000, np.int16)
    stored[:, 24:40, 16:48] = 40
    z = np.ones(4)
    scan = Scan(stored, z, 0 * z, -32768, 32767, Geometry((2.0, 1.0, 1.0)))
    _, rows, columns = where_it_acts(scan)
    assert 16 <= rows.start <= 24
    assert 40 <= rows.stop <= 48
    assert 8 <= columns.start <= 16
    assert 48 <= columns.stop <= 56
    perturbation = protector.perturbation(scan, 0, 4, Budget(10))
    assert not perturbation[:, : rows.start].any()
    assert perturbation[:, rows, columns].any()


@pytest.fixture(scope="module")
def torso() -> Scan:
    return chest((48, 96, 96), (7.5, 3.6, 3.6))


def test_the_network_works_on_a_block_around_the_lungs(torso: Scan) -> None:
    box = where_it_acts(torso)
    assert where_it_acts(torso) is box
    inside = np.zeros(torso.shape, bool)
    inside[box] = True
    assert inside.mean() < 0.6
    alone = torso.with_slices(np.full_like(torso.stored, 40), 0, 48)
    assert where_it_acts(alone) == (slice(0, 48), slice(0, 96), slice(0, 96))
    for part, body in zip(box[1:], body_box(torso), strict=True):
        assert body.start - 8 <= part.start
        assert part.stop <= body.stop + 8


def test_the_lungs_and_24_mm_around_them_are_perturbed(protector: MitsGan, torso: Scan) -> None:
    perturbation = protector.perturbation(torso, 0, 48, Budget(10))
    lung = find_lung(torso)
    apart = cKDTree(lung.voxels * torso.spacing)
    places = np.random.default_rng(0).integers(0, torso.shape, (4000, 3))
    distance = apart.query(places * torso.spacing)[0]
    moved = np.abs(perturbation[tuple(places.T)])
    step = np.hypot.reduce(np.multiply(lung.stride, torso.spacing))
    assert (distance > 24 + step / 2).sum() > 500
    assert not moved[distance > 24 + step / 2].any()
    assert moved[distance < 20].mean() > 1


def test_what_an_attack_in_the_lung_sees_is_what_the_whole_block_would_give(
    protector: MitsGan, torso: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    perturbation = protector.perturbation(torso, 0, 48, Budget(10))
    monkeypatch.setattr("mitsgan.protect.bounded.near_lung", lambda scan: None)
    block = protector.perturbation(torso, 0, 48, Budget(10))
    assert (perturbation != block).mean() > 0.1
    size = cube_size(torso.spacing)
    for position in lung_positions(torso, 100, 0):
        starts = block_start(position, size)
        seen = tuple(slice(start, start + n) for start, n in zip(starts, size, strict=True))
        np.testing.assert_array_equal(perturbation[seen], block[seen])


def test_without_a_lung_the_whole_body_is_perturbed(protector: MitsGan) -> None:
    stored = np.full((4, 64, 64), 40, np.int16)
    z = np.ones(4)
    scan = Scan(stored, z, 0 * z, -32768, 32767, Geometry((2.0, 1.0, 1.0)))
    assert near_lung(scan) is None
    moved = np.abs(protector.perturbation(scan, 0, 4, Budget(10)))
    assert min(part.mean() for part in (moved[:, :8], moved[:, -8:])) > 0.01


def test_a_seed_decides_the_noise_and_nothing_else_does(protector: MitsGan) -> None:
    scan = chest((6, 32, 32), (6.0, 10.0, 10.0))
    budget = Budget(10)
    other = MitsGan(protector.network, 1)
    first = protector.perturbation(scan, 0, 6, budget)
    torch.rand(7)  # the global state plays no part
    np.testing.assert_array_equal(first, protector.perturbation(scan, 0, 6, budget))
    assert np.abs(first - other.perturbation(scan, 0, 6, budget)).max() > 0
    assert not np.array_equal(slice_noise(0, 3, (8, 8)), slice_noise(0, 4, (8, 8)))


def test_the_residual_has_no_local_mean() -> None:
    generator = PerturbationGenerator(WIDTH).eval()
    bias = generator.head.bias
    assert bias is not None
    bias.data.fill_(5.0)  # an offset that the local mean must take away
    hu, noise = torch.full((10, 64, 64), -850.0), torch.zeros(10, 16, 16)
    with torch.no_grad():
        residual = generator(hu, noise, (2.0, 0.7, 0.7))
    inner = residual[:, 24:40, 24:40]
    assert float(inner.mean().abs()) < 1e-3
    assert float(residual.abs().max()) < 5


def test_gradients_reach_scan_and_weights() -> None:
    generator = PerturbationGenerator(WIDTH)
    hu = torch.randn(10, 16, 16).mul(20).add(-850).requires_grad_(True)
    generator(hu, torch.randn(10, 4, 4), (2.0, 1.0, 1.0)).square().sum().backward()
    assert hu.grad is not None
    assert (hu.grad != 0).any()
    for name, weight in generator.named_parameters():
        assert weight.grad is not None, name


def test_the_discriminator_scores_patches() -> None:
    logits = SliceDiscriminator(4)(torch.randn(3, 1, 64, 48) * 100 - 800)
    assert logits.shape == (3, 1, 8, 6)


def test_weights_come_back_as_they_were_saved(protector: MitsGan, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    protector.save(path, {"config": {"width": WIDTH, "waves": WAVES}})
    loaded = MitsGan.load(path, seed=5)
    assert loaded.seed == 5
    for name, tensor in protector.network.state_dict().items():
        torch.testing.assert_close(
            loaded.network.state_dict()[name].float(), tensor, rtol=1e-2, atol=1e-3
        )


def test_weights_that_do_not_fit_their_card_are_refused(protector: MitsGan, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    protector.save(path, {"config": {"width": (4, 8)}})
    with pytest.raises(WeightsError, match="do not fit"):
        MitsGan.load(path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("gradient", [False, True])
def test_patches_hold_their_pixels_in_rows(dtype: torch.dtype, gradient: bool) -> None:
    slices = torch.randn(3, 8, 12).to(dtype).requires_grad_(gradient)
    patches = to_patches(slices)
    assert patches.shape == (3, 2, 3, 16)
    torch.testing.assert_close(patches[1, 1, 2].view(4, 4), slices[1, 4:8, 8:12])
    back = from_patches(patches)
    torch.testing.assert_close(back, slices)
    assert back.requires_grad == gradient
