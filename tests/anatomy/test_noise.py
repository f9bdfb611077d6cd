import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.noise import measure_noise
from mitsgan.scan.scan import Geometry, Scan


def make(hu: NDArray[np.float64], spacing: tuple[float, float, float]) -> Scan:
    z = np.ones(len(hu))
    return Scan(np.rint(hu).astype(np.int16), z, 0 * z, -32768, 32767, Geometry(spacing))


@pytest.mark.parametrize("sigma", [3.0, 20.0, 60.0])
@pytest.mark.parametrize("spacing", [(1.0, 0.6, 0.6), (5.0, 0.9, 0.7)])
def test_white_noise_is_found_a_little_too_low(
    sigma: float, spacing: tuple[float, float, float]
) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, (20, 96, 96))
    measured = measure_noise(make(noise - 850, spacing)).hu()
    assert 0.82 * sigma < measured.mean() < sigma
    assert measured.std() < 0.05 * sigma


def test_slopes_edges_and_vessels_are_no_noise() -> None:
    z, y, x = np.indices((16, 96, 96))
    hu = np.random.default_rng(0).normal(0, 10, z.shape) - 850.0
    plain = measure_noise(make(hu, (2.0, 0.7, 0.7))).hu()
    hu += 3 * y + 2 * x  # plane
    hu[:, :, 50:] += 800  # wall
    for row, column in [(20, 10), (40, 20), (60, 30), (70, 75)]:  # vessels along z
        hu[(y - row) ** 2 + (x - column) ** 2 < 6] += 700
    measured = measure_noise(make(hu, (2.0, 0.7, 0.7))).hu()
    assert np.abs(measured / plain - 1).max() < 0.12


def test_noise_is_followed_across_the_scan() -> None:
    sigma = np.linspace(5, 50, 256)
    hu = np.random.default_rng(0).normal(0, 1, (10, 96, 256)) * sigma
    measured = measure_noise(make(hu, (2.5, 0.7, 0.7))).hu()[5, 48]
    inner = slice(20, -20)
    np.testing.assert_allclose(measured[inner], 0.9 * sigma[inner], rtol=0.15)


def test_padding_and_what_is_no_number_count_as_quiet_air() -> None:
    hu = np.full((6, 40, 40), -2000.0)
    scan = make(hu, (2.0, 1.0, 1.0))
    assert not measure_noise(scan).hu().any()
    values = np.full((6, 40, 40), np.nan, np.float32)
    values[:, :2] = np.inf
    z = np.ones(6)
    broken = Scan(values, z, 0 * z, -1e6, 1e6, Geometry((2.0, 1.0, 1.0)))
    measured = measure_noise(broken).hu()
    assert np.isfinite(measured).all()
    assert not measured.any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 50), (2, 7, 5), (40, 4, 4)])
def test_scans_smaller_than_a_neighbourhood_have_noise_too(shape: tuple[int, int, int]) -> None:
    hu = np.random.default_rng(0).normal(0, 9, shape)
    measured = measure_noise(make(hu, (1.0, 0.7, 0.7))).hu()
    assert measured.shape == shape
    assert np.isfinite(measured).all()
    assert (measured > 0).all() == (shape[1] > 1)
