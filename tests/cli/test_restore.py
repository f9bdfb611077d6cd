"""`mitsgan protect --restorable` and `mitsgan restore`: from keys to the original."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from mitsgan.cli.main import main


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As docs/restore.md makes them: ``site``, ``escrow`` and ``signer``."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("site", "escrow"):
        pair = ["-keyout", f"{name}.pem", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", *pair]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    for command in (
        ["genpkey", "-algorithm", "ed25519", "-out", "signer.pem"],
        ["pkey", "-in", "signer.pem", "-pubout", "-out", "signer.pub"],
    ):
        subprocess.run(["openssl", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def protected(series: Path, keys: Path, tmp_path: Path) -> Path:
    """A protected series with its original and its seal beside it."""
    out = tmp_path / "OUT"
    recipients = ["--restorable", str(keys / "site.crt"), str(keys / "escrow.crt")]
    options = ["--protector", "noise", "--max-hu", "60", "--sign", str(keys / "signer.pem")]
    report = ["--output", str(tmp_path / "protect.json"), "--no-sketch"]
    assert main(["protect", str(series), str(out), *recipients, *options, *report]) == 0
    return out


def test_the_original_comes_back(
    protected: Path, series: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protected by 60 HU, which needs no --yes-visible where the original is kept."""
    out, report = tmp_path / "ORIGINAL", tmp_path / "restore.json"
    capsys.readouterr()
    options = ["--private-key", str(keys / "escrow.pem"), "--trust", str(keys / "signer.pub")]
    assert main(["restore", str(protected), str(out), *options, "--output", str(report)]) == 0
    said = capsys.readouterr().out
    assert f"{out}: the original, 24 slices, restored in" in said
    assert "note" not in said
    for file in series.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes()
    kept = json.loads((tmp_path / "protect.json").read_text())["restorable"]
    assert kept["bytes"] == Path(f"{protected}.original.p7m").stat().st_size
    assert len(kept["recipients"]) == 2
    restored = json.loads(report.read_text())
    assert (restored["kind"], restored["sealed"], restored["slices"]) == ("restoration", True, 24)


def test_openssl_decrypts_it_too(protected: Path, keys: Path) -> None:
    for name in ("site", "escrow"):
        sidecar = f"{protected}.original.p7m"
        command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", sidecar]
        key = ["-inkey", str(keys / f"{name}.pem")]
        done = subprocess.run([*command, *key], check=True, capture_output=True)
        length = int.from_bytes(done.stdout[:8], "big")
        description = json.loads(done.stdout[16 : 16 + length])
        assert description["format"] == "mitsgan-original"
        assert description["shape"] == [24, 96, 96]
        assert len(description["files"]) == 24


def test_refusals_are_one_message_and_exit_code_2(
    protected: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, site = str(tmp_path / "ORIGINAL"), ["--private-key", str(keys / "site.pem")]
    capsys.readouterr()
    for options, reason in (
        (["--private-key", str(keys / "signer.pem")], "not RSA"),
        ([*site, "--trust", str(keys / "site.crt")], "not trusted by"),
        ([*site, "--original", str(keys / "site.crt")], "no original as mitsgan keeps it"),
        ([*site, "--seal", str(keys / "site.crt")], "no seal that can be read"),
    ):
        assert main(["restore", str(protected), out, *options, "--quiet"]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("error: ")
        assert reason in errors
        assert errors.count("\n") == 1
    Path(f"{protected}.seal.json").unlink()
    options = [*site, "--trust", str(keys / "signer.pub"), "--quiet"]
    assert main(["restore", str(protected), out, *options]) == 2
    assert "give --seal" in capsys.readouterr().err
    assert not Path(out).exists()


def test_verify_says_whether_the_original_is_there_and_whole(
    protected: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seal, trust = f"{protected}.seal.json", str(keys / "signer.pub")
    sidecar = Path(f"{protected}.original.p7m")

    def said() -> str:
        capsys.readouterr()
        assert main(["verify", str(protected), "--seal", seal, "--trust", trust]) == 0
        return capsys.readouterr().out

    assert "its original is kept in OUT.original.p7m, as it was sealed" in said()
    content = bytearray(sidecar.read_bytes())
    content[len(content) // 2] ^= 1
    sidecar.write_bytes(content)
    assert "its original was kept, but OUT.original.p7m is not as it was sealed" in said()
    sidecar.unlink()
    assert "OUT.original.p7m, which is not beside it" in said()


def test_verify_does_not_promise_the_original_of_what_was_changed(
    protected: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = sorted(protected.iterdir())[12]
    image = pydicom.dcmread(changed)
    image.PixelData = bytes(len(image.PixelData))
    image.save_as(changed)
    options = ["--seal", f"{protected}.seal.json", "--trust", str(keys / "signer.pub")]
    capsys.readouterr()
    assert main(["verify", str(protected), *options]) == 1
    assert "gives it back with the scan as it was sealed, not with this" in capsys.readouterr().out
    restore = ["restore", str(protected), str(tmp_path / "x"), *options]
    assert main([*restore, "--private-key", str(keys / "site.pem")]) == 2


def test_verify_promises_no_original_of_a_scan_that_changed(
    protected: Path, series: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What replaced the scan says that seal and original beside it are not its own."""
    capsys.readouterr()
    options = ["--protector", "offset", "--overwrite"]
    assert main(["protect", str(series), str(protected), *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{protected}.seal.json was there before, and seals another scan than this one" in said
    assert f"{protected}.original.p7m was there before: no original comes back from it" in said
    seal, trust = f"{protected}.seal.json", str(keys / "signer.pub")
    assert main(["verify", str(protected), "--seal", seal, "--trust", trust]) == 1  # no sketch
    said = " ".join(capsys.readouterr().out.split())
    assert "gives it back with the scan as it was sealed, not with this one" in said


def test_names_that_are_no_utf8_come_back(series: Path, keys: Path, tmp_path: Path) -> None:
    def mitsgan(*words: str) -> str:
        command = [sys.executable, "-m", "mitsgan", *words]
        done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    scan, out, original = ("m\udcfcller", "m\udcfcller-out", "m\udcfcller-original")
    shutil.copytree(series, tmp_path / scan)
    first = min((tmp_path / scan).iterdir())
    first.rename(first.with_name("\udce4.dcm"))  # what Python makes of Latin-1
    keep = ["--restorable", str(keys / "site.crt"), "--sign", str(keys / "signer.pem")]
    said = mitsgan("protect", scan, out, "--protector", "noise", *keep, "-o", "p.json")
    assert "m\\udcfcller-out: 24 slices protected" in said
    seal = ["--seal", f"{out}.seal.json", "--trust", str(keys / "signer.pub")]
    assert "INTACT" in mitsgan("verify", out, *seal, "--html", "v.html", "-o", "v.json")
    mitsgan("report", "v.json", "-o", "v.md")
    mitsgan("restore", out, original, "--private-key", str(keys / "site.pem"))
    names = [file.name for file in sorted((tmp_path / scan).iterdir())]
    assert names == [file.name for file in sorted((tmp_path / original).iterdir())]
    for name in names:
        ours = (tmp_path / original / name).read_bytes()
        assert ours == (tmp_path / scan / name).read_bytes()


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["restore", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "mitsgan restore OUT ORIGINAL --private-key site.pem --trust" in said
