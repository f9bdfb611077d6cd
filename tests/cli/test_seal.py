"""`mitsgan seal`, `protect --sign` and `verify --seal`: from key to verdict."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from pydicom import dcmread

from mitsgan.cli.main import main


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ed.pem``, ``ed.pub``, ``locked.pem`` (passphrase "secret"), ``rsa.pem``, ``rsa.crt``."""
    folder = tmp_path_factory.mktemp("keys")
    ed, big = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    pem, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    (folder / "ed.pem").write_bytes(ed.private_bytes(pem, pkcs8, NoEncryption()))
    locked = BestAvailableEncryption(b"secret")
    (folder / "locked.pem").write_bytes(ed.private_bytes(pem, pkcs8, locked))
    public = ed.public_key().public_bytes(pem, PublicFormat.SubjectPublicKeyInfo)
    (folder / "ed.pub").write_bytes(public)
    (folder / "rsa.pem").write_bytes(big.private_bytes(pem, pkcs8, NoEncryption()))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CT archive")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(big.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(big, hashes.SHA256())
    )
    (folder / "rsa.crt").write_bytes(certificate.public_bytes(pem))
    return folder


@pytest.fixture
def copy(series: Path, tmp_path: Path) -> Path:
    """The series, to be changed."""
    return Path(shutil.copytree(series, tmp_path / "copy"))


@pytest.fixture
def seal(series: Path, keys: Path, tmp_path: Path) -> Path:
    """The seal of the series, by the Ed25519 key."""
    path = tmp_path / "chest.seal.json"
    options = ["--sign", str(keys / "ed.pem"), "-o", str(path), "--quiet"]
    assert main(["seal", str(series), *options]) == 0
    return path


Verify = Callable[..., int]


@pytest.fixture
def verify(seal: Path, keys: Path) -> Verify:
    def run(scan: Path, *options: str) -> int:
        trust = ["--trust", str(keys / "ed.pub")]
        return main(["verify", str(scan), "--seal", str(seal), *trust, *options])

    return run


def flip(file: Path, **attributes: object) -> None:
    """Change one bit of a slice, in row 70 and column 10, and attributes."""
    ds = dcmread(file)
    for name, value in attributes.items():
        setattr(ds, name, value)
    pixels = bytearray(ds.PixelData)
    pixels[2 * (70 * 96 + 10)] ^= 1
    ds.PixelData = bytes(pixels)
    ds.save_as(file)


def hashes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_seals_and_leaves_the_scan_alone(
    series: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes_of(series)
    out = tmp_path / "a.json"
    options = ["--sign", str(keys / "rsa.pem"), "--certificate", str(keys / "rsa.crt")]
    assert main(["seal", str(series), *options, "-o", str(out)]) == 0
    assert hashes_of(series) == before
    said = capsys.readouterr().out
    assert f'{out}: 24 slices sealed with a sketch by "CN=CT archive", key SHA256:' in said
    assert main(["verify", str(series), "--seal", str(out), "--trust", str(keys / "rsa.crt")]) == 0
    assert "intact" in capsys.readouterr().out


def test_the_default_place_is_beside_the_scan(copy: Path, keys: Path) -> None:
    assert main(["seal", str(copy), "--sign", str(keys / "ed.pem")]) == 0
    assert (copy.parent / "copy.seal.json").is_file()


def test_exit_codes_tell_the_verdict(
    verify: Verify, copy: Path, seal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(copy) == 0
    assert main(["verify", str(copy), "--seal", str(seal)]) == 3
    assert "not established" in capsys.readouterr().out
    sorted(copy.iterdir())[4].unlink()
    assert verify(copy) == 4
    said = capsys.readouterr().out
    assert "processed" in said
    assert "8 mm in between are missing" in said
    flip(sorted(copy.iterdir())[2])
    assert verify(copy) == 1
    assert "tampered" in capsys.readouterr().out


def test_without_a_sketch_a_missing_slice_is_tampering(
    copy: Path, keys: Path, tmp_path: Path
) -> None:
    seal = tmp_path / "strict.json"
    options = ["--sign", str(keys / "ed.pem"), "-o", str(seal), "--no-sketch"]
    assert main(["seal", str(copy), *options]) == 0
    sorted(copy.iterdir())[4].unlink()
    assert main(["verify", str(copy), "--seal", str(seal), "--trust", str(keys / "ed.pub")]) == 1


def test_json_names_every_finding(
    verify: Verify, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(sorted(copy.iterdir())[3], RescaleIntercept="-1000")
    report = tmp_path / "run.json"
    assert verify(copy, "--json", "--output", str(report)) == 1
    output = json.loads(capsys.readouterr().out)
    assert output == json.loads(report.read_text())
    assert output["verdict"] == output["seal"]["verdict"] == "tampered"
    header, pixel = output["seal"]["findings"]
    assert header["attribute"] == "RescaleIntercept"
    assert pixel["kind"] == "pixels"
    assert pixel["boxes"] == [[64, 96, 0, 64]]
    assert header["slices"] == pixel["slices"]
    assert output["seal"]["signer"]["trusted"] is True


def test_protect_seals_what_it_wrote(
    series: Path,
    keys: Path,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    arguments = ["protect", str(series), str(out), "--device", "cpu", *protector_options]
    assert main([*arguments, "--sign", str(keys / "ed.pem")]) == 0
    seal = ["--seal", str(tmp_path / "out.seal.json"), "--trust", str(keys / "ed.pub")]
    assert main(["verify", str(out), *seal]) == 0
    assert main(["verify", str(series), *seal]) == 4, "the source shows the same"
    capsys.readouterr()
    shutil.rmtree(out)
    assert main([*arguments, "--sign", str(keys / "ed.pem")]) == 2
    assert "out.seal.json exists" in capsys.readouterr().err
    assert not out.exists()


def test_protect_refuses_a_bad_key_before_the_work(
    series: Path,
    keys: Path,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    arguments = ["protect", str(series), str(out), "--device", "cpu", *protector_options]
    assert main([*arguments, "--sign", str(keys / "ed.pub")]) == 2
    assert "holds no private key" in capsys.readouterr().err
    assert main([*arguments, "--certificate", str(keys / "rsa.crt")]) == 2
    assert "give --sign too" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_mark_and_seal_together(
    series: Path,
    keys: Path,
    protector_options: list[str],
    seal: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A key that marked nothing says unknown; with an intact seal the worse of both counts."""
    secret = tmp_path / "mark.key"
    assert main(["keygen", "-o", str(secret), "--quiet"]) == 0
    both = ["--seal", str(seal), "--trust", str(keys / "ed.pub"), "--key", str(secret)]
    assert main(["verify", str(series), *both, "--json"]) == 3
    output = json.loads(capsys.readouterr().out)
    assert (output["verdict"], output["mark_verdict"]) == ("unknown", "unknown")
    assert output["seal"]["verdict"] == "intact"
    assert output["decided_by"] == "mark"
    assert main(["verify", str(series), *both]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "mark unknown, seal intact: UNKNOWN, the mark decided"


def test_a_missing_slice_is_told_although_the_mark_cannot_read_the_scan(
    verify: Verify, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "mark.key"
    assert main(["keygen", "-o", str(secret), "--quiet"]) == 0
    sorted(copy.iterdir())[4].unlink()
    assert verify(copy, "--key", str(secret)) == 4
    said = capsys.readouterr().out
    assert "are missing" in said
    assert "the mark was not looked for" in said


@pytest.mark.parametrize("way", ["file", "environment"])
def test_an_encrypted_key(
    series: Path, keys: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "phrase").write_text("secret\n")
    options = ["--passphrase-file", str(tmp_path / "phrase")] if way == "file" else []
    if way == "environment":
        monkeypatch.setenv("MITSGAN_PASSPHRASE", "secret")
    arguments = ["seal", str(series), "--sign", str(keys / "locked.pem"), *options]
    assert main([*arguments, "-o", str(tmp_path / "a.json")]) == 0


def test_an_encrypted_key_without_a_passphrase(
    series: Path,
    keys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MITSGAN_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    arguments = ["seal", str(series), "--sign", str(keys / "locked.pem")]
    assert main([*arguments, "-o", str(tmp_path / "a.json")]) == 2
    assert "--passphrase-file" in capsys.readouterr().err
    (tmp_path / "wrong").write_text("wrong")
    wrong = ["--passphrase-file", str(tmp_path / "wrong"), "-o", str(tmp_path / "a.json")]
    assert main([*arguments, *wrong]) == 2
    assert "wrong passphrase" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_refusals(
    series: Path, keys: Path, seal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert main(list(arguments)) == 2
        return capsys.readouterr().err

    sign = ("--sign", str(keys / "ed.pem"))
    assert "does not exist" in refused("seal", str(tmp_path / "none"), *sign)
    assert "exists" in refused("seal", str(series), *sign, "-o", str(seal))
    inside = str(series / "seal.json")
    assert "lies inside the input" in refused("seal", str(series), *sign, "-o", inside)
    copies = ("--dicom-signature", str(tmp_path / "signed"))
    out = ("-o", str(tmp_path / "b.json"))
    assert "needs an RSA key" in refused("seal", str(series), *sign, *out, *copies)
    assert "name what to verify by" in refused("verify", str(series))
    trust = ("--trust", str(keys / "ed.pub"))
    assert "give --seal too" in refused("verify", str(series), "--key", "k", *trust)
    private = ("--trust", str(keys / "ed.pem"))
    assert "private key" in refused("verify", str(series), "--seal", str(seal), *private)
    assert sorted(p.name for p in tmp_path.iterdir()) == [seal.name]


def dcmsign(file: Path, certificate: Path) -> str:
    command = ["dcmsign", "--verbose", "--verify", "+rg", "+cf", str(certificate), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def signed_copies(source: Path, keys: Path, folder: Path) -> Path:
    """Copies of a series with DICOM signatures in them, by the RSA key."""
    sign = ["--sign", str(keys / "rsa.pem"), "--certificate", str(keys / "rsa.crt")]
    place = ["-o", str(folder / "s.json"), "--dicom-signature", str(folder / "signed")]
    assert main(["seal", str(source), *sign, *place, "--quiet"]) == 0
    return folder / "signed"


@pytest.mark.skipif(shutil.which("dcmsign") is None, reason="dcmtk is not installed")
def test_dcmtk_verifies_the_dicom_signature(series: Path, keys: Path, tmp_path: Path) -> None:
    signed = signed_copies(series, keys, tmp_path)
    for file in signed.iterdir():
        assert "Signature Verification      : OK" in dcmsign(file, keys / "rsa.crt")
    ds = dcmread(file)
    ds.PatientID = "OTHER"
    ds.save_as(file)
    assert "document corrupted" in dcmsign(file, keys / "rsa.crt")
    pixels = next(signed.iterdir())
    data = bytearray(pixels.read_bytes())
    data[data.index(b"\xe0\x7f\x10\x00OW") + 100] ^= 1
    pixels.write_bytes(data)
    assert "document corrupted" in dcmsign(pixels, keys / "rsa.crt")


def test_signed_copies_are_the_same_objects(series: Path, keys: Path, tmp_path: Path) -> None:
    signed = signed_copies(series, keys, tmp_path)
    assert sorted(hashes_of(signed)) == sorted(hashes_of(series))
    seal = ["--seal", str(tmp_path / "s.json"), "--trust", str(keys / "rsa.crt")]
    assert main(["verify", str(signed), *seal]) == 0
    ds = dcmread(next(signed.iterdir()))
    (item,) = ds[0xFFFAFFFA].value
    assert item.CertificateType == "X509_1993_SIG"
    (parameters,) = ds[0x4FFE0001].value
    assert parameters.MACAlgorithm == "SHA256"
    assert 0x7FE00010 in parameters.DataElementsSigned


def test_a_signed_file_is_not_signed_again(
    series: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = signed_copies(series, keys, tmp_path)
    sign = ["--sign", str(keys / "rsa.pem"), "--certificate", str(keys / "rsa.crt")]
    place = ["-o", str(tmp_path / "t.json"), "--dicom-signature", str(tmp_path / "again")]
    assert main(["seal", str(signed), *sign, *place]) == 2
    assert "holds a digital signature already" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(shutil.which("dcmsign") is None, reason="dcmtk is not installed")
def test_dcmtk_verifies_signatures_in_files_of_many_scanners(
    data: Path, keys: Path, tmp_path: Path
) -> None:
    files = sorted((data / "dicom" / "single-slices").rglob("*.dcm"))
    assert files
    for k, file in enumerate(files):
        (folder := tmp_path / str(k)).mkdir()
        signed = signed_copies(Path(shutil.copy(file, folder / "slice.dcm")), keys, folder)
        (copied,) = signed.iterdir()
        assert "Signature Verification      : OK" in dcmsign(copied, keys / "rsa.crt"), file.name
