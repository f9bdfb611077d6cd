"""`verify --recursive`: a table of all scans below a folder, and the exit code of the worst."""

from __future__ import annotations

import json
import shutil
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
from pydicom import dcmread

from mitsgan.cli.main import main
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.tree import WORST, TreeVerification
from mitsgan.jobs.verify.verify import Verified, verify_file
from mitsgan.phantom.chest import chest


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``key.pem``, ``key.pub``, and the tree: two sealed series, one of them in a folder below."""
    work = tmp_path_factory.mktemp("tree")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (work / "key.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (work / "key.pub").write_bytes(public)
    for number, name in enumerate(("one", "patient/two")):
        folder = work / "tree" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        phantom_series(chest((6, 64, 64), (30.0, 5.6, 5.6), seed=number), folder)
        options = ["--sign", str(work / "key.pem"), "--no-sketch", "--quiet"]
        assert main(["seal", str(folder), *options]) == 0
    return work


@pytest.fixture
def tree(sealed: Path, tmp_path: Path) -> Path:
    """The tree, to be changed."""
    return Path(shutil.copytree(sealed / "tree", tmp_path / "tree"))


def _verify(tree: Path, sealed: Path, *more: str, seal: Path | None = None) -> int:
    trust = str(sealed / "key.pub")
    return main(
        ["verify", str(tree), "--recursive", "--seal", str(seal or tree), "--trust", trust, *more]
    )


def _result(tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What is printed as JSON."""
    capsys.readouterr()
    _verify(tree, sealed, "--json")
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def _change(folder: Path) -> None:
    file = sorted(folder.iterdir())[2]
    ds = dcmread(file)
    ds.PixelData = bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]
    ds.save_as(file)


def test_all_intact_is_0_with_a_row_each(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _verify(tree, sealed) == 0
    output = capsys.readouterr().out
    assert "patient/two" in output
    assert f"{tree}: INTACT (2 intact)" in output


def test_the_worst_counts_and_one_bad_series_does_not_stop_the_rest(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tree / "bad"
    bad.mkdir()
    (bad / "1.dcm").write_bytes((sorted((tree / "one").iterdir())[0]).read_bytes()[:700])
    result = _result(tree, sealed, capsys)
    verdicts = {entry["scan"]: entry["verdict"] for entry in result["scans"]}
    assert verdicts == {"bad": "error", "one": "intact", "patient/two": "intact"}
    assert _verify(tree, sealed, "--quiet") == 2
    _change(tree / "patient" / "two")
    result = _result(tree, sealed, capsys)
    assert result["verdict"] == "tampered"
    assert result["counts"] == {
        **dict.fromkeys(WORST, 0),
        "tampered": 1,
        "error": 1,
        "intact": 1,
    }
    assert _verify(tree, sealed, "--quiet") == 1


def test_the_worst_stand_first_and_above_the_page(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change(tree / "patient" / "two")
    page = tmp_path / "tree.html"
    result = _result(tree, sealed, capsys)
    assert [row["scan"] for row in result["summary"]["rows"]] == ["patient/two", "one"]
    assert _verify(tree, sealed, "--quiet", "--html", str(page)) == 1
    text = page.read_text()
    assert '<h1><strong class="verdict tampered">TAMPERED</strong> Verification of tree' in text
    assert "1 <small>scan</small>" in text
    shutil.rmtree(tree / "one")
    (tree / "one.seal.json").unlink()
    assert _result(tree, sealed, capsys)["summary"]["title"] == "1 scan"


def test_the_json_holds_the_table_and_reads_back(tree: Path, sealed: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert _verify(tree, sealed, "--quiet", "--output", str(report)) == 0
    result = TreeVerification.read(report)
    assert result.to_json() == report.read_text()
    rows = json.loads(report.read_text())["summary"]["rows"]
    assert [row["scan"] for row in rows] == ["one", "patient/two"]
    assert result.scans[1].verification is not None
    assert result.scans[1].seal == "two.seal.json"
    assert _verify(tree, sealed, "--quiet", "--output", str(report)) == 2


def test_what_has_no_seal_is_unknown(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "one.seal.json").unlink()
    result = _result(tree, sealed, capsys)
    entry = result["scans"][0]
    assert (entry["verdict"], entry["reason"]) == ("unknown", "there is no seal of it")
    assert _verify(tree, sealed, "--quiet") == 3


def test_a_copy_is_known_by_its_series_and_an_image_by_its_name(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tree / "one").rename(tree / "renamed")
    image = tree / "chest.nii.gz"
    write_scan(read_scan(tree / "renamed"), image, derivation=Derivation("test", "test"))
    options = ["--sign", str(sealed / "key.pem"), "--no-sketch", "--quiet"]
    assert main(["seal", str(image), *options]) == 0
    result = _result(tree, sealed, capsys)
    seals = {entry["scan"]: entry["seal"] for entry in result["scans"]}
    assert seals["renamed"] == "one.seal.json"
    assert seals["chest.nii.gz"] == "chest.nii.gz.seal.json"
    assert result["verdict"] == "intact"
    # Two seals of one series fit; neither is called as the folder is.
    shutil.copy(tree / "one.seal.json", tree / "other.seal.json")
    entry = next(e for e in _result(tree, sealed, capsys)["scans"] if e["scan"] == "renamed")
    assert entry["verdict"] == "error"
    assert "2 seals fit renamed" in entry["reason"]


def test_findings_go_to_a_folder_each(tree: Path, sealed: Path, tmp_path: Path) -> None:
    _change(tree / "patient" / "two")
    out = tmp_path / "findings"
    assert _verify(tree, sealed, "--quiet", "--dicom-out", str(out)) == 1
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.dcm"))
    assert written == [
        "one/report.dcm",
        "patient_two/report.dcm",
        "patient_two/segmentation-blocks.dcm",
    ]


def test_findings_that_are_there_are_told_before_the_work(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run called a tampered scan an error, since its findings were there."""
    _change(tree / "patient" / "two")
    again = ["--dicom-out", str(tmp_path / "findings")]
    assert _verify(tree, sealed, "--quiet", *again) == 1
    assert _verify(tree, sealed, "--quiet", *again) == 2
    printed = capsys.readouterr()
    assert "findings/one exists; choose another, or give --overwrite" in printed.err
    assert "intact" not in printed.out
    assert _verify(tree, sealed, "--quiet", "--overwrite", *again) == 1


@pytest.mark.parametrize(
    "more, said",
    [
        (["--series", "1.2"], "--series is of one scan"),
        (["--identity", "a"], "--identity is of one scan"),
        (["--trust", "absent.pem"], "absent.pem"),
        (["--dicom-out", "{tree}/out"], "lies inside the input"),
        (["--seal", "{tree}/one"], "holds no file that ends in .seal.json"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert _verify(tree, sealed, *(text.format(tree=tree) for text in more)) == 2
    assert said in capsys.readouterr().err


def test_a_tree_without_a_scan_is_refused(
    sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _verify(empty, sealed, seal=sealed / "tree") == 2
    assert "holds no CT series and no image file" in capsys.readouterr().err
    assert _verify(sealed / "key.pub", sealed, seal=sealed / "tree") == 2
    assert "is no folder" in capsys.readouterr().err


def test_a_scan_that_was_taken_away_leaves_a_seal(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _result(tree, sealed, capsys)["notes"] == []
    shutil.rmtree(tree / "patient" / "two")
    left = tree / "patient" / "two.seal.json"
    result = _result(tree, sealed, capsys)
    assert result["notes"] == [f"1 seal of no scan that is here: {left}"]
    rows = [(row["scan"], row["verdict"]) for row in result["summary"]["rows"]]
    assert rows == [("patient/two", "unknown"), ("one", "intact")]
    assert _verify(tree, sealed) == 3
    (*_, last) = capsys.readouterr().out.strip().splitlines()
    assert last.endswith("UNKNOWN (1 unknown, 1 intact; 1 seal of no scan that is here)")
    seal = left.read_bytes()
    left.write_bytes(seal[:100])
    assert _verify(tree, sealed, "--quiet") == 3, "cut off, so that it is not known whose it is"
    left.write_bytes(seal)
    page = tmp_path / "tree.html"
    _verify(tree, sealed, "--html", str(page))
    assert "1 seal of no scan that is here" in page.read_text("utf-8")


def test_seals_of_scans_elsewhere_are_told_in_the_last_line(
    tree: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of seals may hold those of other trees."""
    assert _verify(tree / "patient", sealed, seal=tree) == 0
    (*_, last) = capsys.readouterr().out.strip().splitlines()
    assert last.endswith("INTACT (1 intact; 1 seal of no scan that is here)")


def test_no_findings_go_into_those_of_another_scan(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names that are one where folders become underscores: the second replaced the first."""
    _change(tree / "patient" / "two")
    (tree / "one").rename(tree / "Patient_two")
    out = tmp_path / "findings"
    again = ["--quiet", "--overwrite", "--dicom-out", str(out)]
    for _ in range(2):
        assert _verify(tree, sealed, *again) == 1
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.dcm"))
    assert written == [
        "Patient_two/report.dcm",
        "patient_two_2/report.dcm",
        "patient_two_2/segmentation-blocks.dcm",
    ]
    assert _verify(tree, sealed, "--overwrite", "--dicom-out", str(out)) == 1
    said = " ".join("".join(capsys.readouterr()).split())
    assert "the findings of patient/two are in patient_two_2" in said


def test_a_tampered_scan_that_findings_cannot_refer_to_is_still_tampered(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taking one attribute away hid the verdict behind an error."""
    _change(tree / "patient" / "two")
    for file in (tree / "patient" / "two").iterdir():
        ds = dcmread(file)
        del ds.FrameOfReferenceUID
        ds.save_as(file)
    assert _verify(tree, sealed, "--json", "--dicom-out", str(tmp_path / "findings")) == 1
    scans = json.loads(capsys.readouterr().out)["scans"]
    (two,) = (scan for scan in scans if scan["scan"] == "patient/two")
    assert two["verdict"] == "tampered"
    assert "findings were not written" in two["reason"]
    assert "(0020,0052)" in two["reason"]


def test_the_result_is_written_where_findings_cannot_be(
    tree: Path, sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tree / "one").iterdir():
        ds = dcmread(file)
        del ds.FrameOfReferenceUID
        ds.save_as(file)
    found = tmp_path / "found.json"
    options = ["--dicom-out", str(tmp_path / "findings"), "-o", str(found)]
    seal = ["--seal", str(tree / "one.seal.json"), "--trust", str(sealed / "key.pub")]
    assert main(["verify", str(tree / "one"), *seal, *options]) == 2
    assert "What was verified all the same: TAMPERED" in capsys.readouterr().err
    assert json.loads(found.read_text())["verdict"] == "tampered"


def test_a_scan_for_which_there_is_no_room_stops_no_other(
    tree: Path,
    sealed: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def verified(settings: VerifyFile) -> Verified:
        if settings.scan.name == "one":
            raise MemoryError
        return verify_file(settings)

    monkeypatch.setattr("mitsgan.jobs.verify.tree.verify_file", verified)
    assert _verify(tree, sealed) == 2
    out = capsys.readouterr().out
    assert "memory is too small" in out
    assert "intact" in out
