import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit

from mitsgan.anatomy.lung import Lung, _closed, find_lung, lung_box
from mitsgan.anatomy.mask import most_of_nine
from mitsgan.phantom.chest import chest


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


def test_the_box_holds_the_lungs_and_a_margin() -> None:
    scan = chest((48, 96, 96), (5.0, 3.6, 3.6))
    lung = find_lung(scan, 6.0)
    for margin_mm in (0.0, 24.0):
        box = lung_box(scan, margin_mm)
        assert box is not None
        for axis, part in enumerate(box):
            others = tuple(a for a in range(3) if a != axis)
            inside = np.flatnonzero(lung.mask.any(others)) * lung.stride[axis]
            margin = np.ceil(margin_mm / scan.spacing[axis]) + lung.stride[axis]
            assert part.start == max(inside[0] - margin, 0)
            assert part.stop == min(inside[-1] + margin + 1, scan.shape[axis])


def test_there_is_no_box_without_a_lung() -> None:
    scan = chest((12, 48, 48), (5.0, 7.0, 7.0), centre=(0.0, 0.0, 400.0))
    assert lung_box(scan, 24.0) is None


def test_small_holes_are_closed_as_itk_closes_them() -> None:
    mask = np.random.default_rng(0).random((9, 30, 31)) < 0.2
    ours = _closed(mask)
    closed = sitk.BinaryMorphologicalClosing(sitk.GetImageFromArray(mask.astype("u1")), (2, 2, 1))
    np.testing.assert_array_equal(ours, sitk.GetArrayFromImage(closed) > 0)
    assert mask.mean() < ours.mean() < 1


def test_most_of_nine_pixels_are_those_whose_median_is() -> None:
    hu = np.random.default_rng(1).normal(-400, 100, (4, 20, 21)).astype(np.float32)
    median = sitk.GetArrayFromImage(sitk.Median(sitk.GetImageFromArray(hu), (1, 1, 0)))
    np.testing.assert_array_equal(most_of_nine(hu < -400), median < -400)
