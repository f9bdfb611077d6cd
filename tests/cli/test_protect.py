"""`mitsgan protect`: good input, every bad one, interrupts; what is left and what is not."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import UID

from mitsgan import __version__
from mitsgan.cli.main import main
from mitsgan.cli.protect import Protect
from mitsgan.files import read_scan
from mitsgan.mark.embed import STRENGTH_HU
from mitsgan.perturb import Budget
from mitsgan.protect import MitsGan
from mitsgan.scan.scan import Scan

Run = Callable[..., int]


@pytest.fixture
def protect(series: Path, protector_options: list[str], tmp_path: Path) -> Run:
    """Protect ``source`` into ``tmp_path / "out"`` on the CPU, with further options."""

    def run(*options: str, source: Path = series, out: Path = tmp_path / "out") -> int:
        return main(
            ["protect", str(source), str(out), "--device", "cpu", *protector_options, *options]
        )

    return run


def hashes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_protects_a_series(
    protect: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect() == 0
    before, after = read_scan(series), read_scan(tmp_path / "out")
    moved = after.hu() - before.hu()
    assert 5 < np.abs(moved).max() <= 10
    assert (moved[before.is_padding()] == 0).all()
    assert after.geometry == before.geometry
    assert sorted(hashes(tmp_path / "out")) == sorted(hashes(series))
    told = capsys.readouterr()
    inside = moved[~before.is_padding()]
    assert told.out.count("\n") == 1
    assert str(tmp_path / "out") in told.out
    assert f"largest change {np.abs(moved).max():g} HU" in told.out
    assert f"RMS {np.sqrt((inside**2).mean()):.2f} HU" in told.out
    assert "reading" in told.err
    assert "\x1b" not in told.err


def test_the_budget_is_kept(protect: Run, series: Path, tmp_path: Path) -> None:
    assert protect("--max-hu", "3") == 0
    moved = read_scan(tmp_path / "out").hu() - read_scan(series).hu()
    assert np.abs(moved).max() == 3


def test_a_budget_that_follows_the_noise_is_kept_and_told(
    protect: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    options = ("--max-hu", "30", "--noise-fraction", "0.5", "--report", str(path))
    assert protect(*options) == 0
    before = read_scan(series)
    moved = np.abs(read_scan(tmp_path / "out").hu() - before.hu())
    assert (moved <= Budget(30, 0.5).limits(before)).all()
    assert moved.max() > 10
    assert "budget 30 HU and 0.5 of the local noise" in capsys.readouterr().out
    assert json.loads(path.read_text())["budget"]["noise_fraction"] == 0.5
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "within 30 HU and 0.5 of the local noise" in header.DerivationDescription


def test_a_mark_needs_a_budget_in_hu_alone(
    protect: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect("--key", str(tmp_path / "key"), "--noise-fraction", "0.5") == 2
    assert "give --key or --noise-fraction, not both" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_quiet_says_nothing(protect: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert protect("--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_bytes(protect: Run, tmp_path: Path) -> None:
    for name, seed in (("a", "4"), ("b", "4"), ("c", "5")):
        assert protect("--seed", seed, out=tmp_path / name) == 0
    a, b, c = (hashes(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    uids = [dcmread(sorted((tmp_path / n).iterdir())[0]).SOPInstanceUID for n in "ac"]
    assert uids[0] != uids[1], "another result must be another object"


def test_voxels_that_a_processor_rounds_differently_are_another_object(
    protect: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protect(out=tmp_path / "here") == 0
    plain = MitsGan.perturbation

    def rounded(
        layer: MitsGan, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        moved = plain(layer, scan, start, stop, budget)
        if start == 0:
            moved[0, 48, 48] += np.float32(1 if moved[0, 48, 48] < 0 else -1)
        return moved

    monkeypatch.setattr(MitsGan, "perturbation", rounded)
    assert protect(out=tmp_path / "elsewhere") == 0
    here, elsewhere = (
        {dcmread(file).SOPInstanceUID for file in (tmp_path / name).iterdir()}
        for name in ("here", "elsewhere")
    )
    assert not here & elsewhere


def test_the_header_names_method_and_budget(protect: Run, tmp_path: Path) -> None:
    assert protect("--max-hu", "7") == 0
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "within 7 HU" in header.DerivationDescription
    assert header.ImageType[0] == "DERIVED"


def test_image_in_image_out(protect: Run, series: Path, tmp_path: Path) -> None:
    image, out = tmp_path / "scan.nii.gz", tmp_path / "protected.mha"
    assert protect(out=image) == 0
    assert protect(source=image, out=out) == 0
    moved = read_scan(out).hu() - read_scan(image).hu()
    assert 0 < np.abs(moved).max() <= 10


def test_report(protect: Run, series: Path, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert protect("--report", str(path), "--seed", "2") == 0
    report = json.loads(path.read_text())
    before, after = read_scan(series), read_scan(tmp_path / "out")
    moved = (after.hu() - before.hu())[~before.is_padding()]
    assert report["schema"] == 1
    assert report["version"] == __version__
    assert report["source"] == str(series)
    assert report["output"] == str(tmp_path / "out")
    card = MitsGan.load(weights / "mitsgan.safetensors").card
    assert report["weights"] == {"name": "mitsgan", "sha256": card["sha256"]}
    assert report["seed"] == 2
    assert report["budget"] == {"max": 10.0, "unit": "HU", "noise_fraction": None}
    assert report["scan"]["shape"] == [24, 96, 96]
    assert report["scan"]["spacing_mm"] == [8.0, 3.8, 3.8]
    assert report["scan"]["voxels"] == moved.size
    assert report["scan"]["padding_voxels"] == before.is_padding().sum() > 0
    assert report["change"]["largest"] == np.abs(moved).max()
    assert report["change"]["rms"] == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-5)
    assert set(report["seconds"]) == {"start", "read", "protect", "write"}
    assert report["device"] == "cpu"
    assert report["precision"] in {"float32", "bfloat16"}


def test_overwrite_replaces_result_and_report(protect: Run, tmp_path: Path) -> None:
    report = ("--report", str(tmp_path / "run.json"))
    assert protect(*report) == 0
    assert protect(*report, "--seed", "1", "--overwrite") == 0
    assert json.loads((tmp_path / "run.json").read_text())["seed"] == 1


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder for outputs, so that what is left behind shows."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def refused(protect: Run, work: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Protect into ``work`` and expect exit code 2 and nothing left; returns the message."""

    def run(*options: str, source: Path | None = None) -> str:
        given = {} if source is None else {"source": source}
        assert protect(*options, out=work / "out", **given) == 2
        assert list(work.iterdir()) == []
        told = capsys.readouterr()
        assert told.out == ""
        (line,) = [text for text in told.err.splitlines() if text.startswith("error: ")]
        assert "Traceback" not in told.err
        return line

    return run


Refused = Callable[..., str]


@pytest.fixture
def copy(series: Path, tmp_path: Path) -> Path:
    """The series, to be spoiled."""
    return Path(shutil.copytree(series, tmp_path / "copy"))


def test_refuses_a_missing_path(refused: Refused, tmp_path: Path) -> None:
    message = refused(source=tmp_path / "nowhere")
    assert "nowhere does not exist" in message
    assert "name a DICOM folder" in message


def test_refuses_an_empty_folder(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refused(source=tmp_path / "empty")
    assert "empty" in message
    assert "name the folder that holds the slices" in message


def test_refuses_several_series_and_takes_one(
    refused: Refused, protect: Run, copy: Path, tmp_path: Path
) -> None:
    other = "1.2.826.0.1.3680043.8.498.1"
    (copy / "second").mkdir()
    for file in sorted(copy.glob("*.dcm")):
        ds = dcmread(file)
        ds.SeriesInstanceUID = other
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(
            f"{other}.{ds.InstanceNumber}"
        )
        ds.save_as(copy / "second" / file.name)
    message = refused(source=copy)
    assert "--series" in message
    assert protect("--series", other, source=copy, out=tmp_path / "one") == 0
    assert len(list((tmp_path / "one").rglob("*.dcm"))) == 24


@pytest.mark.parametrize("element, value", [("Modality", "MR"), ("RescaleType", "OD")])
def test_refuses_what_is_no_ct_in_hu(
    refused: Refused, copy: Path, element: str, value: str
) -> None:
    for file in copy.iterdir():
        ds = dcmread(file)
        setattr(ds, element, value)
        if element == "Modality":
            ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4")
        ds.save_as(file)
    message = refused(source=copy)
    assert str(copy) in message


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, None])
def test_refuses_a_damaged_slice(refused: Refused, copy: Path, content: bytes | None) -> None:
    file = sorted(copy.iterdir())[5]
    file.write_bytes(file.read_bytes()[:-500] if content is None else content)
    message = refused(source=copy)
    assert str(file) in message


def test_refuses_a_missing_slice(refused: Refused, copy: Path) -> None:
    sorted(copy.iterdir())[7].unlink()
    assert str(copy) in refused(source=copy)


def test_refuses_a_repeated_slice(refused: Refused, copy: Path) -> None:
    ds = dcmread(sorted(copy.iterdir())[7])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.8.498.7")
    ds.save_as(copy / "again.dcm")
    assert "again.dcm" in refused(source=copy)


def test_refuses_an_output_that_exists(
    protect: Run, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "out").mkdir()
    (work / "out" / "thesis.txt").write_text("mine")
    assert protect(out=work / "out") == 2
    message = capsys.readouterr().err
    assert f"{work / 'out'} exists" in message
    assert "--overwrite" in message
    assert protect("--overwrite", out=work / "out") == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert (work / "out" / "thesis.txt").read_text() == "mine"


def test_refuses_the_source_as_output(
    protect: Run, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes(copy)
    assert protect("--overwrite", source=copy, out=copy) == 2
    assert "is the input" in capsys.readouterr().err
    assert hashes(copy) == before


@pytest.mark.parametrize("budget", ["0", "-3", "nan", "inf", "0.5"])
def test_refuses_a_budget_that_makes_no_sense(refused: Refused, budget: str) -> None:
    message = refused("--max-hu", budget)
    assert "budget" in message
    assert "--max-hu" in message


def test_refuses_a_negative_seed(refused: Refused) -> None:
    assert "--seed must be 0 or more, found -1" in refused("--seed", "-1")


def test_refuses_weights_with_a_wrong_checksum(
    refused: Refused, weights: Path, tmp_path: Path
) -> None:
    changed = bytearray((weights / "mitsgan.safetensors").read_bytes())
    changed[-1] ^= 1
    (tmp_path / "changed.safetensors").write_bytes(changed)
    message = refused("--weights", str(tmp_path / "changed.safetensors"))
    assert "changed.safetensors" in message
    assert "checksum" in message
    assert "again" in message


def test_refuses_weights_of_an_attacker(refused: Refused, weights: Path) -> None:
    message = refused("--weights", str(weights / "remover.safetensors"))
    assert "remover.safetensors" in message
    assert "a protector is needed" in message


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "mps"])
def test_refuses_an_unknown_device(refused: Refused, device: str) -> None:
    assert f"--device {device}" in refused("--device", device)


def test_refuses_a_report_that_cannot_be_written(
    refused: Refused, work: Path, tmp_path: Path, series: Path
) -> None:
    (tmp_path / "there.json").write_text("{}")
    assert "exists" in refused("--report", str(tmp_path / "there.json"))
    assert "does not exist" in refused("--report", str(tmp_path / "no" / "run.json"))
    assert "lies in the output" in refused("--report", str(work / "out" / "run.json"))
    assert "is a folder" in refused("--report", str(tmp_path))
    assert "inside the input" in refused("--report", str(series / "run.json"))


def test_checks_come_before_the_scan_is_read(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> Scan:
        pytest.fail("the scan was read first")

    monkeypatch.setattr("mitsgan.files.read_scan", read)
    refused("--max-hu", "0")
    refused("--weights", "none.safetensors")
    refused("--device", "gpu")
    refused("--report", "no/such/folder.json")


def test_a_full_disk_leaves_nothing(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, work: Path
) -> None:
    from mitsgan.files.dicom.write import series as dicom_write

    def full(*_: object, **__: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dicom_write, "derived_meta", full)
    message = refused("--report", str(work.parent / "run.json"))
    assert "the disk is full" in message
    assert "free space" in message
    assert not (work.parent / "run.json").exists()


@pytest.mark.parametrize("where", ["protecting", "writing"])
def test_an_interrupt_leaves_nothing(
    protect: Run,
    work: Path,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> NDArray[np.float32]:
        raise KeyboardInterrupt

    if where == "protecting":
        monkeypatch.setattr(MitsGan, "perturbation", interrupted)
    else:
        monkeypatch.setattr("mitsgan.files.dicom.write.series.derived_meta", interrupted)
    assert protect("--report", str(work / "run.json"), out=work / "out") == 130
    assert list(work.iterdir()) == []
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "mitsgan: interrupted; no output was written"


def test_a_bug_keeps_its_traceback_and_has_a_code_of_its_own(
    protect: Run, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(self: MitsGan, scan: Scan, start: int, stop: int, budget: Budget) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(MitsGan, "perturbation", wrong)
    assert protect(out=work / "out") == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: a bug" in said
    assert list(work.iterdir()) == []


def test_the_mark_is_as_strong_as_the_library_has_it() -> None:
    """It is written twice, so that protecting without a mark need not load it."""
    assert Protect.mark_hu == STRENGTH_HU
