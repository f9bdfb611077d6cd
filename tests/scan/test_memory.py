"""Scans of arrays and of SimpleITK's images, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan import Geometry, Scan
from mitsgan.scan.canonical import canonical
from mitsgan.scan.geometry import AXIAL

_SPACING = (2.5, 0.7, 0.8)
_TURNED = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0))


def _hu(dtype: Any = np.int16) -> NDArray[Any]:
    return np.random.default_rng(0).integers(-1000, 1500, (4, 5, 6)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_an_array_keeps_its_values_and_type(dtype: Any) -> None:
    hu = _hu(dtype)
    scan = Scan.from_hu(hu, _SPACING, origin_mm=(1.0, 2.0, 3.0), axes=_TURNED)
    assert scan.stored.dtype == dtype
    assert (scan.hu() == hu).all()
    assert scan.geometry == Geometry(_SPACING, (1.0, 2.0, 3.0), _TURNED)
    assert scan.source is None
    hu[:] = 0
    assert scan.hu().any(), "the scan is a copy"


def test_nested_lists_are_arrays_too() -> None:
    assert Scan.from_hu(_hu().tolist(), _SPACING).shape == (4, 5, 6)


@pytest.mark.parametrize("dtype, kept", [(np.float16, np.float32), (np.longdouble, np.float64)])
def test_floats_that_no_format_holds_are_kept_as_one_does(dtype: Any, kept: Any) -> None:
    scan = Scan.from_hu(_hu(dtype), _SPACING)
    assert scan.stored.dtype == kept
    assert (scan.hu() == _hu(dtype)).all()


def test_what_numpy_does_not_take_is_told() -> None:
    grows: Any = torch.ones(4, 5, 6, requires_grad=True)
    with pytest.raises(ScanError, match="found Tensor that NumPy does not take"):
        Scan.from_hu(grows, _SPACING)
    with pytest.raises(ScanError, match="found list that NumPy does not take"):
        Scan.from_hu([[1.0, 2.0], [3.0]], _SPACING)


@pytest.mark.parametrize("like", [list, np.array, torch.tensor])
def test_a_geometry_of_arrays_is_one_of_numbers(like: Any) -> None:
    spacing, origin, axes = (2.5, 0.75, 0.5), (1.0, 2.0, 3.0), AXIAL  # the same in all floats
    scan = Scan.from_hu(_hu(), like(spacing), origin_mm=like(origin), axes=like(axes))
    whole = Geometry(spacing, origin, axes)
    assert scan.geometry == whole
    assert hash(scan.geometry) == hash(whole)


@pytest.mark.parametrize(
    "axes",
    [
        ((0.0, 0.0, 2.5), (0.0, 0.8, 0.0), (0.8, 0.0, 0.0)),
        ((0.0, 0.0, 1.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_axes_that_are_no_unit_vectors_are_refused(axes: Any) -> None:
    with pytest.raises(ScanError, match="three unit vectors that span space"):
        Scan.from_hu(_hu(), _SPACING, axes=axes)


def test_axes_are_axial_unless_told() -> None:
    scan = Scan.from_hu(_hu(), _SPACING)
    assert canonical(scan) is scan
    assert scan.geometry.to_world((1, 1, 1)) == (0.8, 0.7, 2.5)


@pytest.mark.parametrize(
    "array, said",
    [
        (np.zeros((4, 5)), "shape \\(4, 5\\)"),
        (np.zeros((4, 5, 6), bool), "found bool"),
        (np.zeros((4, 5, 6), complex), "found complex128"),
        (_hu(np.int16).astype(np.int8), "8-bit"),
        (np.linspace(0, 1, 120).reshape(4, 5, 6), "a normalised image, not HU"),
        (_hu() + 1024, "rescale intercept"),
        (np.full((4, 5, 6), np.nan), "no finite value"),
    ],
)
def test_what_is_no_ct_is_refused(array: NDArray[Any], said: str) -> None:
    with pytest.raises(ScanError, match=said):
        Scan.from_hu(array, _SPACING)


def test_unusual_values_are_taken_where_they_are_meant() -> None:
    scan = Scan.from_hu(np.zeros((4, 5, 6), np.int16), _SPACING, plausible=False)
    assert not scan.hu().any()


@pytest.mark.parametrize(
    "spacing, axes",
    [((1.0, 0.0, 1.0), _TURNED), ((1.0, 1.0), _TURNED), (_SPACING, ((1.0, 0.0, 0.0),))],
)
def test_a_geometry_that_is_none_is_refused(spacing: Any, axes: Any) -> None:
    with pytest.raises(ScanError, match="spacing"):
        Scan.from_hu(_hu(), spacing, axes=axes)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_simpleitk_there_and_back(dtype: Any) -> None:
    image = sitk.GetImageFromArray(_hu(dtype))
    image.SetSpacing((0.8, 0.7, 2.5))
    image.SetOrigin((-10.0, 20.0, -30.5))
    image.SetDirection((1.0, 0.0, 0.0, 0.0, 0.8, -0.6, 0.0, 0.6, 0.8))
    scan = Scan.from_sitk(image)
    for index in [(0, 0, 0), (5, 4, 3)]:
        there = image.TransformIndexToPhysicalPoint(index)
        assert scan.geometry.to_world(index[::-1]) == pytest.approx(there)
    back = scan.to_sitk()
    assert back.GetPixelID() == image.GetPixelID()
    assert (sitk.GetArrayFromImage(back) == sitk.GetArrayFromImage(image)).all()
    for name in ("Spacing", "Origin", "Direction"):
        assert getattr(back, f"Get{name}")() == pytest.approx(getattr(image, f"Get{name}")())


def test_simpleitk_gets_hu_in_the_order_of_the_file() -> None:
    hu = _hu()
    flipped = Scan.from_hu(hu, _SPACING, axes=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    turned = canonical(flipped)
    assert (turned.stored == hu[::-1]).all()
    assert (sitk.GetArrayFromImage(turned.to_sitk()) == hu).all()


@pytest.mark.parametrize("size", [(4, 5), (4, 5, 6, 2)])
def test_images_of_other_dimensions_are_refused(size: tuple[int, ...]) -> None:
    with pytest.raises(ScanError, match="dimensions"):
        Scan.from_sitk(sitk.Image(size, sitk.sitkInt16))


def test_other_hu_become_the_nearest_stored_values() -> None:
    scan = Scan(
        stored=_hu() // 2,
        slope=np.full(4, 2.0),
        intercept=np.full(4, -1.0),
        lowest=-2000,
        highest=600,
        geometry=Geometry(_SPACING),
        padding=(-500, -450),
    )
    wanted = np.full(scan.shape, 7.4, np.float32)
    wanted[0] = 5000
    moved = scan.with_hu(wanted)
    padding = scan.is_padding()
    assert padding.any()
    assert (moved.stored[padding] == scan.stored[padding]).all()
    assert set(moved.hu()[1:][~padding[1:]]) == {7.0}
    assert set(moved.stored[0][~padding[0]]) == {600}
    with pytest.raises(ScanError, match="expected HU of shape"):
        scan.with_hu(wanted[1:])
