"""The seal: every change is found and named, and nothing else is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.digest import SIZE, block_digests, differing_blocks
from mitsgan.seal.format import SealError, canonical, read_seal, write_seal
from mitsgan.seal.report import SealReport
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

DEPTH, HEIGHT, WIDTH = 6, 150, 130
"""Neither side is a multiple of 64, so the blocks at the far edges are smaller."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def trust(signer: Signer) -> Trust:
    return Trust((signer.public_key,))


@pytest.fixture(scope="module")
def phantom() -> Scan:
    return chest((DEPTH, HEIGHT, WIDTH), (30.0, 2.4, 2.8), seed=5)


@pytest.fixture(scope="module")
def source(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM series; tests do not change it."""
    folder = tmp_path_factory.mktemp("seal") / "series"
    phantom_series(phantom, folder)
    return folder


@pytest.fixture(scope="module")
def sealed(source: Path, signer: Signer) -> Path:
    """The seal of the series."""
    path = source.parent / "series.seal.json"
    write_seal(make_seal(source, signer), path)
    return path


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    """The series, to be changed."""
    return Path(shutil.copytree(source, tmp_path / "copy"))


Check = Callable[[Path], SealReport]


@pytest.fixture
def check(sealed: Path, trust: Trust) -> Check:
    return lambda path: verify_seal(path, sealed, trust)


def ordered(folder: Path) -> list[Path]:
    """The files of a series, z ascending."""
    return sorted(folder.iterdir(), key=lambda file: dcmread(file).ImagePositionPatient[2])


def change(file: Path, **attributes: object) -> None:
    ds = dcmread(file)
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.save_as(file)


def flip(file: Path, row: int, column: int, bit: int) -> None:
    """Change one bit of one stored value."""
    ds = dcmread(file)
    data = bytearray(ds.PixelData)
    data[2 * (row * WIDTH + column) + bit // 8] ^= 1 << bit % 8
    ds.PixelData = bytes(data)
    ds.save_as(file)


def test_an_untouched_series_is_intact(check: Check, source: Path) -> None:
    report = check(source)
    assert report.verdict == "intact"
    assert report.findings == ()
    assert report.slices == DEPTH
    assert report.blocks == DEPTH * 3 * 3
    assert report.trusted == "its key is one that you trust"


def test_without_trust_nothing_is_intact(source: Path, sealed: Path) -> None:
    report = verify_seal(source, sealed)
    assert report.verdict == "unknown"
    assert report.findings == ()
    assert report.trusted is None
    assert any("the signer may be anybody" in note for note in report.notes)


def test_a_scan_signed_anew_by_somebody_else_is_not_intact(
    copy: Path, tmp_path: Path, trust: Trust
) -> None:
    flip(ordered(copy)[2], 10, 10, 3)
    forger = Signer(Ed25519PrivateKey.generate())
    write_seal(make_seal(copy, forger), tmp_path / "forged.json")
    report = verify_seal(copy, tmp_path / "forged.json", trust)
    assert report.verdict == "unknown"
    assert report.trusted is None
    assert any("none of those that you trust" in note for note in report.notes)


@pytest.mark.parametrize(
    "row, column, bit, box",
    [
        (0, 0, 0, (0, 64, 0, 64)),
        (63, 64, 15, (0, 64, 64, 128)),
        (149, 129, 7, (128, 150, 128, 130)),
    ],
)
def test_one_bit_is_named_by_slice_and_block(
    check: Check, copy: Path, row: int, column: int, bit: int, box: tuple[int, ...]
) -> None:
    flip(ordered(copy)[4], row, column, bit)
    report = check(copy)
    (finding,) = report.findings
    assert report.verdict == "tampered"
    assert (finding.kind, finding.slices) == ("pixels", (4,))
    (found,) = finding.boxes
    assert (found.top, found.bottom, found.left, found.right) == box
    assert f"rows {box[0]}-{box[1] - 1}, columns {box[2]}-{box[3] - 1}" in finding.text


def test_ten_thousand_single_bits_are_all_found() -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(-1024, 3000, (HEIGHT, WIDTH), np.int16)
    before = block_digests(stored)
    words = stored.view(np.uint16)
    missed = wrong = 0
    for _ in range(10_000):
        row, column, bit = rng.integers(HEIGHT), rng.integers(WIDTH), rng.integers(16)
        words[row, column] ^= np.uint16(1 << int(bit))
        boxes = differing_blocks(before, block_digests(stored), HEIGHT, WIDTH)
        words[row, column] ^= np.uint16(1 << int(bit))
        missed += not boxes
        wrong += len(boxes) != 1 or not (
            boxes[0].top <= row < boxes[0].bottom and boxes[0].left <= column < boxes[0].right
        )
    assert (missed, wrong) == (0, 0)
    assert block_digests(stored) == before


def test_digests_are_plain_sha256_of_little_endian_rows() -> None:
    stored = np.arange(150 * 130, dtype=np.int16).reshape(150, 130)
    digests = block_digests(stored)
    assert len(digests) == 9 * SIZE
    middle = stored[64:128, 64:128].astype("<i2").tobytes()
    assert digests[4 * SIZE : 5 * SIZE] == hashlib.sha256(middle).digest()
    assert block_digests(stored.astype(">i2")) == digests


@pytest.mark.parametrize(
    "name, value, tag",
    [
        ("PatientID", "OTHER", "(0010,0020)"),
        ("PatientName", "Somebody^Else", "(0010,0010)"),
        ("RescaleIntercept", "-1000", "(0028,1052)"),
        ("RescaleSlope", "2", "(0028,1053)"),
        ("PixelSpacing", [2.4, 2.9], "(0028,0030)"),
        ("ImagePositionPatient", [0, 0, 17], "(0020,0032)"),
        ("StudyInstanceUID", "1.2.3.6", "(0020,000d)"),
        ("PixelRepresentation", 0, "(0028,0103)"),
        ("AccessionNumber", "A1", "(0008,0050)"),
        ("WindowCenter", "1234", "(0028,1050)"),
    ],
)
def test_a_header_field_is_named(
    check: Check, copy: Path, name: str, value: object, tag: str
) -> None:
    change(ordered(copy)[1], **{name: value})
    report = check(copy)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if f.kind == "attribute"]
    assert (finding.attribute, finding.slices) == (name, (1,))
    assert tag in finding.text


@pytest.mark.parametrize(
    "name, value, tag",
    [
        ("InstanceNumber", 77, "(0020,0013)"),
        ("SOPInstanceUID", "1.2.3.4", "(0008,0018)"),
        ("SeriesInstanceUID", "1.2.3.5", "(0020,000e)"),
    ],
)
def test_a_new_number_is_named_and_is_no_tampering(
    check: Check,
    copy: Path,
    tmp_path: Path,
    signer: Signer,
    trust: Trust,
    *,
    name: str,
    value: object,
    tag: str,
) -> None:
    """Whoever processes a scan gives it new numbers; without a sketch every change counts."""
    strict = tmp_path / "strict.json"
    write_seal(make_seal(copy, signer, sketch=False), strict)
    change(ordered(copy)[1], **{name: value})
    report = check(copy)
    assert report.verdict == "processed"
    (finding,) = [f for f in report.findings if f.kind == "attribute"]
    assert (finding.attribute, finding.slices, finding.explained) == (name, (1,), True)
    assert tag in finding.text
    assert verify_seal(copy, strict, trust).verdict == "tampered"


def test_a_field_changed_in_all_slices_is_one_finding(check: Check, copy: Path) -> None:
    for file in copy.iterdir():
        change(file, PatientID="OTHER")
    (finding,) = check(copy).findings
    assert finding.slices == tuple(range(DEPTH))
    assert "all slices" in finding.text


def test_names_of_the_patient_are_not_in_the_seal(copy: Path, signer: Signer) -> None:
    for file in copy.iterdir():
        change(file, PatientName="Curie^Marie", PatientID="MC1867", AccessionNumber="ACC99")
    text = json.dumps(make_seal(copy, signer))
    assert not any(secret in text for secret in ("Curie", "MC1867", "ACC99"))


def test_a_missing_slice_is_named(check: Check, copy: Path) -> None:
    ordered(copy)[3].unlink()
    (finding,) = check(copy).findings
    assert (finding.kind, finding.slices) == ("missing", (3,))


def test_an_extra_slice_is_named(check: Check, copy: Path) -> None:
    shutil.copy(ordered(copy)[3], copy / "zz.dcm")
    change(copy / "zz.dcm", SOPInstanceUID="1.2.3.9")
    (finding,) = check(copy).findings
    assert finding.kind == "extra"
    assert "zz.dcm" in finding.text


def test_the_same_slice_twice_is_named(check: Check, copy: Path) -> None:
    shutil.copy(ordered(copy)[3], copy / "zz.dcm")
    (finding,) = check(copy).findings
    assert finding.kind == "extra"


def test_pixels_put_into_another_slice_are_named(check: Check, copy: Path) -> None:
    files = ordered(copy)
    one, two = (dcmread(files[z]) for z in (1, 2))
    one.PixelData, two.PixelData = two.PixelData, one.PixelData
    one.save_as(files[1])
    two.save_as(files[2])
    moved = [f for f in check(copy).findings if f.kind == "moved"]
    assert [f.slices for f in moved] == [(1,), (2,)]
    assert "holds the pixels of slice 2" in moved[0].text


def test_slices_in_another_order_are_named(check: Check, copy: Path) -> None:
    files = ordered(copy)
    places = [dcmread(file).ImagePositionPatient for file in files]
    change(files[1], ImagePositionPatient=places[2])
    change(files[2], ImagePositionPatient=places[1])
    found = [f for f in check(copy).findings if f.attribute == "ImagePositionPatient"]
    assert sorted(f.slices for f in found) == [(1,), (2,)]


def test_names_of_files_do_not_matter(check: Check, copy: Path) -> None:
    for k, file in enumerate(reversed(ordered(copy))):
        file.rename(copy / f"renamed{k}")
    assert check(copy).verdict == "intact"


def test_other_series_in_the_folder_are_left_out(check: Check, copy: Path, phantom: Scan) -> None:
    other = copy / "other"
    phantom_series(chest((3, 32, 32), (60.0, 11.0, 11.0), seed=9), other)
    for file in other.iterdir():
        change(file, SeriesInstanceUID="1.2.3.77", SOPInstanceUID=f"1.2.3.77.{file.stem[-1]}")
    report = check(copy)
    assert report.verdict == "intact"
    assert "3 file(s) of other series were left out" in report.notes


def test_another_scan_is_told_in_one_line(
    copy: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    strict = tmp_path / "strict.json"
    write_seal(make_seal(copy, signer, sketch=False), strict)
    for z, file in enumerate(ordered(copy)):
        change(file, SeriesInstanceUID="1.2.3.8", SOPInstanceUID=f"1.2.3.8.{z}")
        flip(file, 3, 3, 1)
    report = verify_seal(copy, strict, trust)
    assert report.verdict == "tampered"
    assert report.findings[0].kind == "missing"
    assert "another scan" in report.findings[0].text


def test_pixels_that_cannot_be_read_are_named(check: Check, copy: Path) -> None:
    file = ordered(copy)[2]
    file.write_bytes(file.read_bytes()[:-500])
    (finding,) = check(copy).findings
    assert (finding.kind, finding.slices) == ("unreadable", (2,))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_lossless_encodings_keep_the_seal(check: Check, copy: Path, syntax: str) -> None:
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    assert dcmread(file).file_meta.TransferSyntaxUID == syntax
    assert check(copy).verdict == "intact"


@pytest.mark.skipif(shutil.which("dcmconv") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize(
    "command", [("dcmconv", "+ti"), ("dcmconv", "+tb"), ("dcmcjpls",), ("dcmcrle",)]
)
def test_dcmtk_encodings_keep_the_seal(
    check: Check, source: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "out").mkdir()
    for file in source.iterdir():
        subprocess.run([*command, file, tmp_path / "out" / file.name], check=True)
    assert check(tmp_path / "out").verdict == "intact"


def test_a_changed_seal_is_tampered(
    source: Path, sealed: Path, trust: Trust, tmp_path: Path
) -> None:
    document = json.loads(sealed.read_text())
    document["created"] = "2001-01-01T00:00:00Z"
    (tmp_path / "changed.json").write_text(json.dumps(document))
    report = verify_seal(source, tmp_path / "changed.json", trust)
    assert report.verdict == "tampered"
    assert report.findings[0].kind == "signature"
    assert report.trusted is None


def test_what_openssl_would_check_is_what_is_signed(sealed: Path, signer: Signer) -> None:
    document = json.loads(sealed.read_text())
    seal = read_seal(sealed)
    del document["signature"]
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert plain.encode() == seal.signed == canonical(document)
    assert isinstance(signer.key, Ed25519PrivateKey)
    signer.key.public_key().verify(seal.signature, plain.encode())


def test_two_slices_of_one_uid_are_refused(copy: Path, signer: Signer) -> None:
    one, two, *_ = ordered(copy)
    change(two, SOPInstanceUID=dcmread(one).SOPInstanceUID)
    with pytest.raises(SealError, match="the same \\*SOP Instance UID\\*"):
        make_seal(copy, signer)


def test_an_encoding_nobody_knows_is_no_verdict(check: Check, copy: Path) -> None:
    ds = dcmread(ordered(copy)[0])
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.59")  # hierarchical JPEG
    ds.save_as(ordered(copy)[0])
    with pytest.raises(ScanError, match=r"no decoder for it.*dcmdjpeg"):
        check(copy)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_images_are_sealed_too(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust, ending: str
) -> None:
    path, seal = tmp_path / f"scan{ending}", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)
    assert verify_seal(path, seal, trust).verdict == "intact"
    stored = phantom.stored.copy()
    stored[3, 70, 5] += 1
    write_scan(phantom.with_stored(stored), path, derivation=derivation, overwrite=True)
    (finding,) = verify_seal(path, seal, trust).findings
    assert (finding.kind, finding.slices) == ("pixels", (3,))
    assert [str(box) for box in finding.boxes] == ["rows 64-127, columns 0-63"]


def test_slices_of_an_image_that_come_and_go_are_named(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    path, seal = tmp_path / "scan.nii", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)

    def arranged(order: list[int]) -> list[tuple[str, tuple[int, ...]]]:
        count = len(order)
        changed = dataclasses.replace(
            phantom,
            stored=phantom.stored[order],
            slope=np.ones(count),
            intercept=np.full(count, phantom.intercept[0]),
        )
        write_scan(changed, path, derivation=derivation, overwrite=True)
        return [(f.kind, f.slices) for f in verify_seal(path, seal, trust).findings]

    assert arranged([0, 1, 3, 4, 5]) == [("missing", (2,))]
    assert arranged([0, 1, 2, 2, 3, 4, 5]) == [("extra", ())]
    assert arranged([0, 1, 3, 2, 4, 5]) == [("moved", (2,)), ("moved", (3,))]


def test_geometry_of_an_image_is_sealed(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    path, seal = tmp_path / "scan.mha", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)
    wider = dataclasses.replace(phantom.geometry, spacing=(30.0, 2.4, 2.9))
    moved = dataclasses.replace(phantom, geometry=wider)
    write_scan(moved, path, derivation=derivation, overwrite=True)
    (finding,) = verify_seal(path, seal, trust).findings
    assert finding.attribute == "Spacing"


def test_the_seal_of_an_image_without_a_sketch_is_not_for_dicom(
    phantom: Scan, tmp_path: Path, signer: Signer, source: Path
) -> None:
    path, seal = tmp_path / "scan.nii", tmp_path / "scan.seal.json"
    write_scan(phantom, path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, signer, sketch=False), seal)
    with pytest.raises(SealError, match="the seal of an image file"):
        verify_seal(source, seal)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["lungdx-a0001", "cip-64/dicom"])
def test_single_bits_of_real_files_are_found(
    data: Path, name: str, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    folder = Path(shutil.copytree(data / "ct" / name, tmp_path / "copy"))
    write_seal(make_seal(folder, signer), tmp_path / "seal.json")
    assert verify_seal(folder, tmp_path / "seal.json", trust).verdict == "intact"
    rng = np.random.default_rng(1)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    chosen = {int(k) for k in rng.choice(len(files), 12, replace=False)}
    for k in chosen:
        files[k].chmod(0o644)
        ds = dcmread(files[k])
        data_bytes = bytearray(ds.PixelData)
        data_bytes[int(rng.integers(len(data_bytes)))] ^= 1 << int(rng.integers(8))
        ds.PixelData = bytes(data_bytes)
        ds.save_as(files[k])
    findings = verify_seal(folder, tmp_path / "seal.json", trust).findings
    assert [finding.kind for finding in findings] == ["pixels"] * len(chosen)
    assert all(len(finding.boxes) == 1 for finding in findings)


@pytest.mark.real_data
def test_every_lossless_encoding_of_a_slice_keeps_its_seal(
    data: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    files = {file.name: file for file in folder.glob("CTImage.dcm_*")}
    lossless = (
        *("BigEndian", "Deflated", "JPEG2000LosslessOnly", "JPEGLSLossless", "LittleEndian"),
        "RLELossless",
    )
    (plain,) = [f for name, f in files.items() if "LittleEndianExplicit" in name]
    write_seal(make_seal(plain, signer), tmp_path / "seal.json")
    kept = [
        f for name, f in files.items() if name.removeprefix("CTImage.dcm_").startswith(lossless)
    ]
    assert len(kept) == 7
    for file in kept:
        assert verify_seal(file, tmp_path / "seal.json", trust).verdict == "intact", file.name
    (lossy,) = [f for name, f in files.items() if "JPEGLSLossy" in name]
    assert verify_seal(lossy, tmp_path / "seal.json", trust).verdict == "tampered"
