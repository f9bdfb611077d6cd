import numpy as np
import pytest
import torch

from mitsgan.anatomy.lung import Lung
from mitsgan.errors import ScanError
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cubes import CubeSampler, Volume, coarsen, sharpened, thicken, volumes


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


def test_of_many_scans_the_one_without_a_lung_is_named(training_chest: Scan) -> None:
    empty = training_chest.with_stored(np.full_like(training_chest.stored, -1000))
    with pytest.raises(ScanError, match=r"^scan 2 of 2: found no"):
        volumes([training_chest, empty], thicknesses=())
    with pytest.raises(ScanError, match=r"^found no"):
        volumes([empty], thicknesses=())


def test_what_has_no_value_is_trained_on_as_air(training_chest: Scan) -> None:
    hu = training_chest.hu()
    hu[:, :8] = np.nan  # outside the field of view, as scans of floats have it
    hu[3, 40, 40] = np.nan
    floats = Scan.from_hu(hu, training_chest.spacing)
    made = volumes([floats], thicknesses=(6.0,), pixel_scales=(1.0, 1.25))
    assert len(made) == 4
    for volume in sharpened(made, (0.0, 2.0)):
        assert bool(volume.hu.isfinite().all())
        assert float(volume.hu[:, :4].max()) < -1000


def test_a_seed_decides_the_cubes(data_volumes: list[Volume]) -> None:
    sampler = CubeSampler(data_volumes, "inject")
    first, again, other = (sampler.sample(2, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)


def test_larger_pixels_cover_the_same_field(training_chest: Scan) -> None:
    coarse = coarsen(training_chest, 1.25)
    assert coarse.shape == (40, 90, 90)
    for old, new, n in zip(training_chest.spacing, coarse.spacing, (40, 90, 90), strict=True):
        assert new * n == pytest.approx(old * {40: 40, 90: 112}[n])
    middle = coarse.hu()[20, 30:60, 30:60].mean()
    assert middle == pytest.approx(training_chest.hu()[20, 37:75, 37:75].mean(), abs=15)


def test_sharper_kernels_have_more_noise(data_volumes: list[Volume]) -> None:
    plain, sharp = sharpened(data_volumes[:1], (0.0, 3.0))
    assert plain is data_volumes[0]
    z, y, x = plain.position(np.random.default_rng(0))
    where = (z, slice(y - 5, y + 5), slice(x - 5, x + 5))
    assert sharp.hu[where].std() > 1.5 * plain.hu[where].std()
    assert float(sharp.hu.min()) >= -1024


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.75), (5.0, 0.84, 0.9)])
def test_a_cube_lies_around_its_position(spacing: tuple[float, float, float]) -> None:
    """On a ramp the mean of a cube is the value in its middle."""
    shape = tuple(round(70 / s) for s in spacing)
    z, y, x = torch.meshgrid(*(torch.arange(float(n)) for n in shape), indexing="ij")
    lung = Lung(np.ones((4, 4, 4), bool), (8, 8, 8))
    volume = Volume(3 * z - 2 * y + x, spacing, lung)
    index = [n / 2 + part for n, part in zip(shape, (0.3, -0.4, 0.1), strict=True)]
    expected = 3 * index[0] - 2 * index[1] + index[2]
    assert float(volume.cube(index).mean()) == pytest.approx(expected, abs=0.1)  # edges are held
    assert volume.holds(index)
    assert not volume.holds([index[0], index[1], 3.0])
