"""A multi-frame object is sealed frame by frame."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless
from tests.files.dicom.multiframe import frame_order, merge
from tests.seal.sealed_series import change

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_ROWS, _COLUMNS = 70, 66


@pytest.fixture
def multi(tmp_path: Path) -> Path:
    """Six frames of a phantom."""
    phantom_series(chest((6, _ROWS, _COLUMNS), (30.0, 5.0, 5.0), seed=5), tmp_path / "single")
    return merge(tmp_path / "single", tmp_path / "multi").parent


@pytest.fixture
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def test_an_untouched_object_is_intact_and_so_is_its_lossless_copy(
    multi: Path, signer: Signer, tmp_path: Path
) -> None:
    write_seal(make_seal(multi, signer), tmp_path / "a.seal.json")
    trust = Trust((signer.public_key,))
    report = verify_seal(multi, tmp_path / "a.seal.json", trust)
    assert (report.verdict, report.slices) == ("intact", 6)
    ds = dcmread(multi / "mf.dcm")
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    ds.save_as(multi / "mf.dcm")
    assert verify_seal(multi, tmp_path / "a.seal.json", trust).verdict == "intact"


def test_a_changed_frame_and_a_changed_position_are_named(
    multi: Path, signer: Signer, tmp_path: Path
) -> None:
    write_seal(make_seal(multi, signer), tmp_path / "a.seal.json")
    ds = dcmread(multi / "mf.dcm")
    pixels = bytearray(ds.PixelData)
    pixels[2 * (2 * _ROWS * _COLUMNS + 5)] ^= 4
    ds.PixelData = bytes(pixels)
    groups = ds.PerFrameFunctionalGroupsSequence
    groups[4].PixelValueTransformationSequence[0].RescaleIntercept = "-1000"
    ds.save_as(multi / "mf.dcm")
    report = verify_seal(multi, tmp_path / "a.seal.json", Trust((signer.public_key,)))
    assert report.verdict == "tampered"
    order = frame_order(6)
    kinds = {finding.kind: finding.slices for finding in report.findings}
    assert kinds == {"pixels": (order[2],), "attribute": (order[4],)}


@pytest.mark.skipif(shutil.which("gdcmconv") is None, reason="gdcm is not installed")
def test_an_object_of_unknown_vrs_alone(multi: Path, signer: Signer, tmp_path: Path) -> None:
    """As GDCM compresses one in implicit VR."""
    write_seal(make_seal(multi, signer), tmp_path / "a.seal.json")
    ds = dcmread(multi / "mf.dcm")
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds.save_as(tmp_path / "implicit.dcm", implicit_vr=True)
    subprocess.run(
        ["gdcmconv", "--jpegls", tmp_path / "implicit.dcm", multi / "mf.dcm"], check=True
    )
    report = verify_seal(multi, tmp_path / "a.seal.json", Trust((signer.public_key,)))
    assert report.verdict == "intact", [finding.text for finding in report.findings]


def test_slices_that_became_frames_are_processed(
    multi: Path, signer: Signer, tmp_path: Path
) -> None:
    """The object says what went without saying in its slices, and all of its UIDs are new."""
    single, seal = tmp_path / "single", tmp_path / "a.seal.json"
    for file in single.iterdir():
        change(file, RescaleType=None, SliceLocation=None)
    write_seal(make_seal(single, signer), seal)
    change(
        multi / "mf.dcm",
        **{f"{kind}InstanceUID": f"1.2.3.{n}" for n, kind in enumerate(("SOP", "Series", "Study"))},
        PresentationLUTShape="IDENTITY",
        SliceLocation=None,
    )
    trust = Trust((signer.public_key,))
    report = verify_seal(multi, seal, trust)
    assert report.verdict == "processed", [f.text for f in report.findings if not f.explained]
    change(multi / "mf.dcm", PresentationLUTShape="INVERSE")
    assert verify_seal(multi, seal, trust).verdict == "tampered"


@pytest.mark.parametrize("distance, verdict", [(30, "intact"), (30.2, "intact"), (31, "tampered")])
def test_the_distance_of_its_slices_may_be_added(
    multi: Path, signer: Signer, tmp_path: Path, distance: float, verdict: str
) -> None:
    single, seal = tmp_path / "single", tmp_path / "a.seal.json"
    for file in single.iterdir():
        change(file, SpacingBetweenSlices=None)
    write_seal(make_seal(single, signer), seal)
    for file in single.iterdir():
        change(file, SpacingBetweenSlices=distance)
    report = verify_seal(single, seal, Trust((signer.public_key,)))
    assert report.verdict == verdict, [finding.text for finding in report.findings]


def test_a_distance_of_which_some_programs_read_the_start_alone_may_not(
    multi: Path, signer: Signer, tmp_path: Path
) -> None:
    single, seal = tmp_path / "single", tmp_path / "a.seal.json"
    for file in single.iterdir():
        change(file, SpacingBetweenSlices=None)
    write_seal(make_seal(single, signer), seal)
    long = b"3.0000000000000000e1"
    for file in single.iterdir():
        data, head = file.read_bytes(), b"\x18\x00\x88\x00DS"
        assert head + b"\0\0" in data
        file.write_bytes(data.replace(head + b"\0\0", head + bytes([len(long), 0]) + long))
    assert float(dcmread(file).SpacingBetweenSlices) == 30
    report = verify_seal(single, seal, Trust((signer.public_key,)))
    assert report.verdict == "tampered"
    assert {finding.attribute for finding in report.findings} == {"SpacingBetweenSlices"}
