"""Enhanced and Legacy Converted Enhanced CT: read, derived, written and sealed as such."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    LegacyConvertedEnhancedCTImageStorage,
)
from tests.files.dicom.multiframe import frame_order, item, merge

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.reading import Reading

Make = Callable[..., Path]


def enhanced(folder: Path, make_series: Make, **options: Any) -> Path:
    """The usual five slices as the frames of one object; its file."""
    return merge(make_series(folder / "single"), folder / "multi", **options)


@pytest.mark.parametrize("kind", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_frames_are_slices_and_are_written_as_frames(
    tmp_path: Path, make_series: Make, derivation: Derivation, kind: UID, syntax: UID
) -> None:
    path = enhanced(tmp_path, make_series, kind=kind, syntax=syntax)
    scan = read_scan(path)
    expected = read_scan(tmp_path / "single")
    np.testing.assert_array_equal(scan.stored, expected.stored)
    assert scan.geometry == expected.geometry
    moved = scan.stored + np.arange(5, dtype=np.int16)[:, None, None]
    write_scan(scan.with_stored(moved), tmp_path / "out", derivation=derivation)
    old, new = dcmread(path), dcmread(tmp_path / "out" / "mf.dcm")
    assert new.SOPClassUID == new.file_meta.MediaStorageSOPClassUID == kind
    assert new.file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(
        new.pixel_array, old.pixel_array + np.array(frame_order(5))[:, None, None]
    )
    for k, (before, after) in enumerate(
        zip(old.PerFrameFunctionalGroupsSequence, new.PerFrameFunctionalGroupsSequence, strict=True)
    ):
        assert before.PlanePositionSequence == after.PlanePositionSequence, k
        assert before.FrameContentSequence == after.FrameContentSequence
        assert before.PixelValueTransformationSequence == after.PixelValueTransformationSequence
        assert after.CTImageFrameTypeSequence[0].FrameType[0] == "DERIVED"
    assert new.ImageType[0] == "DERIVED"
    assert new.SOPInstanceUID != old.SOPInstanceUID
    shared = new.SharedFunctionalGroupsSequence[0]
    assert shared.CTReconstructionSequence[0].ConvolutionKernel == "B30f"
    (derived,) = shared.DerivationImageSequence
    assert derived.DerivationDescription == derivation.description
    assert derived.DerivationCodeSequence[0].CodeValue == "113042"
    (source,) = derived.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == old.SOPInstanceUID
    (series,) = new.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == old.SeriesInstanceUID
    assert "SourceImageSequence" not in new
    np.testing.assert_array_equal(read_scan(tmp_path / "out").stored, moved)


def test_frames_whose_type_is_not_told_get_a_whole_one(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    """As slices merged by highdicom that did not tell theirs: ``DERIVED`` alone is invalid."""

    def change(ds: FileDataset) -> None:
        del ds.ImageType
        for frame in ds.PerFrameFunctionalGroupsSequence:
            frame.CTImageFrameTypeSequence[0].FrameType = None

    path = enhanced(tmp_path, make_series, change=change)
    write_scan(read_scan(path), tmp_path / "out", derivation=derivation)
    new = dcmread(tmp_path / "out" / "mf.dcm")
    kind = ["DERIVED", "PRIMARY", "AXIAL", "NONE"]
    assert new.ImageType == kind
    for frame in new.PerFrameFunctionalGroupsSequence:
        assert frame.CTImageFrameTypeSequence[0].FrameType == kind


def test_frames_in_an_archive_are_read_in_one_pass(
    tmp_path: Path, make_series: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = enhanced(tmp_path, make_series)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)
    sought: list[int] = []
    seek = zipfile.ZipExtFile.seek

    def recorded(file: zipfile.ZipExtFile, offset: int, whence: int = 0) -> int:
        sought.append(seek(file, offset, whence))
        return sought[-1]

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", recorded)
    scan = read_scan(tmp_path / "a.zip")
    in_pixels = sought[-6:]  # of five frames, and behind them
    assert in_pixels == sorted(in_pixels)
    np.testing.assert_array_equal(scan.stored, read_scan(path).stored)


def test_a_second_derivation_stands_behind_the_first(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(enhanced(tmp_path, make_series))
    write_scan(scan, tmp_path / "once", derivation=derivation)
    second = Derivation("marked", "second")
    write_scan(read_scan(tmp_path / "once"), tmp_path / "twice", derivation=second)
    shared = dcmread(tmp_path / "twice" / "mf.dcm").SharedFunctionalGroupsSequence[0]
    descriptions = [item.DerivationDescription for item in shared.DerivationImageSequence]
    assert descriptions == [derivation.description, "marked"]


def test_what_the_source_refers_to_stays_listed(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(ds: FileDataset) -> None:
        named = item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID="2.25.99.1")
        ds.ReferencedSeriesSequence = [
            item(SeriesInstanceUID="2.25.99", ReferencedInstanceSequence=[named])
        ]
        of_series = item(SeriesInstanceUID="2.25.98", ReferencedSOPSequence=[deepcopy(named)])
        ds.SourceImageEvidenceSequence = [
            item(StudyInstanceUID="2.25.97", ReferencedSeriesSequence=[of_series])
        ]

    path = enhanced(tmp_path, make_series, change=change)
    write_scan(read_scan(path), tmp_path / "out", derivation=derivation)
    old, new = dcmread(path), dcmread(tmp_path / "out" / "mf.dcm")
    for keyword in ("ReferencedSeriesSequence", "SourceImageEvidenceSequence"):
        before, after = old[keyword].value, new[keyword].value
        assert list(after)[:-1] == list(before), keyword
    assert new.ReferencedSeriesSequence[1].SeriesInstanceUID == old.SeriesInstanceUID


def test_the_parts_of_a_concatenation_become_those_of_another(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    single = make_series(tmp_path / "single")
    parts = []
    for part, names in enumerate((("00", "07"), ("03", "10", "06"))):
        folder = tmp_path / f"single-{part}"
        folder.mkdir()
        for name in names:
            shutil.copy(single / f"{name}.dcm", folder)

        def change(ds: FileDataset, part: int = part) -> None:
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.77.{part}")
            ds.ConcatenationUID, ds.SOPInstanceUIDOfConcatenationSource = "2.25.78", "2.25.79"
            ds.InConcatenationNumber = part + 1

        parts.append(merge(folder, tmp_path / f"multi-{part}", change=change))
    parts[1].rename(parts[0].with_name("mf2.dcm"))
    scan = read_scan(parts[0].parent)
    assert scan.shape[0] == 5
    write_scan(scan, tmp_path / "out", derivation=derivation)
    new = [dcmread(path) for path in sorted((tmp_path / "out").iterdir())]
    for keyword, old in (
        ("ConcatenationUID", "2.25.78"),
        ("SOPInstanceUIDOfConcatenationSource", "2.25.79"),
    ):
        (uid,) = {str(ds[keyword].value) for ds in new}
        assert uid != old, keyword
        assert UID(uid).is_valid


def test_what_differs_per_frame_holds_for_its_frame(tmp_path: Path, make_series: Make) -> None:
    scan = read_scan(enhanced(tmp_path, make_series, rescale=lambda z: f"-{1000 + z}"))
    assert scan.intercept.tolist() == [-1000, -1001, -1002, -1003, -1004]


def test_attributes_that_a_conversion_did_not_place_are_found(
    tmp_path: Path, make_series: Make
) -> None:
    def change(ds: FileDataset) -> None:
        shared = ds.SharedFunctionalGroupsSequence[0]
        del shared.CTReconstructionSequence
        shared.UnassignedSharedConvertedAttributesSequence = [item(ConvolutionKernel="B70f")]

    path = enhanced(
        tmp_path, make_series, kind=LegacyConvertedEnhancedCTImageStorage, change=change
    )
    assert read_scan(path, Reading(select=("kernel=B70f",))).shape == (5, 6, 8)


def test_frames_that_are_not_as_many_as_told_are_refused(tmp_path: Path, make_series: Make) -> None:
    def change(ds: FileDataset) -> None:
        ds.PerFrameFunctionalGroupsSequence.pop()

    with pytest.raises(ScanError, match=r"mf\.dcm has 5 frames, but 4"):
        read_scan(enhanced(tmp_path, make_series, change=change))


def test_a_cut_object_is_named(tmp_path: Path, make_series: Make) -> None:
    path = enhanced(tmp_path, make_series)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ScanError, match=r"mf\.dcm.*truncated"):
        read_scan(path)


def with_a_second_stack(ds: FileDataset, above_mm: float = 0.0, **orientation: object) -> None:
    """Every frame once more, of another stack, so much higher up."""
    frames = list(ds.PerFrameFunctionalGroupsSequence)
    for group in frames[:]:
        other = deepcopy(group)
        other.FrameContentSequence = [item(StackID="2")]
        position = other.PlanePositionSequence[0]
        x, y, z = position.ImagePositionPatient
        position.ImagePositionPatient = [x, y, z + above_mm]
        if orientation:
            other.PlaneOrientationSequence = [item(**orientation)]
        frames.append(other)
    ds.PerFrameFunctionalGroupsSequence = frames
    ds.NumberOfFrames = 10
    ds.PixelData = ds.PixelData * 2


def test_stacks_of_other_orientations_in_one_object_are_told_apart(
    tmp_path: Path, make_series: Make
) -> None:
    change = partial(with_a_second_stack, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    with pytest.raises(ScanError, match=r"orientation.*`select=stack=1`.*write an image"):
        read_scan(enhanced(tmp_path, make_series, change=change))


@pytest.mark.parametrize("above_mm", [22.0, 24.0, 33.3])
def test_two_stacks_with_a_gap_between_them_are_told_apart(
    tmp_path: Path, make_series: Make, above_mm: float
) -> None:
    path = enhanced(tmp_path, make_series, change=partial(with_a_second_stack, above_mm=above_mm))
    with pytest.raises(ScanError, match=r"choose one.*`select=stack=1`"):
        read_scan(path)
    assert read_scan(path, Reading(select=("stack=2",))).shape == (5, 6, 8)


def test_two_stacks_in_one_object_are_told_apart(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    path = enhanced(tmp_path, make_series, change=with_a_second_stack)
    with pytest.raises(ScanError, match="`select=stack=1`"):
        read_scan(path)
    scan = read_scan(path, Reading(select=("stack=2",)))
    assert scan.shape == (5, 6, 8)
    with pytest.raises(ScanError, match="10 frames, of which 5 were chosen"):
        write_scan(scan, tmp_path / "out", derivation=derivation)
    write_scan(scan, tmp_path / "out.nii.gz", derivation=derivation)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["23x38x3", "24x38x3"])
def test_a_real_conversion_is_the_scan_it_was_made_of(
    data: Path, tmp_path: Path, derivation: Derivation, name: str
) -> None:
    folder = data / "dicom" / "multiframe" / name
    as_it_is = Reading(assume_hu=True)  # its voxels are 0 and 1
    single = read_scan(folder / "image", as_it_is)
    multi = read_scan(folder / "multiframe", as_it_is)
    np.testing.assert_array_equal(single.stored, multi.stored)
    assert single.geometry == multi.geometry
    write_scan(multi, tmp_path / "out", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "out", as_it_is).stored, single.stored)
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    faults = [
        {
            line
            for line in _judged(next(path.rglob("*.dcm"))).splitlines()
            if line.startswith("Error")
        }
        for path in (folder / "multiframe", tmp_path / "out")
    ]
    assert faults[1] <= faults[0]


def _judged(path: Path) -> str:
    return subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True).stderr
