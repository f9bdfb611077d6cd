"""A folder of studies in one call: one bad series does not stop the rest."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mitsgan.cli.main import main
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.result import ProtectionResult
from mitsgan.jobs.protect.tree import TreeProtection
from mitsgan.phantom.chest import chest

OPTIONS = ["--recursive", "--protector", "offset", "--max-hu", "4", "--quiet"]


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Two series in one study, one that is damaged, and an image."""
    tree = tmp_path / "studies"
    for number, name in enumerate(("a/one", "a/two", "b/damaged")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        phantom_series(chest((16, 64, 64), (6.0, 5.6, 5.6), seed=number), tree / name)
    damaged = sorted((tree / "b" / "damaged").iterdir())[3]
    damaged.write_bytes(damaged.read_bytes()[:-900])
    scan = chest((16, 64, 64), (6.0, 5.6, 5.6), seed=9)
    write_scan(scan, tree / "image.nii.gz", derivation=Derivation("test", "test"))
    return tree


def test_all_but_the_damaged_one_are_protected(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out", tmp_path / "tree.json"
    arguments = ["protect", str(studies), str(out), *OPTIONS, "--output", str(report)]
    assert main(arguments) == 2
    result = TreeProtection.read(report)
    assert (result.protected, result.failed) == (3, 1)
    for name in ("a/one", "a/two", "image.nii.gz"):
        moved = read_scan(out / name).hu() - read_scan(studies / name).hu()
        assert moved.max() == 4
    (bad,) = (entry for entry in result.scans if entry.protection is None)
    assert bad.scan == "b/damaged"
    assert bad.reason
    assert not (out / "b").exists()
    assert "error: b/damaged: " in capsys.readouterr().err
    assert main([word for word in arguments if word != "--quiet"] + ["--overwrite"]) == 2
    output = capsys.readouterr().out
    assert "3 scans protected, 1 failed" in output
    assert "note: a/one: pixels of 5.6 mm are coarser than 2 mm" in output
    assert main(["report", str(report), "-o", str(tmp_path / "tree.md"), "--quiet"]) == 0
    text = (tmp_path / "tree.md").read_text()
    assert "| a/one | a/one | 4 | " in text
    assert f"| b/damaged | b/damaged | n/a | n/a | {bad.reason[:20]}" in text


def test_a_folder_that_cannot_be_listed_is_told(
    studies: Path,
    tmp_path: Path,
    unlistable: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    unlistable(studies / "b")
    assert main(["protect", str(studies), str(tmp_path / "out"), *OPTIONS]) == 2
    assert "error: b: " in capsys.readouterr().err
    assert (tmp_path / "out" / "a" / "two").is_dir()


def test_what_cannot_be_meant_is_refused(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside, outside = str(studies / "out"), str(tmp_path / "out")
    assert main(["protect", str(studies), inside, *OPTIONS]) == 2
    assert "lies in the tree" in capsys.readouterr().err
    assert main(["protect", str(studies), outside, *OPTIONS, "--series", "1.2"]) == 2
    assert "--series and --select choose one scan" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_series_at_the_top_and_an_image_beside_slices_have_places_of_their_own(
    studies: Path, tmp_path: Path
) -> None:
    mixed = studies / "a" / "one"
    (studies / "image.nii.gz").rename(mixed / "image.nii.gz")
    with zipfile.ZipFile(studies / "a" / "one.zip", "w") as archive:
        for file in sorted((studies / "a" / "two").iterdir()):
            archive.write(file, file.name)
    for file in sorted((studies / "a" / "two").iterdir()):
        file.rename(mixed / f"two-{file.name}")
    out = tmp_path / "out"
    assert main(["protect", str(mixed), str(out), *OPTIONS]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["image.nii.gz", "one (1)", "one (2)"]
    out = tmp_path / "all"
    assert main(["protect", str(studies), str(out), *OPTIONS]) == 2  # b/damaged
    assert sorted(p.name for p in (out / "a").iterdir()) == ["one", "one (1)", "one (2)"]
    assert len(list((out / "a" / "one").glob("*.dcm"))) == 16
    assert read_scan(out / "a" / "one" / "image.nii.gz").shape == (16, 64, 64)


def test_an_image_beside_one_series_lies_in_its_folder(studies: Path, tmp_path: Path) -> None:
    (studies / "image.nii.gz").rename(studies / "a" / "one" / "image.nii.gz")
    with zipfile.ZipFile(studies / "a" / "one.zip", "w") as archive:
        for file in sorted((studies / "a" / "two").iterdir()):
            archive.write(file, file.name)
    out = tmp_path / "out"
    for again in ([], ["--overwrite"]):
        assert main(["protect", str(studies / "a"), str(out), *OPTIONS, *again]) == 0
        assert sorted(p.name for p in out.iterdir()) == ["one", "one (2)", "two"]
        assert read_scan(out / "one" / "image.nii.gz").shape == (16, 64, 64)
        assert read_scan(out / "one (2)").shape == (16, 64, 64)


def test_a_series_in_several_folders_is_one_scan(studies: Path, tmp_path: Path) -> None:
    disc, private, public = studies / "a" / "one", tmp_path / "key.pem", tmp_path / "public.pem"
    key = Ed25519PrivateKey.generate()
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )
    for number, file in enumerate(sorted(disc.iterdir())):
        part = disc / f"S{number // 9}"
        part.mkdir(exist_ok=True)
        file.rename(part / file.name)
    out = tmp_path / "out"
    seal = ["--sign", str(private)]
    assert main(["protect", str(studies / "a"), str(out), *OPTIONS, *seal]) == 0
    assert sorted(p.name for p in out.glob("*.seal.json")) == ["one.seal.json", "two.seal.json"]
    moved = read_scan(out / "one").hu() - read_scan(disc).hu()
    assert (moved.shape, moved.max()) == ((16, 64, 64), 4)
    trusted = ["--seal", str(out), "--trust", str(public), "--recursive", "--quiet"]
    assert main(["verify", str(out), *trusted]) == 0


def test_a_copy_of_a_series_is_a_scan_of_its_own(studies: Path, tmp_path: Path) -> None:
    shutil.copytree(studies / "a" / "one", studies / "a" / "copy")
    out = tmp_path / "out"
    assert main(["protect", str(studies / "a"), str(out), *OPTIONS]) == 0
    assert {p.name: len(list(p.iterdir())) for p in out.iterdir()} == {
        "copy": 16,
        "one": 16,
        "two": 16,
    }


def test_nothing_is_left_where_nothing_could_be_protected(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["protect", str(studies / "b"), str(out), *OPTIONS]) == 2
    assert not out.exists()
    out.mkdir()
    assert main(["protect", str(studies / "b"), str(out), *OPTIONS]) == 2
    assert list(out.iterdir()) == []


def test_an_interrupt_keeps_the_scans_that_were_done_and_says_so(
    studies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = 1

    def protected(*args: Any, **given: Any) -> ProtectionResult:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return protect_file(*args, **given)

    monkeypatch.setattr("mitsgan.jobs.protect.tree.protect_file", protected)
    out = tmp_path / "out"
    assert main(["protect", str(studies / "a"), str(out), *OPTIONS]) == 130
    assert f"interrupted; the scans that were done stay in {out}, whole" in capsys.readouterr().err
    assert [len(list(scan.iterdir())) for scan in out.iterdir()] == [16]
