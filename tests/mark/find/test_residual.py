"""The residual of a unit against the same thing said plainly, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.mark.find.residual import Whitening, estimate_whitening, one_residual, residuals
from mitsgan.mark.sliding import Slider
from mitsgan.mark.strength import averaged, local_noise
from mitsgan.scan.scan import Geometry, Scan

WHITENING = Whitening(0.6, 0.5, 0.3)


def scan_of(hu: NDArray[np.float64]) -> Scan:
    z = np.ones(len(hu))
    geometry = Geometry((2.0, 0.7, 0.7))
    return Scan(np.rint(hu).astype(np.int16), z, 0 * z, -32768, 32767, geometry)


@pytest.fixture(scope="module")
def noise() -> Scan:
    return scan_of(np.random.default_rng(0).normal(0, 40, (5, 24, 32)))


def plain(scan: Scan) -> NDArray[np.float64]:
    """Each voxel less what its neighbours tell, added up over units with alternating signs."""
    r = scan.hu().astype(np.float64)
    for axis, weight in ((2, WHITENING.x), (1, WHITENING.y), (0, WHITENING.z)):
        wide = np.pad(r, [(1, 1) if k == axis else (0, 0) for k in range(3)], mode="edge")
        r = r - weight * (
            np.take(wide, range(r.shape[axis]), axis)
            + np.take(wide, range(2, r.shape[axis] + 2), axis)
        )
    alternating = np.array([[1, -1], [-1, 1]])
    units = r.reshape(len(r), r.shape[1] // 2, 2, r.shape[2] // 2, 2)
    return np.asarray(np.einsum("zyaxb,ab->zyx", units, alternating))


def test_units_are_prediction_errors_added_up(noise: Scan) -> None:
    box = (slice(0, 24), slice(0, 32))
    units = np.stack([part[0].copy() for part in residuals(noise, WHITENING, box)])
    expected = plain(noise) / ((1 + WHITENING.x) * (1 + WHITENING.y))
    np.testing.assert_allclose(units, expected, atol=1e-3)
    for z in (0, 2, 4):
        np.testing.assert_allclose(one_residual(noise, z, WHITENING), expected[z], atol=1e-3)


def test_a_turned_slice_is_filtered_as_if_it_had_been_written_so(noise: Scan) -> None:
    turned = noise.with_stored(np.ascontiguousarray(noise.stored[:, ::-1, ::-1]))
    np.testing.assert_allclose(
        one_residual(turned, 2, WHITENING, (-1, -1)), one_residual(noise, 2, WHITENING), atol=1e-3
    )


def test_the_mark_is_kept_in_its_own_units() -> None:
    """A mark of 3 HU gives four times 3 per unit, whatever the weights."""
    signs = np.where(np.random.default_rng(1).random((1, 12, 16)) < 0.5, -1, 1)
    voxels = np.kron(signs, np.array([[[1, -1], [-1, 1]]]))
    units = one_residual(scan_of(3.0 * voxels), 0, Whitening(0.6, 0.5, 0.0))
    assert (units * signs[0]).mean() == pytest.approx(12, rel=0.05)


def test_weights_are_those_of_the_noise() -> None:
    rng = np.random.default_rng(2)
    white = rng.normal(0, 30, (5, 64, 64))
    smooth = white + 0.5 * (np.roll(white, 1, 2) + np.roll(white, -1, 2))
    box = (slice(0, 64), slice(0, 64))
    whitening = estimate_whitening(scan_of(smooth), box)
    assert whitening.x > 0.3
    assert abs(whitening.y) < 0.05
    assert abs(whitening.z) < 0.05


def test_noise_is_measured_in_hu_and_averaged_over_squares() -> None:
    hu = np.random.default_rng(3).normal(0, 25, (256, 256)).astype(np.float32)
    noise = local_noise(hu)
    assert noise.shape == (64, 64)
    assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(25, rel=0.02)
    everywhere = np.ones((1, 64, 64), np.bool_)
    (smooth,) = averaged(noise[None], (8, 8), everywhere, Slider(np.float32))
    assert smooth.shape == noise.shape
    assert smooth[20, 30] == pytest.approx(noise[16:24, 26:34].mean(), rel=1e-5)
