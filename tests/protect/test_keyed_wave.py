import numpy as np
import pytest
from scipy import fft, ndimage

from mitsgan.anatomy.lung import find_lung
from mitsgan.perturb import Budget
from mitsgan.phantom.chest import chest
from mitsgan.protect.field import slow_field
from mitsgan.protect.keyed_wave import FIELD_PART, KeyedWave
from mitsgan.protect.wave import CYCLES_PER_MM, LungWave
from mitsgan.scan.scan import Scan

BUDGET = Budget(10)


@pytest.fixture(scope="module")
def fine_chest() -> Scan:
    return chest((12, 400, 400), (5.0, 0.8, 0.8), seed=1)


@pytest.fixture(scope="module")
def added(fine_chest: Scan) -> np.ndarray:
    return KeyedWave().perturbation(fine_chest, 0, 12, BUDGET)


def test_every_voxel_of_aerated_lung_moves_by_the_budget_and_nothing_else(
    fine_chest: Scan, added: np.ndarray
) -> None:
    hu = fine_chest.hu()
    assert set(np.abs(added[(hu < -600) & (added != 0)])) == {10.0}
    np.testing.assert_array_equal(
        added != 0, LungWave().perturbation(fine_chest, 0, 12, BUDGET) != 0
    )


def test_its_local_mean_is_the_field(fine_chest: Scan, added: np.ndarray) -> None:
    whole = (slice(0, 400), slice(0, 400))
    pattern = slow_field(fine_chest, 0)
    field = np.stack([pattern(z, whole) for z in range(12)])
    full = (np.abs(added) == 10.0).astype(np.float32)
    share = ndimage.gaussian_filter(full, [0, 6, 0])
    mean = ndimage.gaussian_filter(added * full, [0, 6, 0])
    expected = ndimage.gaussian_filter(field * full, [0, 6, 0]) * FIELD_PART * BUDGET.max_hu
    deep = share > 0.98
    assert deep.sum() > 10_000
    left = (mean - expected)[deep]
    assert np.sqrt((left**2).mean()) < 0.15 * np.sqrt((expected[deep] ** 2).mean())


def test_the_wave_is_there_beside_it(fine_chest: Scan, added: np.ndarray) -> None:
    spectrum = np.abs(fft.rfft(added[6], axis=0)).mean(1)
    cycles = fft.rfftfreq(400, fine_chest.spacing[1])
    fine = cycles > 0.2
    assert cycles[fine][spectrum[fine].argmax()] == pytest.approx(CYCLES_PER_MM, abs=0.01)
    # In phase with the wave of the same seed.
    wave = LungWave().perturbation(fine_chest, 6, 7, BUDGET)[0]
    inside = np.abs(wave) == 10
    assert (added[6] == wave)[inside].mean() > 0.6


def test_slabs_and_seeds(fine_chest: Scan, added: np.ndarray) -> None:
    np.testing.assert_array_equal(added[4:7], KeyedWave().perturbation(fine_chest, 4, 7, BUDGET))
    other = KeyedWave().with_seed(2**200 + 1).perturbation(fine_chest, 0, 12, BUDGET)
    assert np.array_equal(other != 0, added != 0)
    slow, other_slow = (ndimage.gaussian_filter(of, [1, 5, 5]) for of in (added, other))
    inside = np.abs(added) == 10
    assert abs(np.corrcoef(slow[inside], other_slow[inside])[0, 1]) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_the_lung_hardly_moves(fine_chest: Scan, seed: int) -> None:
    added = KeyedWave(seed).perturbation(fine_chest, 0, 12, BUDGET)
    assert abs(float(added[tuple(find_lung(fine_chest).voxels.T)].mean())) < 2
