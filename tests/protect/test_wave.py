import numpy as np
import pytest
from scipy import fft

from mitsgan.anatomy.lung import find_lung
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect.wave import CYCLES_PER_MM, LungWave
from mitsgan.scan.scan import Scan

BUDGET = Budget(10)


@pytest.fixture(scope="module")
def fine_chest() -> Scan:
    return chest((12, 400, 400), (5.0, 0.8, 0.8), seed=1)


def test_it_is_the_budget_in_aerated_lung_and_nothing_elsewhere(fine_chest: Scan) -> None:
    wave = LungWave().perturbation(fine_chest, 0, 12, BUDGET)
    hu = fine_chest.hu()
    assert set(np.abs(wave[(hu < -600) & (wave != 0)])) == {10.0}
    assert not wave[hu > -450].any()
    lung = find_lung(fine_chest)
    assert all(wave[tuple(v)] != 0 for v in lung.voxels if hu[tuple(v)] < -600)
    assert not wave[:, :, :40].any()  # air beside the patient


def test_its_frequency_is_the_attackers_whatever_the_pixels(fine_chest: Scan) -> None:
    wave = LungWave(3).perturbation(fine_chest, 6, 7, BUDGET)[0]
    spectrum = np.abs(fft.rfft(wave.sum(1)))
    peak = fft.rfftfreq(len(wave), fine_chest.spacing[1])[spectrum.argmax()]
    assert peak == pytest.approx(CYCLES_PER_MM, abs=1 / (400 * 0.8))


def test_pixels_too_large_for_it_get_the_finest_they_hold(small_chest: Scan) -> None:
    assert small_chest.spacing[1] > 1.07
    wave = LungWave().perturbation(small_chest, 0, small_chest.shape[0], BUDGET)
    signs = np.sign(wave.sum((0, 2)))
    turns = (signs[1:] != signs[:-1])[(signs[1:] != 0) & (signs[:-1] != 0)]
    assert turns.mean() == pytest.approx(0.92, abs=0.05)


def test_slabs_and_seeds(fine_chest: Scan) -> None:
    whole = LungWave(5).perturbation(fine_chest, 0, 12, BUDGET)
    np.testing.assert_array_equal(whole[4:7], LungWave(5).perturbation(fine_chest, 4, 7, BUDGET))
    other = LungWave().with_seed(6).perturbation(fine_chest, 0, 12, BUDGET)
    assert np.array_equal(other != 0, whole != 0)
    assert (other != whole)[whole != 0].mean() > 0.05


def test_the_local_mean_of_the_lung_hardly_moves(fine_chest: Scan) -> None:
    result = apply_perturbations(fine_chest, [LungWave()], BUDGET)
    moved = result.scan.hu() - fine_chest.hu()
    lung = find_lung(fine_chest)
    places = tuple(lung.within(10.0, fine_chest.spacing).voxels.T)
    rows = np.cumsum(np.pad(moved.mean(2), ((0, 0), (1, 0))), 1)
    mean = (rows[:, 30:] - rows[:, :-30]) / 30  # over 24 mm
    assert np.abs(mean).max() < 1
    assert abs(float(moved[places].mean())) < 1
