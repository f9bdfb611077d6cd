"""From files: what a sketch says of a scan that is not, bit for bit, what was sealed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own habit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import Dataset, dcmread
from tests.seal.sketch.conftest import painted, with_hu

from mitsgan.evaluate.purify.purifiers import purify
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import write_seal
from mitsgan.seal.report import SealReport
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SIGNER = Signer(Ed25519PrivateKey.generate())
_TRUST = Trust((_SIGNER.public_key,))
_LUNG = (9, 80, 44)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((18, 170, 170), (7.0, 2.1, 2.1), seed=4)


@pytest.fixture(scope="module")
def series(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM series with its seal beside it; tests do not change it."""
    folder = tmp_path_factory.mktemp("content") / "series"
    phantom_series(scan, folder)
    write_seal(make_seal(folder, _SIGNER), folder.parent / "seal.json")
    return folder


@pytest.fixture
def copy(series: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(series, tmp_path / "copy"))


Check = Callable[[Path], SealReport]


@pytest.fixture
def check(series: Path) -> Check:
    return lambda path: verify_seal(path, series.parent / "seal.json", _TRUST)


def show(folder: Path, scan: Scan, **attributes: object) -> None:
    """Let the objects of a series show something else, and have other attributes."""
    changed = False
    for file in folder.iterdir():
        ds = dcmread(file)
        z = round((ds.ImagePositionPatient[2] - scan.geometry.origin[2]) / scan.spacing[0])
        hu = scan.hu(z, z + 1)[0]
        stored = np.rint((hu - ds.RescaleIntercept) / ds.RescaleSlope)
        changed |= bool((stored != ds.pixel_array).any())
        ds.PixelData = stored.astype(ds.pixel_array.dtype).tobytes()
        for name, value in attributes.items():
            setattr(ds, name, value)
        ds.save_as(file)
    assert changed, "it shows what it did: a filter narrower than a voxel is none"


def processed(scan: Scan, name: str) -> Scan:
    return with_hu(scan, purify(scan.hu(), scan.spacing, name, seed=0))


def test_lossy_coding_is_processing(check: Check, copy: Path, scan: Scan) -> None:
    show(copy, processed(scan, "jpeg2000-8"))
    report = check(copy)
    assert report.verdict == "processed"
    assert report.content is not None
    assert "lossy coding or denoising" in [trace.process for trace in report.content.traces]
    assert {finding.kind for finding in report.findings} == {"pixels"}
    assert all(finding.explained for finding in report.findings)


def test_a_lesion_is_named_by_blocks_and_by_region(check: Check, copy: Path, scan: Scan) -> None:
    show(copy, painted(scan, _LUNG, 20.0))
    report = check(copy)
    assert report.verdict == "tampered"
    assert report.content is not None
    (region,) = report.content.regions
    pixels = [finding for finding in report.findings if finding.kind == "pixels"]
    assert not any(finding.explained for finding in pixels)
    slices = {z for finding in pixels for z in finding.slices}
    assert slices <= set(range(region.start[0] - 1, region.stop[0] + 1))
    assert set(range(region.start[0], region.stop[0])) <= slices
    for finding in pixels:
        for box in finding.boxes:
            assert box.top < region.stop[1] + 4
            assert box.bottom > region.start[1] - 4
            assert box.left < region.stop[2] + 4
            assert box.right > region.start[2] - 4
    entry = json.loads(json.dumps(report.entry().content, default=vars))
    assert entry["regions"][0]["sealed_hu"] < -600 < entry["regions"][0]["found_hu"]


def test_a_lesion_behind_processing_is_found(check: Check, copy: Path, scan: Scan) -> None:
    show(copy, processed(painted(scan, _LUNG, 20.0), "jpeg2000-8"))
    report = check(copy)
    assert report.verdict == "tampered"
    assert report.content is not None
    assert len(report.content.regions) == 1


def test_one_voxel_in_an_untouched_slice_is_an_edit(check: Check, copy: Path, scan: Scan) -> None:
    """Too small for the sketch, but no processing changes a single voxel."""
    hu = scan.hu()
    hu[_LUNG] += 1
    show(copy, with_hu(scan, hu))
    report = check(copy)
    assert report.verdict == "tampered"
    assert report.content is not None
    assert report.content.verdict == "processed"


def test_another_patient_in_the_header_is_tampering(check: Check, copy: Path, scan: Scan) -> None:
    show(copy, processed(scan, "jpeg2000-8"), PatientID="OTHER")
    report = check(copy)
    assert report.verdict == "tampered"
    assert [f.attribute for f in report.findings if not f.explained] == ["PatientID"]


def test_an_anonymised_processed_copy_is_processed(check: Check, copy: Path, scan: Scan) -> None:
    """New objects, without the patient's name: nothing bit for bit is left to compare."""
    show(copy, processed(scan, "jpeg2000-8"), PatientName="", PatientID="")
    report = check(renewed(copy))
    assert report.verdict == "processed"
    assert report.content is not None
    assert report.content.verdict == "processed"
    assert "none of its slices is an object that was sealed" in report.notes
    assert report.findings == ()


def test_new_objects_of_somebody_else_are_tampering(check: Check, copy: Path, scan: Scan) -> None:
    """What they show is what was sealed; whose it is, is another."""
    show(copy, processed(scan, "jpeg2000-8"), PatientID="OTHER", PatientName="")
    report = check(renewed(copy))
    assert report.verdict == "tampered"
    assert report.content is not None
    assert report.content.verdict == "processed"
    assert [finding.attribute for finding in report.findings] == ["PatientID"]


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_a_lossy_copy_of_new_objects_in_the_same_series(
    check: Check, copy: Path, scan: Scan, forge: bool
) -> None:
    """As DICOM has it (PS3.3 C.7.6.1.1.5), and coders do it."""
    shown = painted(scan, _LUNG, 20.0) if forge else scan
    show(copy, processed(shown, "jpeg2000-8"))
    for number, file in enumerate(sorted(copy.iterdir())):
        ds = dcmread(file)
        ds.SOPInstanceUID = f"1.2.9.{number}"
        ds.save_as(file)
    report = check(copy)
    assert report.verdict == ("tampered" if forge else "processed")
    assert "none of its slices is an object that was sealed" in report.notes
    assert not report.findings


def renewed(folder: Path) -> Path:
    """Let a series be another one by all its UIDs."""
    for number, file in enumerate(sorted(folder.iterdir())):
        ds = dcmread(file)
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.9", f"1.2.9.{number}"
        ds.save_as(file)
    return folder


def test_a_lesion_under_new_uids_is_no_matter_of_another_series(
    check: Check, copy: Path, scan: Scan
) -> None:
    """Most slices are known by their pixels; those that are not belong to the same series."""
    show(copy, painted(scan, _LUNG, 20.0))
    report = check(renewed(copy))
    assert report.verdict == "tampered"
    assert {f.slices for f in report.findings if f.kind == "pixels"} == {(8,), (9,), (10,)}
    assert report.content is not None
    assert len(report.content.regions) == 1


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_new_uids_and_one_slice_as_it_was(
    check: Check, series: Path, copy: Path, scan: Scan, forge: bool
) -> None:
    """What one slice shows says nothing of the others."""
    show(copy, processed(painted(scan, _LUNG, 20.0) if forge else scan, "jpeg2000-8"))
    shutil.copy(min(series.iterdir()), copy)
    report = check(renewed(copy))
    assert report.verdict == ("tampered" if forge else "processed")
    assert report.content is not None
    assert report.content.missing == ()


def with_slices_between(folder: Path, *, sealed_forged: bool, between_forged: bool) -> Path:
    """Put a slice between every two of a series, and a lesion into some of either kind."""
    slices = [dcmread(file) for file in folder.iterdir()]
    slices.sort(key=lambda ds: ds.ImagePositionPatient[2])
    for z, (one, other) in enumerate(pairwise(slices)):
        if sealed_forged and z in (7, 8, 9):
            stored = other.pixel_array.copy()
            stored[75:86, 39:50] += 800
            other.PixelData = stored.tobytes()
            other.save_as(str(other.filename))
        values = (one.pixel_array.astype(int) + other.pixel_array) // 2
        if between_forged and z in (7, 8, 9):
            values[75:86, 39:50] += 800
        one.PixelData = values.astype("<i2").tobytes()
        x, y, low = one.ImagePositionPatient
        one.ImagePositionPatient = [x, y, (low + other.ImagePositionPatient[2]) / 2]
        one.save_as(folder / f"between-{z:02d}.dcm")
    return folder


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_slices_put_between_those_that_were_sealed(check: Check, copy: Path, forge: bool) -> None:
    """Some are as sealed: it is asked all the same what the whole series shows."""
    report = check(renewed(with_slices_between(copy, sealed_forged=forge, between_forged=False)))
    assert report.verdict == ("tampered" if forge else "processed")
    assert report.content is not None


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_only_slices_between_those_that_were_sealed_are_forged(
    check: Check, copy: Path, forge: bool
) -> None:
    """All that was sealed is there, bit by bit; a viewer shows what stands between as well."""
    report = check(renewed(with_slices_between(copy, sealed_forged=False, between_forged=forge)))
    assert report.verdict == ("tampered" if forge else "processed")
    assert report.content is not None
    assert ("between the sealed voxels" in report.content.reason) == forge


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_an_image_with_more_slices_of_another_thickness(
    scan: Scan, tmp_path: Path, forge: bool
) -> None:
    path, seal = tmp_path / "scan.nii.gz", tmp_path / "seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(scan, path, derivation=derivation)
    write_seal(make_seal(path, _SIGNER), seal)
    write_scan(
        painted(scan, _LUNG, 20.0) if forge else scan, path, derivation=derivation, overwrite=True
    )
    image = sitk.ReadImage(path)
    thinner = sitk.ResampleImageFilter()
    thinner.SetReferenceImage(image)
    thinner.SetOutputSpacing((2.1, 2.1, 3.0))
    thinner.SetSize((170, 170, 40))
    sitk.WriteImage(thinner.Execute(image), path)
    assert verify_seal(path, seal, _TRUST).verdict == ("tampered" if forge else "processed")


def inverted() -> Dataset:
    """A table that shows every value as another one."""
    item = Dataset()
    item.LUTDescriptor = [2, 0, 16]
    item.add_new(0x00283006, "OW", b"\xff\xff\0\0")
    return item


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("name", ["VOILUTSequence", "OverlayPlanes"])
def test_what_is_drawn_by_is_no_processing(
    check: Check, copy: Path, scan: Scan, *, renamed: bool, name: str
) -> None:
    """New objects, too, whose values show what was sealed: a table or an overlay hides it."""
    show(copy, processed(scan, "jpeg2000-8"))
    for number, file in enumerate(sorted(copy.iterdir())):
        ds = dcmread(file)
        if renamed:
            ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.9", f"1.2.9.{number}"
        if name == "VOILUTSequence":
            ds.VOILUTSequence = [inverted()]
        else:
            ds.add_new(0x60003000, "OW", b"\xff" * 32)
        ds.save_as(file)
    report = check(copy)
    assert report.verdict == "tampered"
    assert [f.attribute for f in report.findings if not f.explained] == [name]


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
def test_other_formats(
    check: Check, series: Path, tmp_path: Path, ending: str, forge: bool
) -> None:
    scan = read_scan(series)
    path = tmp_path / f"scan{ending}"
    copy = painted(scan, _LUNG, 20.0) if forge else scan
    write_scan(copy, path, derivation=Derivation("a copy", "copy"))
    report = check(path)
    assert report.verdict == ("tampered" if forge else "processed")
    assert any("compared by what it shows" in note for note in report.notes)


def test_dicom_against_the_seal_of_an_image(series: Path, tmp_path: Path) -> None:
    path, seal = tmp_path / "scan.nii.gz", tmp_path / "seal.json"
    write_scan(read_scan(series), path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, _SIGNER), seal)
    assert verify_seal(path, seal, _TRUST).verdict == "intact"
    assert verify_seal(series, seal, _TRUST).verdict == "processed"


def test_slices_left_out_are_told(check: Check, copy: Path) -> None:
    files = sorted(copy.iterdir(), key=lambda f: dcmread(f).ImagePositionPatient[2])
    for file in (files[5], files[6], files[17]):
        file.unlink()
    report = check(copy)
    assert report.verdict == "processed"
    assert report.content is not None
    assert report.content.missing[:2] == (
        "7 mm on the side of the head are missing",
        "14 mm in between are missing: slices are left out",
    )
    assert "what is left of it shows the same" in report.lines()[0]


def test_nobody_trusted_is_unknown(series: Path, copy: Path, scan: Scan) -> None:
    show(copy, processed(scan, "jpeg2000-8"))
    report = verify_seal(copy, series.parent / "seal.json")
    assert report.verdict == "unknown"
    assert report.content is not None
    assert report.content.verdict == "processed"
