import numpy as np
import pytest
from scipy import ndimage

from mitsgan.anatomy.lung import find_lung
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect.field import WAVELENGTH_MM, BiasField
from mitsgan.scan.scan import Scan

BUDGET = Budget(10)


@pytest.fixture(scope="module")
def fine_chest() -> Scan:
    return chest((30, 200, 200), (5.0, 1.6, 1.6), seed=1)


@pytest.fixture(scope="module")
def field(fine_chest: Scan) -> np.ndarray:
    return BiasField().perturbation(fine_chest, 0, 30, BUDGET)


def test_it_moves_aerated_lung_within_the_budget_and_nothing_elsewhere(
    fine_chest: Scan, field: np.ndarray
) -> None:
    hu = fine_chest.hu()
    assert 9 < np.abs(field).max() <= 10
    assert not field[hu > -450].any()
    assert not field[:, :, :20].any()  # air beside the patient
    lung = find_lung(fine_chest)
    inside = field[tuple(lung.voxels.T)][hu[tuple(lung.voxels.T)] < -600]
    assert np.sqrt((inside**2).mean()) > 6


def test_it_is_slow_and_turns_within_centimetres(fine_chest: Scan, field: np.ndarray) -> None:
    inside = (fine_chest.hu() < -600) & (field != 0)

    def alike(voxels: int, axis: int) -> float:
        """Correlation of the field with itself so many voxels on."""
        a, b, a_inside, b_inside = (
            np.moveaxis(of, axis, 0)[part]
            for of in (field, inside)
            for part in (slice(None, -voxels), slice(voxels, None))
        )
        both = a_inside & b_inside
        return float(np.corrcoef(a[both], b[both])[0, 1])

    for axis, mm in enumerate(fine_chest.spacing):
        assert alike(1, axis) > 0.75
        assert alike(round(WAVELENGTH_MM / 2 / mm), axis) < 0.2


def test_what_smooths_fine_patterns_leaves_it(fine_chest: Scan) -> None:
    moved = apply_perturbations(fine_chest, [BiasField()], BUDGET).scan.hu() - fine_chest.hu()
    blurred = ndimage.gaussian_filter(moved, [0, 1, 1])
    deep = find_lung(fine_chest).within(10.0, fine_chest.spacing)
    places = tuple(deep.voxels.T)
    aerated = fine_chest.hu()[places] < -700
    left = np.sqrt((blurred[places][aerated] ** 2).mean() / (moved[places][aerated] ** 2).mean())
    assert left > 0.85


def test_slabs_and_seeds(fine_chest: Scan, field: np.ndarray) -> None:
    np.testing.assert_array_equal(field[4:7], BiasField().perturbation(fine_chest, 4, 7, BUDGET))
    other = BiasField().with_seed(2**200 + 1).perturbation(fine_chest, 0, 30, BUDGET)
    assert np.array_equal(other != 0, field != 0)
    inside = field != 0
    assert abs(np.corrcoef(other[inside], field[inside])[0, 1]) < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_the_lung_hardly_moves(fine_chest: Scan, seed: int) -> None:
    field = BiasField(seed).perturbation(fine_chest, 0, 30, BUDGET)
    assert abs(float(field[tuple(find_lung(fine_chest).voxels.T)].mean())) < 1
