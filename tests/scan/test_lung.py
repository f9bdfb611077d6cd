import numpy as np

from mitsgan.scan.lung import Lung, find_lung
from mitsgan.scan.phantom import chest


def test_the_phantoms_lungs_are_found_and_nothing_else() -> None:
    scan = chest((48, 96, 96), (5.0, 3.6, 3.6))
    lung = find_lung(scan)
    litres = lung.mask.sum() * np.prod(np.multiply(scan.spacing, lung.stride)) / 1e6
    assert 2 < litres < 7
    rng = np.random.default_rng(0)
    hu = scan.hu()
    values = np.array([hu[tuple(p)] for p in lung.within(6.0, scan.spacing).positions(400, rng)])
    assert -920 < np.median(values) < -750
    assert not lung.contains((24, 2, 2))


def test_within_shrinks() -> None:
    mask = np.zeros((11, 11, 11), bool)
    mask[1:10, 1:10, 1:10] = True
    inner = Lung(mask, (2, 3, 3)).within(6.0, (1.0, 1.0, 1.0))
    assert 0 < inner.mask.sum() < mask.sum()
    assert inner.contains((10, 15, 15))
    assert not inner.contains((4, 15, 15))
