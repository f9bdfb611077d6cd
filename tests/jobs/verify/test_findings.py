"""`verify` with `dicom_out`: what a PACS stores and others read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own habit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydicom import dcmread
from pydicom.dataset import Dataset
from tests.files.dicom.multiframe import merge
from tests.seal.sketch.conftest import painted

import mitsgan as mg
from mitsgan import extras
from mitsgan.errors import MissingExtraError, OutputError, SettingsError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import Verified, verify_file
from mitsgan.mark import Mark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer

_KEY = Ed25519PrivateKey.generate()
_SIGNER = Signer(_KEY)
_LUNG = (9, 80, 44)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((18, 170, 170), (7.0, 2.1, 2.1), seed=4)


@pytest.fixture(scope="module")
def sealed(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``series``, ``tampered`` (a ball of 20 mm in the lung), the seal, and trust."""
    folder = tmp_path_factory.mktemp("findings")
    phantom_series(scan, folder / "series")
    write_seal(make_seal(folder / "series", _SIGNER), folder / "seal.json")
    _trust(folder / "trust.pem")
    shutil.copytree(folder / "series", folder / "tampered")
    _show(folder / "tampered", painted(scan, _LUNG, 20.0))
    return folder


@pytest.fixture(scope="module")
def written(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verified]:
    """The findings of the tampered series."""
    out = tmp_path_factory.mktemp("written") / "out"
    return out, _verify(sealed, "tampered", out)


def _trust(path: Path) -> None:
    path.write_bytes(
        _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def _show(folder: Path, scan: Scan) -> None:
    """Let the objects of a series show something else."""
    for file in folder.iterdir():
        ds = dcmread(file)
        z = round((ds.ImagePositionPatient[2] - scan.geometry.origin[2]) / scan.spacing[0])
        stored = np.rint((scan.hu(z, z + 1)[0] - ds.RescaleIntercept) / ds.RescaleSlope)
        ds.PixelData = stored.astype(ds.pixel_array.dtype).tobytes()
        ds.save_as(file)


def _verify(sealed: Path, name: str, out: Path, **more: Any) -> Verified:
    return verify_file(
        VerifyFile(
            scan=sealed / name,
            seal=sealed / "seal.json",
            trust=sealed / "trust.pem",
            dicom_out=out,
            **more,
        )
    )


def _values(report: Dataset, name: str) -> list[str]:
    """What a report says under a name, anywhere in it."""
    values: list[str] = []
    for item in report.get("ContentSequence", []):
        names = item.get("ConceptNameCodeSequence")
        if names and names[0].CodeMeaning == name:
            if "TextValue" in item:
                values.append(str(item.TextValue))
            elif "ConceptCodeSequence" in item:
                values.append(str(item.ConceptCodeSequence[0].CodeValue))
            elif "MeasuredValueSequence" in item:
                values.append(str(item.MeasuredValueSequence[0].NumericValue))
        values += _values(item, name)
    return values


@pytest.mark.slow
def test_the_report_says_what_the_result_says(written: tuple[Path, Verified], sealed: Path) -> None:
    out, verified = written
    report = dcmread(out / "report.dcm")
    assert verified.seal is not None
    assert verified.seal.content is not None
    (region,) = verified.seal.content.regions
    assert _values(report, "Verdict: scan") == ["tampered"]
    assert _values(report, "Verdict: sketch") == ["tampered"]
    assert _values(report, "Signing key") == [verified.seal.fingerprint]
    assert _values(report, "Certificate") == ["none: a bare key"]
    assert _values(report, "Software") == [f"mitsgan {mg.__version__}"]
    assert float(_values(report, "Volume")[0]) == pytest.approx(region.volume_ml, abs=1e-3)
    assert float(_values(report, "Difference beyond processing")[0]) > 600
    (voxels, *_) = _values(report, "Voxels")
    assert voxels.startswith(f"slices {region.start[0]}-{region.stop[0] - 1}, rows")
    referenced = {
        image.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for image in series.ReferencedSOPSequence
    }
    examined = {dcmread(f).SOPInstanceUID for f in (sealed / "tampered").iterdir()}
    assert examined < referenced
    assert report.PatientID == dcmread(next((sealed / "tampered").iterdir())).PatientID


def test_the_segmentation_shows_the_region_where_it_is(
    written: tuple[Path, Verified], sealed: Path, scan: Scan
) -> None:
    """Read by pydicom and by ITK, which know nothing of what wrote it."""
    out, verified = written
    seg = dcmread(out / "segmentation-sketch.dcm")
    assert verified.seal is not None
    assert verified.seal.content is not None
    (region,) = verified.seal.content.regions
    pixels = seg.pixel_array
    voxel_ml = float(np.prod(scan.spacing)) / 1000
    assert pixels.sum() * voxel_ml == pytest.approx(region.volume_ml, rel=0.02)
    positions = [
        [float(mm) for mm in frame.PlanePositionSequence[0].ImagePositionPatient]
        for frame in seg.PerFrameFunctionalGroupsSequence
    ]
    places = np.argwhere(pixels)
    z = np.mean([positions[k][2] for k in places[:, 0]])
    x, y = (places[:, axis].mean() * 2.1 + positions[0][2 - axis] for axis in (2, 1))
    assert np.abs(np.subtract((x, y, z), scan.geometry.to_world(_LUNG))).max() < 4
    again = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "segmentation-sketch.dcm")))
    # One bit a pixel: ITK leaves the bits of a last, partly filled byte unread.
    whole_bytes = pixels.size // 8 * 8
    np.testing.assert_array_equal(again.ravel()[:whole_bytes] > 0, pixels.ravel()[:whole_bytes] > 0)
    assert not pixels.ravel()[whole_bytes:].any()
    source = {
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for frame in seg.PerFrameFunctionalGroupsSequence
    }
    assert source <= {dcmread(f).SOPInstanceUID for f in (sealed / "tampered").iterdir()}


def test_blocks_that_differ_are_shown_beside_the_region(written: tuple[Path, Verified]) -> None:
    out, verified = written
    assert verified.findings is not None
    names = ("segmentation-sketch.dcm", "segmentation-blocks.dcm")
    assert verified.findings.segmentations == names
    assert sorted(path.name for path in out.iterdir()) == sorted(["report.dcm", *names])
    blocks = dcmread(out / names[1])
    assert verified.seal is not None
    differing = [f for f in verified.seal.findings if f.kind == "pixels"]
    assert len(blocks.SegmentSequence) == len(differing)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is missing")
def test_an_independent_judge_finds_no_error(written: tuple[Path, Verified]) -> None:
    for path in written[0].iterdir():
        done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        assert "Error" not in done.stderr, path.name


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dsrdump (dcmtk) is missing")
def test_an_independent_reader_shows_the_report(written: tuple[Path, Verified]) -> None:
    done = subprocess.run(
        ["dsrdump", written[0] / "report.dcm"], capture_output=True, text=True, check=True
    )
    assert "Comprehensive 3D SR Document" in done.stdout
    assert "(tampered,99MITSGAN" in done.stdout
    assert '"Volume")=' in done.stdout


def test_where_nothing_is_flagged_there_is_a_report_alone(sealed: Path, tmp_path: Path) -> None:
    verified = _verify(sealed, "series", tmp_path / "out")
    assert verified.verdict == "intact"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.dcm"]
    report = dcmread(tmp_path / "out" / "report.dcm")
    assert _values(report, "Verdict: scan") == ["intact"]
    assert _values(report, "Regions") == ["no region was flagged"]


def test_frames_of_one_object_are_referred_to_as_such(sealed: Path, tmp_path: Path) -> None:
    file = merge(sealed / "series", tmp_path / "multi")
    write_seal(make_seal(file.parent, _SIGNER), tmp_path / "seal.json")
    _trust(tmp_path / "trust.pem")
    ds = dcmread(file)
    pixels = ds.pixel_array.copy()
    pixels[3, 64:100, 64:100] += 400
    ds.PixelData = pixels.tobytes()
    ds.save_as(file)
    assert _verify(tmp_path, "multi", tmp_path / "out").verdict == "tampered"
    seg = dcmread(tmp_path / "out" / "segmentation-blocks.dcm")
    (frame,) = seg.PerFrameFunctionalGroupsSequence
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert source.ReferencedFrameNumber == 4
    (position,) = frame.PlanePositionSequence
    there = ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0]
    assert position.ImagePositionPatient == there.ImagePositionPatient


def test_a_missing_mark_is_shown_where_it_is_missing(tmp_path: Path) -> None:
    """Marked more strongly than a patient's scan: it has few voxels."""
    key = mg.Key(bytes(range(32)))
    key.save(tmp_path / "key")
    plain = chest((32, 160, 160), (2.5, 1.4, 1.4), seed=4)
    phantom_series(plain, tmp_path / "plain")
    marked = apply_perturbations(
        read_scan(tmp_path / "plain"), [Mark(key, "demo", 15.0)], Budget(60)
    ).scan
    stored = marked.stored.copy()
    noise = np.random.default_rng(0).integers(-40, 41, (16, 32, 32))
    stored[8:24, 60:92, 44:76] = noise - 850 - int(marked.intercept[0])
    note = Derivation("test", "test")
    write_scan(marked.with_stored(stored), tmp_path / "tampered", derivation=note)
    settings = VerifyFile(
        scan=tmp_path / "tampered",
        key=tmp_path / "key",
        identity="demo",
        dicom_out=tmp_path / "out",
    )
    verified = verify_file(settings)
    assert verified.verdict == "tampered"
    seg = dcmread(tmp_path / "out" / "segmentation-mark.dcm")
    assert verified.detection is not None
    assert seg.pixel_array.sum() == sum(region.voxels for region in verified.detection.regions)
    assert len(seg.SegmentSequence) == len(verified.detection.regions)
    report = dcmread(tmp_path / "out" / "report.dcm")
    assert _values(report, "Verdict: mark") == ["tampered"]


def test_an_image_has_nothing_to_refer_to(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"any")
    settings = VerifyFile(
        scan=tmp_path / "a.nii.gz", key=tmp_path / "key", dicom_out=tmp_path / "out"
    )
    with pytest.raises(SettingsError, match="is no DICOM, so there are no instances"):
        verify_file(settings)
    assert not (tmp_path / "out").exists()


def test_without_the_extra_the_install_line_is_told(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mitsgan\[findings\]'"):
        _verify(sealed, "series", tmp_path / "out")


def test_findings_are_replaced_only_when_told(sealed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _verify(sealed, "series", out)
    before = (out / "report.dcm").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        _verify(sealed, "tampered", out)
    assert (out / "report.dcm").read_bytes() == before
    _verify(sealed, "tampered", out, overwrite=True)
    assert len(list(out.iterdir())) == 3
    with pytest.raises(OutputError, match="lies inside the input"):
        _verify(sealed, "series", sealed / "series" / "out")
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="did not make"):
        _verify(sealed, "series", out, overwrite=True)


def test_a_header_that_cannot_be_referred_to_is_refused(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed / "series", tmp_path / "series")
    for file in (tmp_path / "series").iterdir():
        ds = dcmread(file)
        del ds.FrameOfReferenceUID
        ds.save_as(file)
    shutil.copy(sealed / "seal.json", tmp_path)
    shutil.copy(sealed / "trust.pem", tmp_path)
    with pytest.raises(mg.errors.ScanError, match=r"\(0020,0052\).*repair the header"):
        _verify(tmp_path, "series", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_element_that_nobody_can_read_is_named(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed / "series", tmp_path / "series")
    for file in (tmp_path / "series").iterdir():
        ds = dcmread(file)
        ds.PatientComments = "none"
        ds.save_as(file)
        content = file.read_bytes()
        file.write_bytes(content.replace(b"\x10\0\0\x40LT", b"\x10\0\0\x40ZZ"))  # no VR
    shutil.copy(sealed / "seal.json", tmp_path)
    shutil.copy(sealed / "trust.pem", tmp_path)
    with pytest.raises(mg.errors.ScanError, match=r"\(0010,4000\) has the VR") as caught:
        _verify(tmp_path, "series", tmp_path / "out")
    assert "Traceback" not in str(caught.value)
    assert not (tmp_path / "out").exists()
