"""A file in any order of axes is read as the same scan, and written back in its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset
from tests.scan.test_order import ALL

from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.scan import Geometry, Scan
from mitsgan.scan.canonical import in_file_order, reordered
from mitsgan.scan.order import AxisOrder

Make = Callable[..., Path]


def _write(scan: Scan, path: Path) -> None:
    """An image as other programs write it, in the order of the scan's own array."""
    geometry = scan.geometry
    if path.suffix == ".nii":
        affine = np.eye(4)
        affine[:3, :3] = geometry.matrix[::-1].T
        affine[:3, 3] = geometry.origin
        nib.save(
            nib.Nifti1Image(scan.stored.T, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine),  # type: ignore[no-untyped-call]
            path,
        )
        return
    image: Any = sitk.GetImageFromArray(scan.stored)
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(np.array(geometry.axes)[::-1].T.ravel().tolist())
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def body(small_chest: Scan) -> Scan:
    """A few slices, all three lengths and spacings different."""
    part = small_chest.stored[8:20, :, 4:56].astype(np.int16)
    return Scan(
        stored=part,
        slope=np.ones(len(part)),
        intercept=np.zeros(len(part)),
        lowest=-32768,
        highest=32767,
        geometry=Geometry((6.0, 5.5, 5.0), (-120.0, -100.0, 40.0)),
    )


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("order", ALL)
def test_the_48_orders_are_one_scan(
    tmp_path: Path, derivation: Derivation, body: Scan, order: AxisOrder, suffix: str
) -> None:
    stored_so = reordered(body, order)
    _write(stored_so, tmp_path / f"a{suffix}")
    scan = read_scan(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(scan.stored, body.stored)
    assert scan.geometry.to_world((1, 2, 3)) == pytest.approx(body.geometry.to_world((1, 2, 3)))
    write_scan(scan, tmp_path / f"b{suffix}", derivation=derivation)
    written: Any = sitk.ReadImage(str(tmp_path / f"b{suffix}"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), stored_so.stored)


def _coronal(k: int, ds: FileDataset) -> None:
    ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    ds.ImagePositionPatient = [-10.0, -20.0 + 2.0 * k, 100.0]


def test_coronal_slices_are_read_as_axial_ones_and_written_as_coronal(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    folder = make_series(tmp_path / "a", change=_coronal)
    scan = read_scan(folder)
    assert scan.shape == (6, 5, 8)
    assert scan.geometry == Geometry((0.5, 2.0, 0.75), (-10.0, -20.0, 97.5))
    slices = np.array([np.random.default_rng(k).integers(0, 3000, (6, 8)) for k in range(5)])
    np.testing.assert_array_equal(scan.stored, slices.transpose(1, 0, 2)[::-1])
    moved: NDArray[np.generic] = scan.stored + np.arange(6)[:, None, None].astype(np.uint16)
    write_scan(
        scan.with_stored(moved.astype(scan.stored.dtype)), tmp_path / "b", derivation=derivation
    )
    for file in sorted(folder.iterdir()):
        old, new = dcmread(file), dcmread(tmp_path / "b" / file.name)
        down = np.arange(6)[::-1, None]
        np.testing.assert_array_equal(new.pixel_array, old.pixel_array + down)
        assert new.ImagePositionPatient == old.ImagePositionPatient


def test_a_scan_in_its_files_order_is_written_alike(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "a", change=_coronal))
    write_scan(scan, tmp_path / "b", derivation=derivation)
    write_scan(in_file_order(scan), tmp_path / "c", derivation=derivation)
    names = sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all(
        (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()
        for name in names
    )


def test_an_oblique_image_says_so(tmp_path: Path, body: Scan) -> None:
    c, s = np.cos(np.radians(12)), np.sin(np.radians(12))
    axes = ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0))
    _write(replace(body, geometry=replace(body.geometry, axes=axes)), tmp_path / "a.nii")
    (note,) = read_scan(tmp_path / "a.nii").notes
    assert "oblique" in note
    assert "12.0 degrees" in note
