from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitsgan.attack.resample import Triple, zoom

_SIDE = st.integers(2, 48)


def _volume(shape: Triple, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(shape) * 300 - 500


def _scipy_zoom(volume: NDArray[np.float64], size: Triple) -> NDArray[np.float64]:
    factors = [new / old for new, old in zip(size, volume.shape, strict=True)]
    zoomed: NDArray[np.float64] = scipy.ndimage.zoom(volume, factors, order=3, mode="nearest")
    return zoomed


@settings(deadline=None, max_examples=60)
@given(
    before=st.tuples(_SIDE, _SIDE, _SIDE),
    after=st.tuples(_SIDE, _SIDE, _SIDE),
    seed=st.integers(0, 99),
)
def test_equals_scipy(before: Triple, after: Triple, seed: int) -> None:
    volume = _volume(before, seed)
    expected = _scipy_zoom(volume, after)
    assert expected.shape == after
    ours = zoom(torch.from_numpy(volume), after).numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10 * np.abs(volume).max())


@pytest.mark.parametrize("size", [(13, 46, 46), (32, 42, 42), (6, 38, 38)])
def test_equals_scipy_at_the_sizes_of_real_scans(size: Triple) -> None:
    """Cubes of 2.5, 1 and 5 mm slices: there and back, each way as scipy does it."""
    volume = _volume(size)
    cube = zoom(torch.from_numpy(volume), (32, 32, 32))
    np.testing.assert_allclose(cube.numpy(), _scipy_zoom(volume, (32, 32, 32)), atol=1e-9)
    back = zoom(cube, size)
    np.testing.assert_allclose(back.numpy(), _scipy_zoom(cube.numpy(), size), atol=1e-9)


def test_same_size_and_no_shift_changes_nothing() -> None:
    volume = torch.from_numpy(_volume((5, 6, 7)))
    assert torch.equal(zoom(volume, (5, 6, 7), (0.0, 0.0, 0.0)), volume)


def test_a_vanishing_shift_is_continuous_with_none() -> None:
    """The shortcut for equal sizes agrees with the matrices that it avoids."""
    volume = torch.from_numpy(_volume((5, 6, 7)))
    near = zoom(volume, (5, 6, 7), (1e-12, -1e-12, 1e-12))
    np.testing.assert_allclose(near.numpy(), volume.numpy(), atol=1e-8)


def test_a_shift_by_whole_voxels_moves_the_grid_and_holds_the_edge() -> None:
    volume = _volume((6, 5, 4))
    moved = zoom(torch.from_numpy(volume), (6, 5, 4), (2.0, 0.0, -1.0)).numpy()
    z = np.clip(np.arange(6) + 2, 0, 5)
    x = np.clip(np.arange(4) - 1, 0, 3)
    np.testing.assert_allclose(moved, volume[z][:, :, x], atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    shift=st.tuples(*[st.floats(-0.9, 0.9)] * 3),
    after=st.tuples(_SIDE, _SIDE, _SIDE),
)
def test_a_fractional_shift_equals_scipys_spline(
    shift: tuple[float, float, float], after: Triple
) -> None:
    volume = _volume((7, 9, 8))
    axes = [
        np.clip(np.linspace(0, old - 1, new) + moved, 0, old - 1)
        for old, new, moved in zip(volume.shape, after, shift, strict=True)
    ]
    grid = np.meshgrid(*axes, indexing="ij")
    expected = scipy.ndimage.map_coordinates(volume, grid, order=3, mode="nearest")
    ours = zoom(torch.from_numpy(volume), after, shift).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_gradient_is_the_transpose() -> None:
    before, after = (3, 4, 2), (5, 3, 4)
    columns = [
        _scipy_zoom(basis.reshape(before), after).ravel() for basis in np.eye(int(np.prod(before)))
    ]
    upstream = torch.from_numpy(_volume(after, seed=1))
    volume = torch.zeros(before, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(zoom(volume, after), volume, upstream)
    expected = np.stack(columns) @ upstream.numpy().ravel()
    np.testing.assert_allclose(gradient.numpy().ravel(), expected, atol=1e-9)


def test_batches_are_resampled_each_on_its_own() -> None:
    volumes = torch.from_numpy(np.stack([_volume((5, 6, 7), seed) for seed in range(3)]))
    together = zoom(volumes, (4, 9, 7))
    for one, alone in zip(volumes, together, strict=True):
        torch.testing.assert_close(zoom(one, (4, 9, 7)), alone, rtol=0, atol=1e-10)


def test_keeps_the_dtype() -> None:
    assert zoom(torch.zeros(2, 4, 4, 4), (3, 3, 3)).dtype == torch.float32
