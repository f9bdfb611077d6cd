"""Tilted gantries and crooked stacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _tilted(degrees: float) -> Any:
    """A gantry tilted about the x axis; the table moves along z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def change(k: int, ds: Any) -> None:
        ds.ImageOrientationPatient = [1, 0, 0, 0, f"{c:.6f}", f"{-s:.6f}"]
        ds.ImagePositionPatient = ["-10", "-20", f"{100 + 2.0 * k:.4f}"]

    return change


@pytest.mark.parametrize("degrees", [-20.0, 5.0, 15.0, 30.0])
def test_a_tilted_gantry_is_a_sheared_grid(
    tmp_path: Path, make_series: Make, derivation: Derivation, degrees: float
) -> None:
    scan = read_scan(make_series(tmp_path / "a", change=_tilted(degrees)))
    geometry = scan.geometry
    assert geometry.spacing == pytest.approx((2.0, 0.5, 0.75), abs=1e-5)
    assert geometry.axes[0] == pytest.approx((0, 0, 1), abs=1e-5)
    assert geometry.layer_mm == pytest.approx(2.0 * np.cos(np.radians(degrees)), abs=1e-5)
    assert geometry.to_world((3, 0, 0)) == pytest.approx((-10, -20, 106), abs=1e-4)
    (note,) = scan.notes
    assert f"sheared by {abs(degrees):.1f} degrees" in note
    write_scan(scan, tmp_path / "out", derivation=derivation)
    for path in (tmp_path / "a").iterdir():
        old, new = dcmread(path), dcmread(tmp_path / "out" / path.name)
        assert old.ImagePositionPatient == new.ImagePositionPatient
        np.testing.assert_array_equal(old.pixel_array, new.pixel_array)


def test_a_sheared_series_as_nifti_lies_where_it_lay(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "a", change=_tilted(15.0)))
    write_scan(scan, tmp_path / "a.nii", derivation=derivation)
    image = read_scan(tmp_path / "a.nii")
    for voxel in ((0, 0, 0), (4, 5, 7)):
        assert image.geometry.to_world(voxel) == pytest.approx(
            scan.geometry.to_world(voxel), abs=1e-3
        )


def test_slices_that_are_not_in_a_line_are_refused(tmp_path: Path, make_series: Make) -> None:
    def change(k: int, ds: Any) -> None:
        ds.ImagePositionPatient = [-10.0 + (3.0 if k == 2 else 0.0), -20.0, 100.0 + 2.0 * k]

    with pytest.raises(ScanError, match=r"not stacked in a line: .*03\.dcm lies"):
        read_scan(make_series(tmp_path, change=change))


@pytest.mark.real_data
def test_a_real_tilted_gantry(data: Path) -> None:
    # Its values were replaced by 0 to 254 when it was made anonymous.
    scan = read_scan(data / "dicom" / "geometry" / "gantry-tilt", Reading(assume_hu=True))
    assert scan.geometry.shear_degrees == pytest.approx(14.0, abs=0.01)
    assert scan.spacing[0] == pytest.approx(5.0)
