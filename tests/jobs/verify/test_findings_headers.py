"""`verify` with `dicom_out`: headers as scanners and anonymisers write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from tests.files.dicom.multiframe import merge

from mitsgan.errors import OutputError
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.verify import verify as job
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import FindingsError, Verified, verify_file
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer

_SIGNER = Signer(Ed25519PrivateKey.generate())
_THICKNESS, _BIRTH_DATE, _AGE = 0x00180050, 0x00100030, 0x00101010
_HALF_EMPTIED = (
    *("ProcedureCodeSequence", "ReferencedStudySequence", "AdmittingDiagnosesCodeSequence"),
    *("OtherPatientIDsSequence", "ReferencedPatientSequence", "RequestingServiceCodeSequence"),
)

Change = Callable[[int, FileDataset], None]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "series"
    phantom_series(chest((6, 80, 80), (7.0, 4.4, 4.4), seed=4), folder)
    return folder


def _text(tag: int, value: str) -> DataElement:
    """An element that pydicom writes whatever stands in it."""
    return DataElement(tag, "LO", value)


def _changed(series: Path, change: Change) -> None:
    for number, file in enumerate(sorted(series.iterdir())):
        ds = dcmread(file)
        change(number, ds)
        ds.save_as(file)


def _paint(_: int, ds: FileDataset) -> None:
    pixels = ds.pixel_array.copy()
    pixels[..., 30:40, 30:40] += 500
    ds.PixelData = pixels.tobytes()


def _verified(series: Path, seal: Path, out: Path) -> Verified:
    return verify_file(VerifyFile(scan=series, seal=seal, dicom_out=out))


def _tampered(series: Path, out: Path) -> Dataset:
    """The segmentation of the blocks that differ, of a series that was sealed as it is."""
    seal = series.with_name("seal.json")
    write_seal(make_seal(series, _SIGNER), seal)
    _changed(series, _paint)
    assert _verified(series, seal, out).verdict == "tampered"
    return dcmread(out / "segmentation-blocks.dcm")


@pytest.mark.parametrize("thickness", [None, "", "5,0"])
def test_a_thickness_that_is_not_told_is_the_distance_of_the_slices(
    series: Path, tmp_path: Path, thickness: str | None
) -> None:
    """*Slice Thickness* may be empty: a scan without it had no findings, and lost its verdict."""

    def change(_: int, ds: FileDataset) -> None:
        del ds.SliceThickness
        del ds.SpacingBetweenSlices
        if thickness is not None:
            ds[_THICKNESS] = _text(_THICKNESS, thickness)

    _changed(series, change)
    seg = _tampered(series, tmp_path / "out")
    assert seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness == 7


def test_slices_may_differ_in_the_last_digits_of_their_orientation(
    series: Path, tmp_path: Path
) -> None:
    def change(number: int, ds: FileDataset) -> None:
        ds.ImageOrientationPatient = ["1", f"{number * 1e-5:.5f}", "0", "0", "1", "0"]

    _changed(series, change)
    assert len(_tampered(series, tmp_path / "out").SegmentSequence) == 6


def test_each_slice_may_have_a_frame_of_reference_of_its_own(series: Path, tmp_path: Path) -> None:
    """So was LIDC-IDRI-0001 published: findings of it could not be written."""

    def change(number: int, ds: FileDataset) -> None:
        ds.FrameOfReferenceUID = f"1.2.3.{number}"

    _changed(series, change)
    seg = _tampered(series, tmp_path / "out")
    lowest = min(map(dcmread, series.iterdir()), key=lambda ds: ds.ImagePositionPatient[2])
    assert seg.FrameOfReferenceUID == lowest.FrameOfReferenceUID
    assert len(seg.SegmentSequence) == 6


def test_what_the_standard_has_no_value_for_is_left_empty(series: Path, tmp_path: Path) -> None:
    def change(_: int, ds: FileDataset) -> None:
        ds.PatientSex = "U"
        ds[_BIRTH_DATE] = _text(_BIRTH_DATE, "12.03.1970")
        ds[_AGE], ds.PatientSize = _text(_AGE, "45"), "1.75"
        for name in _HALF_EMPTIED:
            setattr(ds, name, [Dataset()])
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
        code.CodeMeaning = "Basic Application Confidentiality Profile"
        ds.PatientIdentityRemoved, ds.DeidentificationMethodCodeSequence = "YES", [code]

    _changed(series, change)
    seg = _tampered(series, tmp_path / "out")
    assert not seg.PatientSex
    assert not seg.PatientBirthDate
    assert seg.PatientID == "PHANTOM-4"
    assert not [name for name in (*_HALF_EMPTIED, "PatientAge") if name in seg]
    assert seg.PatientSize == 1.75
    assert seg.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


@pytest.mark.parametrize("name", ["PixelMeasuresSequence", "PlaneOrientationSequence"])
def test_frames_may_say_for_themselves_what_all_have_in_common(
    series: Path, tmp_path: Path, name: str
) -> None:
    def change(ds: FileDataset) -> None:
        (shared,) = ds.SharedFunctionalGroupsSequence
        for frame in ds.PerFrameFunctionalGroupsSequence:
            frame[name] = shared[name]
        del shared[name]

    file = merge(series, tmp_path / "multi", change=change)
    seg = _tampered(file.parent, tmp_path / "out")
    assert len(seg.PerFrameFunctionalGroupsSequence) == 6
    assert name in seg.SharedFunctionalGroupsSequence[0]


def _two_fields(number: int, ds: FileDataset) -> None:
    ds.PixelSpacing = ["4.4", "4.4"] if number % 2 else ["2.2", "2.2"]


def _two_phases(number: int, ds: FileDataset) -> None:
    ds.ImagePositionPatient = [*ds.ImagePositionPatient[:2], number // 2 * 7]
    ds.AcquisitionNumber = number % 2


@pytest.mark.parametrize(
    "change, said",
    [(_two_fields, "another pixel spacing"), (_two_phases, "several scans in this series")],
)
def test_slices_that_are_not_one_stack_are_named(
    series: Path, tmp_path: Path, change: Change, said: str
) -> None:
    """Of two fields of view all regions were shown in the pixels of the first."""
    _changed(series, change)
    with pytest.raises(FindingsError, match=said) as caught:
        _tampered(series, tmp_path / "out")
    assert caught.value.verified.verdict == "tampered"
    assert not (tmp_path / "out").exists()


def test_a_full_disk_does_not_hide_the_verdict(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(job, "_write_findings", full)
    with pytest.raises(FindingsError, match=r"the disk is full\. What was verified all the same"):
        _tampered(series, tmp_path / "out")
