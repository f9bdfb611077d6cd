"""Attributes of a processed copy by which other programs show something else than its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from tests.seal.sealed_series import DEPTH, Check, ordered

_SPACING = 30.0


@pytest.fixture
def processed(copy: Path) -> Path:
    """The series, every value one more or less."""
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.PixelData = (ds.pixel_array ^ 1).tobytes()
        ds.save_as(file)
    return copy


def tell(folder: Path, name: str, values: Sequence[object]) -> None:
    for file, value in zip(ordered(folder), values, strict=True):
        ds = dcmread(file)
        setattr(ds, name, value)
        ds.save_as(file)


@pytest.mark.parametrize("renamed", [False, True])
def test_padding_that_hides_tissue(check: Check, processed: Path, renamed: bool) -> None:
    """A viewer leaves voxels blank that are said to be no data."""
    series = generate_uid()
    for file in ordered(processed):
        ds = dcmread(file)
        air, tissue = (round((hu - ds.RescaleIntercept) / ds.RescaleSlope) for hu in (-1024, 20))
        ds.PixelPaddingValue = air
        if renamed:
            ds.SeriesInstanceUID, ds.SOPInstanceUID = series, generate_uid()
        ds.save_as(file)
    assert check(processed).verdict == "processed", "no data is air"
    for file in ordered(processed):
        ds = dcmread(file)
        vr = "SS" if ds.PixelRepresentation else "US"
        ds.add_new("PixelPaddingValue", vr, tissue - 100)
        ds.add_new("PixelPaddingRangeLimit", vr, tissue + 100)
        ds.save_as(file)
    report = check(processed)
    assert report.verdict == "tampered"
    assert report.content is not None
    assert report.content.verdict == "processed", "its values are as they were"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.attribute == "PixelPaddingValue"
    assert "ml denser than air to be no data" in finding.text


def test_padding_of_what_a_window_cut_off(check: Check, processed: Path) -> None:
    """Darkest of all is what a window cut off: blank or not, it looks the same."""
    for file in processed.iterdir():
        ds = dcmread(file)
        cut = round((-300 - ds.RescaleIntercept) / ds.RescaleSlope)
        ds.PixelData = np.maximum(ds.pixel_array, cut).tobytes()
        ds.PixelPaddingValue = cut
        ds.save_as(file)
    assert not [f for f in check(processed).findings if "no data" in f.text]


@pytest.mark.parametrize("name", ["InstanceNumber", "SliceLocation"])
def test_numbers_that_no_longer_follow_the_slices(check: Check, processed: Path, name: str) -> None:
    tell(processed, name, range(100, 100 + DEPTH))
    assert check(processed).verdict == "processed", "counted from the other end"
    tell(processed, name, [100, 103, 102, 101, 104, 105])
    report = check(processed)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.attribute == name
    assert "no longer follows the order of the slices" in finding.text


def test_a_distance_at_which_slices_do_not_lie(check: Check, processed: Path) -> None:
    """Programs that go by it show a nodule longer or shorter than it is."""
    tell(processed, "SpacingBetweenSlices", [_SPACING * 0.999] * DEPTH)
    assert check(processed).verdict == "processed"
    tell(processed, "SpacingBetweenSlices", [2 * _SPACING] * DEPTH)
    report = check(processed)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.text.endswith("is '60.0', but the slices do not lie so far apart")
    for file in ordered(processed)[1::2]:
        file.unlink()
    assert check(processed).verdict == "processed", "now they do"


def test_bits_that_are_too_few(check: Check, processed: Path) -> None:
    """What is denser than water is darker than air for programs that leave out the other bits."""
    for stored, verdict in ((13, "processed"), (10, "tampered")):
        for file in processed.iterdir():
            ds = dcmread(file)
            ds.BitsStored, ds.HighBit = stored, stored - 1
            ds.save_as(file)
        report = check(processed)
        assert report.verdict == verdict
    (finding,) = [f for f in report.findings if not f.explained]
    assert f"too few for the values of {DEPTH} slices" in finding.text
