"""The guarantee: whatever the layers say, stored values keep the budget and padding stays."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitsgan.errors import BudgetError, ExtensionError
from mitsgan.mark import Key, Mark, WithMark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import Offset
from mitsgan.scan.scan import Geometry, Scan

GEOMETRY = Geometry((2.0, 1.0, 1.0))


@dataclass
class Wild:
    """A layer that asks for anything, without regard to the budget."""

    scale: float
    seed: int = 0

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        rows = [
            np.random.default_rng((self.seed, z)).normal(0, self.scale, scan.shape[1:])
            for z in range(start, stop)
        ]
        return np.stack(rows).astype(np.float32)


@dataclass
class Asked:
    """A layer that asks for these HU, ``[z, y, x]``."""

    hu: NDArray[np.float32]

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        return self.hu[start:stop]


def make_scan(
    dtype: str, slope: float, intercept: float, bits: int, signed: bool, padding: bool, seed: int
) -> Scan:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    rng = np.random.default_rng(seed)
    stored = rng.integers(low, high + 1, (5, 6, 7)).astype(dtype)
    stored[0, 0] = low
    stored[0, 1] = high
    z = np.ones(5)
    return Scan(
        stored,
        slope * z,
        intercept * z,
        low,
        high,
        GEOMETRY,
        (low, low + 3) if padding else None,
    )


@settings(max_examples=150, deadline=None)
@given(
    max_hu=st.floats(1.0, 60.0),
    scale=st.sampled_from([0.1, 5.0, 1e4]),
    slope=st.sampled_from([0.25, 0.7, 1.0]),
    intercept=st.sampled_from([-1024.0, 0.0, -8192.5]),
    kind=st.sampled_from([("int16", 16, True), ("uint16", 12, False), ("uint16", 16, False)]),
    padding=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_integers_keep_budget_range_and_padding(
    max_hu: float,
    scale: float,
    slope: float,
    intercept: float,
    kind: tuple[str, int, bool],
    padding: bool,
    seed: int,
) -> None:
    scan = make_scan(kind[0], slope, intercept, kind[1], kind[2], padding, seed)
    result = apply_perturbations(scan, [Wild(scale), Wild(scale, 1)], Budget(max_hu), slab=2)
    moved = (result.scan.stored.astype(np.int64) - scan.stored) * slope
    assert np.abs(moved).max() <= max_hu * (1 + 1e-9)
    assert result.scan.stored.min() >= scan.lowest
    assert result.scan.stored.max() <= scan.highest
    np.testing.assert_array_equal(result.scan.is_padding(), scan.is_padding())
    assert not moved[scan.is_padding()].any()
    assert result.largest_hu == pytest.approx(np.abs(moved).max(), rel=1e-5)
    inside = ~scan.is_padding()
    expected = np.sqrt((moved[inside] ** 2).mean()) if inside.any() else 0
    assert result.rms_hu == pytest.approx(expected, rel=1e-4)
    assert result.voxels == inside.sum()


SLOPES = np.array([1.0, 0.5, 2.0])


def scan_of_slopes(dtype: str) -> Scan:
    """Slices whose stored steps are 1, 0.5 and 2 HU, all 100 as stored."""
    return Scan(np.full((3, 4, 5), 100, dtype), SLOPES, np.zeros(3), -1000, 1000, GEOMETRY)


def test_integers_get_what_is_asked_for_to_the_nearest_step() -> None:
    scan, hu = scan_of_slopes("int16"), np.zeros((3, 4, 5), np.float32)
    hu[:, 1, 1], hu[:, 1, 3], hu[:, 2, 2], hu[:, 3, 4] = 3.3, -3.3, 2.6, 50.0
    result = apply_perturbations(scan, [Asked(hu)], Budget(9))
    steps = result.scan.stored.astype(int) - scan.stored
    expected = np.zeros_like(steps)
    expected[:, 1, 1], expected[:, 1, 3] = (3, 7, 2), (-3, -7, -2)
    expected[:, 2, 2], expected[:, 3, 4] = (3, 5, 1), (9, 18, 4)
    np.testing.assert_array_equal(steps, expected)
    assert result.largest_hu == 9
    assert result.rms_hu == pytest.approx(np.sqrt(np.mean((expected.T * SLOPES) ** 2)))


def test_floats_get_what_is_asked_for() -> None:
    scan, hu = scan_of_slopes("float32"), np.zeros((3, 4, 5), np.float32)
    hu[:, 1, 1], hu[:, 2, 3], hu[:, 3, 4] = 3.25, -2.5, 50.0
    result = apply_perturbations(scan, [Asked(hu)], Budget(9))
    moved = (result.scan.stored - scan.stored).T * SLOPES
    np.testing.assert_array_equal(moved, np.clip(hu, -9, 9).T)


def test_the_budget_covers_the_largest_step_of_all_slices() -> None:
    hu = np.ones((3, 4, 5), np.float32)
    with pytest.raises(BudgetError, match="smaller than one stored step \\(2 HU\\)"):
        apply_perturbations(scan_of_slopes("int16"), [Asked(hu)], Budget(1.5))


@settings(max_examples=60, deadline=None)
@given(
    max_hu=st.floats(0.01, 60.0),
    slope=st.sampled_from([1.0, 0.1, 3.7]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 1000),
)
def test_floats_keep_the_budget_exactly(max_hu: float, slope: float, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stored = rng.uniform(-1500, 3000, (4, 5, 6)).astype(dtype)
    stored[0, 0, 0] = np.nan
    z = np.ones(4)
    scan = Scan(stored, slope * z, -20 * z, -1e6, 1e6, GEOMETRY)
    result = apply_perturbations(scan, [Wild(1e4)], Budget(max_hu), slab=3)
    moved = (result.scan.stored.astype(np.float64) - stored.astype(np.float64)) * slope
    inside = ~scan.is_padding()
    assert np.abs(moved[inside]).max() <= max_hu * (1 + 1e-12)
    np.testing.assert_array_equal(result.scan.stored[~inside], stored[~inside])
    np.testing.assert_array_equal(result.scan.is_padding(), scan.is_padding())


def test_slabs_do_not_change_the_result() -> None:
    scan = make_scan("int16", 1.0, 0.0, 12, True, True, 0)
    results = [
        apply_perturbations(scan, [Wild(9.0)], Budget(10), slab=n).scan.stored for n in (1, 3, 9)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_the_source_is_not_touched_and_progress_is_told() -> None:
    scan = make_scan("int16", 1.0, 0.0, 12, True, True, 0)
    before, steps = scan.stored.copy(), []
    apply_perturbations(
        scan,
        [Wild(9.0)],
        Budget(10),
        slab=2,
        progress=lambda done, all_: steps.append((done, all_)),
    )
    np.testing.assert_array_equal(scan.stored, before)
    assert steps == [(2, 5), (4, 5), (5, 5)]


def test_a_layer_that_gives_no_numbers_is_refused() -> None:
    scan = make_scan("int16", 1.0, 0.0, 12, True, True, 0)
    with pytest.raises(BudgetError, match="no numbers"):
        apply_perturbations(scan, [Wild(np.nan)], Budget(10))


def make_noisy(dtype: str, slope: float, padding: bool, seed: int) -> Scan:
    """Noise that grows along x from none, with padding at two corners."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(0, 1, (6, 24, 32)) * np.linspace(0, 60, 32) - 800
    stored = (hu / slope) if dtype.startswith("float") else np.rint(hu / slope)
    stored = stored.astype(dtype)
    stored[:, :4, :4] = stored[2, -3:, -3:] = round(-2000 / slope)
    z = np.ones(6)
    padding_range = (round(-2000 / slope),) * 2 if padding else None
    return Scan(stored, slope * z, 0 * z, -30000, 30000, GEOMETRY, padding_range)


@settings(max_examples=60, deadline=None)
@given(
    max_hu=st.floats(4.0, 60.0),
    fraction=st.sampled_from([0.3, 0.5, 2.0]),
    scale=st.sampled_from([1.0, 1e4]),
    slope=st.sampled_from([0.25, 0.7, 1.0, 1.3]),
    dtype=st.sampled_from(["int16", "float32", "float64"]),
    padding=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_voxel_moves_further_than_its_part_of_the_noise(
    max_hu: float, fraction: float, scale: float, slope: float, dtype: str, padding: bool, seed: int
) -> None:
    scan = make_noisy(dtype, slope, padding, seed)
    budget = Budget(max_hu, fraction)
    result = apply_perturbations(scan, [Wild(scale), Wild(scale, 1)], budget, slab=4)
    moved = np.abs(result.scan.stored.astype(np.float64) - scan.stored) * slope
    limits = np.asarray(budget.limits(scan), np.float64)
    inside = ~scan.is_padding()
    assert (moved <= limits * (1 + 1e-6)).all()
    assert moved[inside].max() == pytest.approx(result.largest_hu, rel=1e-5)
    assert not moved[~inside].any()
    if scale > 1e3 and scan.is_integer:  # what wants more than it may gets all that it may
        steps = np.floor(limits[inside] / slope + 1e-9)
        assert (moved[inside] >= (steps - 1e-6) * slope).mean() > 0.98


def test_slabs_do_not_change_what_a_part_of_the_noise_allows() -> None:
    scan = make_noisy("int16", 1.0, True, 0)
    budget = Budget(30, 0.5)
    results = [
        apply_perturbations(scan, [Wild(99.0)], budget, slab=n).scan.stored for n in (1, 4, 9)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_the_mark_gets_its_part_of_the_noise_at_most() -> None:
    scan, budget = make_noisy("int16", 1.0, True, 0), Budget(30, 0.5)
    mark = Mark(Key(bytes(range(32))), "x", 20.0)
    of_scan = budget.on(scan)
    limits = np.asarray(of_scan.limits(scan))
    added = np.abs(mark.perturbation(scan, 0, 6, of_scan))
    assert (added <= limits + 1e-5).all()
    assert (added > limits / 2 + 1e-5).any()
    both = apply_perturbations(scan, [WithMark(mark, (Offset(30),))], budget)
    assert (np.abs(both.scan.stored.astype(int) - scan.stored) <= limits).all()


@dataclass
class Returned:
    """A layer that returns this, whatever it is asked for."""

    value: object

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        return self.value  # type: ignore[return-value]


@pytest.mark.parametrize(
    "value, found",
    [
        (np.ones((20, 8, 8), np.float32), r"ndarray of float32 of shape \[20, 8, 8\]"),
        (np.ones((8, 8), np.float32), r"ndarray of float32 of shape \[8, 8\]"),
        (np.fft.ifftn(np.ones((16, 8, 8))), r"ndarray of complex128 of shape \[16, 8, 8\]"),
        (torch.ones(16, 8, 8), r"Tensor of shape \[16, 8, 8\]"),
        (3.0, "float"),
        (None, "NoneType"),
    ],
)
def test_what_is_not_of_the_slices_asked_for_is_refused(value: object, found: str) -> None:
    """Of a whole scan, each slab would else have got its first slices."""
    scan = Scan.from_hu(np.zeros((20, 8, 8), np.int16), (2.0, 1.0, 1.0), plausible=False)
    wanted = rf"gave a {found}.*must return an ndarray of real numbers of shape \[16, 8, 8\]"
    with pytest.raises(ExtensionError, match=wanted):
        apply_perturbations(scan, [Returned(value)], Budget(5))
