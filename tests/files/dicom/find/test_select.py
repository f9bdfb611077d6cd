"""Several scans in one folder or series: told apart, and one can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from mitsgan.errors import ScanError, SettingsError
from mitsgan.files import read_scan
from mitsgan.files.dicom.find.select import Selection
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _two(folder: Path, make_series: Make, keyword: str, one: Any, other: Any) -> Path:
    """Two scans at the same places in one series, which differ in one attribute."""

    def first(k: int, ds: Any) -> None:
        setattr(ds, keyword, one)

    def second(k: int, ds: Any) -> None:
        setattr(ds, keyword, other)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.8.{k + 1}"
        ds.PixelData = np.full((6, 8), 7, "<i2").tobytes()

    make_series(folder / "a", change=first)
    make_series(folder / "b", change=second)
    return folder


@pytest.mark.parametrize(
    "keyword, one, other, choice",
    [
        ("ConvolutionKernel", "B30f", "B70f", "kernel=B30f"),
        ("AcquisitionNumber", 1, 2, "acquisition=1"),
        ("AcquisitionTime", "101010", "101055", "time=101010"),
        ("SliceThickness", "2.0", "3.0", "thickness=2"),
        ("ImageType", ["ORIGINAL", "PRIMARY"], ["DERIVED", "SECONDARY"], "type=DERIVED"),
        ("NominalPercentageOfCardiacPhase", 40.0, 75.0, "phase=40"),
        ("ImageComments", "Gating 0%", "Gating 50%", "ImageComments=Gating 0%"),
        ("TemporalPositionIndex", 3, 70000, "TemporalPositionIndex=3"),
    ],
)
def test_the_difference_is_named_and_one_can_be_chosen(
    tmp_path: Path, make_series: Make, keyword: str, one: Any, other: Any, choice: str
) -> None:
    folder = _two(tmp_path, make_series, keyword, one, other)
    with pytest.raises(ScanError, match="several scans in this series") as caught:
        read_scan(folder)
    assert f"`select={choice}" in str(caught.value)
    assert "in 5" in str(caught.value)
    name = choice.partition("=")[0]
    shown = "\\".join(map(str, other)) if isinstance(other, list) else str(other)
    scan = read_scan(folder, Reading(select=(f"{name}={shown}",), assume_hu=True))
    assert (scan.stored == 7).all()


def test_what_nobody_tells_apart_is_said(tmp_path: Path, make_series: Make) -> None:
    folder = _two(tmp_path, make_series, "PatientComments", "a", "b")
    with pytest.raises(ScanError, match="no header field tells apart"):
        read_scan(folder)


def test_a_keyword_of_dicom_selects_too(tmp_path: Path, make_series: Make) -> None:
    folder = _two(tmp_path, make_series, "PatientComments", "a", "b")
    scan = read_scan(folder, Reading(select=("PatientComments=B",), assume_hu=True))
    assert (scan.stored == 7).all()


def test_a_selection_chooses_between_series_too(tmp_path: Path, make_series: Make) -> None:
    def other(k: int, ds: Any) -> None:
        ds.SeriesInstanceUID, ds.ConvolutionKernel = "1.2.3.99", "LUNG"

    make_series(tmp_path / "a")
    make_series(tmp_path / "b", 3, other)
    assert read_scan(tmp_path, Reading(select=("kernel=lung",))).shape == (3, 6, 8)


def test_what_is_not_there_lists_what_is(tmp_path: Path, make_series: Make) -> None:
    folder = _two(tmp_path, make_series, "ConvolutionKernel", "B30f", "B70f")
    with pytest.raises(ScanError, match=r"\*Convolution Kernel\* is 'B80'.*B30f in 5, B70f in 5"):
        read_scan(folder, Reading(select=("kernel=B80",)))


@pytest.mark.parametrize("text", ["kernel", "kernel=", "=B70f", ""])
def test_what_is_no_selection_is_refused_at_once(text: str) -> None:
    with pytest.raises(SettingsError, match="`select` wants an attribute"):
        Reading(select=(text,))


def test_what_is_no_attribute_lists_those_that_are(tmp_path: Path, make_series: Make) -> None:
    with pytest.raises(SettingsError, match=r"no attribute 'nonsense'.*kernel, acquisition"):
        read_scan(make_series(tmp_path), Reading(select=("nonsense=1",)))


def test_numbers_are_equal_however_they_are_written(tmp_path: Path, make_series: Make) -> None:
    header = dcmread(make_series(tmp_path) / "00.dcm")
    assert Selection.parse("thickness=2").fits(header)
    assert Selection.parse("SliceThickness=2.00").fits(header)
    assert Selection.parse("spacing=0.5\\.75").fits(header)
    assert not Selection.parse("thickness=2.1").fits(header)
