from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.attack.equalize import BINS, Equalization, Interpolation

_STEPS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


def _tensor(values: list[int] | list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@settings(deadline=None)
@given(data=st.data(), steps=_STEPS)
def test_interp_equals_numpy(data: st.DataObject, steps: list[int]) -> None:
    """Also where the table is flat (steps of 0), at its points, and beyond its ends."""
    xp = np.cumsum([-7, *steps]).astype(np.float64)
    values = st.integers(-50, 50)
    fp = np.asarray(data.draw(st.lists(values, min_size=len(xp), max_size=len(xp))), np.float64)
    between = data.draw(st.lists(st.floats(-12, 70), max_size=8))
    x = np.concatenate([xp, xp + 0.25, [xp[0] - 100, xp[-1] + 100], between])
    ours = Interpolation(torch.from_numpy(xp), torch.from_numpy(fp))(torch.from_numpy(x))
    np.testing.assert_allclose(ours.numpy(), np.interp(x, xp, fp), rtol=0, atol=1e-10)


def test_interp_keeps_the_shape() -> None:
    x = torch.zeros(2, 3, 4, dtype=torch.float64)
    assert Interpolation(_tensor([0, 1]), _tensor([5, 6]))(x).shape == x.shape


def test_interp_has_the_slope_as_its_gradient() -> None:
    xp, fp = _tensor([0, 1, 3, 3, 7]), _tensor([0, 4, 5, 9, 1])
    x = _tensor([-2.0, 0.5, 2.0, 4.0, 6.9, 7.5]).requires_grad_(True)
    (gradient,) = torch.autograd.grad(Interpolation(xp, fp)(x).sum(), x)
    np.testing.assert_allclose(gradient.numpy(), [0, 4, 0.5, -2, -2, 0], atol=1e-12)


def test_interp_on_a_flat_table_has_a_finite_gradient() -> None:
    x, flat = _tensor([0.0, 1.0, 2.0]), Interpolation(_tensor([1, 1, 1]), _tensor([3, 4, 5]))
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(flat(x).sum(), x)
    assert torch.isfinite(gradient).all()


def _cubes() -> list[torch.Tensor]:
    """Enough voxels that no bin of 10,000 stays empty."""
    rng = np.random.default_rng(3)
    return [torch.from_numpy(rng.uniform(-1000, 1000, (48, 48, 48))) for _ in range(3)]


def test_fit_counts_voxels_per_cube() -> None:
    cubes = _cubes()
    table = Equalization.fit(cubes)
    values = torch.stack(cubes).numpy().ravel()
    counts, edges = np.histogram(values, BINS)
    assert table.bins.shape == table.cdf.shape == (BINS,)
    np.testing.assert_allclose(table.bins.numpy(), (edges[1:] + edges[:-1]) / 2, atol=1e-3)
    np.testing.assert_allclose(table.cdf.numpy(), np.cumsum(counts) / 3, atol=1.0)
    assert float(table.cdf[-1]) == 48**3


def test_normalized_cubes_have_mean_zero_and_range_one() -> None:
    cubes = _cubes()
    table = Equalization.fit(cubes)
    unit = table.normalize(torch.stack(cubes))
    assert abs(float(unit.mean())) < 1e-6
    assert abs(float(unit.max() - unit.min()) - 1) < 1e-6


def test_the_table_goes_where_the_cubes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is trained on a GPU has its table, which scans gave, on the processor."""

    class Played:
        def __init__(self, xp: torch.Tensor, fp: torch.Tensor) -> None:
            self.device = xp.device

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            assert x.device == self.device
            return x

    table = Equalization.fit(_cubes())
    monkeypatch.setattr("mitsgan.attack.equalize.Interpolation", Played)
    elsewhere = torch.zeros(2, 3, device="meta")
    assert table.normalize(elsewhere).device == elsewhere.device
    assert table.denormalize(elsewhere).device == elsewhere.device
    assert table.normalize(torch.zeros(2)).device == torch.device("cpu")


def test_uniform_values_are_equalised_to_a_line() -> None:
    table = Equalization.fit(_cubes())
    unit = table.normalize(_tensor([-500.0, 0.0, 500.0]))
    np.testing.assert_allclose(unit.numpy(), [-0.25, 0, 0.25], atol=0.005)


def test_round_trip_is_within_one_bin() -> None:
    table = Equalization.fit(_cubes())
    hu = torch.linspace(-995, 995, 4001, dtype=torch.float64)
    back = table.denormalize(table.normalize(hu))
    width = float(table.bins[1] - table.bins[0])
    assert float((back - hu).abs().max()) < width


def test_values_beyond_the_table_are_held_at_its_ends() -> None:
    table = Equalization.fit(_cubes())
    unit = table.normalize(_tensor([-3000.0, 3000.0]))
    ends = table.normalize(table.bins[[0, -1]].double())
    torch.testing.assert_close(unit, ends)
    back = table.denormalize(_tensor([-9.0, 9.0]))
    np.testing.assert_allclose(back.numpy(), [-1000, 1000], atol=0.5)


def test_works_in_the_precision_of_its_input() -> None:
    table = Equalization.fit(_cubes())
    assert table.normalize(torch.zeros(2)).dtype == torch.float32
    assert table.normalize(torch.zeros(2).double()).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["even", "uneven", "steep", "flat"])
def test_a_look_into_the_table_finds_what_a_search_does(dtype: torch.dtype, kind: str) -> None:
    even = torch.linspace(-1024.3, 3071.7, 1000, dtype=dtype)
    points = {
        "even": even,
        "uneven": even + 0.2 * (even[1] - even[0]) * torch.sin(torch.arange(1000)).to(dtype),
        "steep": even.sign() * even.abs() ** 3 / 1e6,  # many points in few cells
        "flat": even.clamp(0, 100),
    }[kind]
    beyond = torch.full((1,), torch.inf, dtype=dtype)
    x = torch.cat(
        (
            5000 * torch.randn(5000, generator=torch.Generator().manual_seed(0)).to(dtype),
            points,
            torch.nextafter(points, beyond),
            torch.nextafter(points, -beyond),
            torch.tensor([torch.inf, -torch.inf, torch.nan], dtype=dtype),
        )
    )
    counts = Interpolation(points, even)._count(x)
    assert counts.equal(torch.searchsorted(points, x, right=True))


def test_what_is_no_number_stays_none() -> None:
    table = Equalization.fit(_cubes())
    assert table.normalize(torch.tensor([torch.nan])).isnan().all()
