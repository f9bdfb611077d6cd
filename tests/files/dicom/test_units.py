"""Units that are HU by another name, and units that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _unit(name: str) -> Any:
    def change(k: int, ds: Any) -> None:
        ds.RescaleType = name

    return change


@pytest.mark.parametrize(
    "name",
    [
        *("HU", "hu", "H.U.", "Hounsfield", "HOUNSFIELD", "Hounsfield Unit", "Hounsfield Units"),
        *("Houndsfield Unit", "Hounsfield_Units", "[hnsf'U]", "HNSFU", ""),
    ],
)
def test_names_of_hu(tmp_path: Path, make_series: Make, name: str) -> None:
    scan = read_scan(make_series(tmp_path, change=_unit(name)))
    assert scan.intercept[0] == -1024
    assert not scan.notes


@pytest.mark.parametrize("name, note", [("US", "unspecified"), ("HU_MOD", "modified HU")])
def test_units_that_are_taken_for_hu_and_told(
    tmp_path: Path, make_series: Make, name: str, note: str
) -> None:
    (said,) = read_scan(make_series(tmp_path, change=_unit(name))).notes
    assert note in said


@pytest.mark.parametrize("name", ["EDW", "ED", "MGML", "PCT", "Z_EFF", "HUE", "xHU", "OD"])
def test_other_units_are_refused_unless_the_user_knows_better(
    tmp_path: Path, make_series: Make, name: str
) -> None:
    folder = make_series(tmp_path, change=_unit(name))
    with pytest.raises(ScanError, match=rf"units '{name}'.*`assume_hu`"):
        read_scan(folder)
    assert read_scan(folder, Reading(assume_hu=True)).intercept[0] == -1024


@pytest.mark.parametrize("rescaled", [True, False])
def test_a_table_in_place_of_a_rescale_is_refused(
    tmp_path: Path, make_series: Make, rescaled: bool
) -> None:
    def change(k: int, ds: Any) -> None:
        table = Dataset()
        table.LUTDescriptor, table.ModalityLUTType = [4096, 0, 16], "HU"
        table.LUTData = np.arange(4096, dtype="<u2").tobytes()
        ds.ModalityLUTSequence = [table]
        if not rescaled:
            del ds.RescaleSlope, ds.RescaleIntercept

    folder = make_series(tmp_path, change=change)
    with pytest.raises(ScanError, match=r"Modality LUT Sequence.*`assume_hu`"):
        read_scan(folder)
    assert read_scan(folder, Reading(assume_hu=True)).intercept[0] == (-1024 if rescaled else 0)


def test_a_lost_rescale_can_be_given(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def lost(k: int, ds: Any) -> None:
        del ds.RescaleIntercept, ds.RescaleSlope

    folder = make_series(tmp_path / "a", change=lost)
    with pytest.raises(ScanError, match=r"no \*Rescale Slope\*.*`hu_offset=-1024`"):
        read_scan(folder)
    scan = read_scan(folder, Reading(hu_offset=-1024.0))
    assert (scan.slope[0], scan.intercept[0]) == (1.0, -1024.0)
    write_scan(scan, tmp_path / "out", derivation=derivation)
    for path in folder.iterdir():
        old, new = dcmread(path), dcmread(tmp_path / "out" / path.name)
        np.testing.assert_array_equal(old.pixel_array, new.pixel_array)
        assert "RescaleIntercept" not in new
