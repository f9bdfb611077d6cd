"""`mitsgan protect` refuses what it cannot do and leaves nothing; so do interrupts and bugs."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import UID

from mitsgan.perturb import Budget
from mitsgan.protect import MitsGan
from mitsgan.scan.scan import Scan

Run = Callable[..., int]


def hashes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


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
        output = capsys.readouterr()
        assert output.out == ""
        (line,) = [text for text in output.err.splitlines() if text.startswith("error: ")]
        assert "Traceback" not in output.err
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
    assert "exists" in refused("--output", str(tmp_path / "there.json"))
    assert "does not exist" in refused("--output", str(tmp_path / "no" / "run.json"))
    assert "lies in the output" in refused("--output", str(work / "out" / "run.json"))
    assert "is a folder" in refused("--output", str(tmp_path))
    assert "inside the input" in refused("--output", str(series / "run.json"))


def test_checks_come_before_the_scan_is_read(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> Scan:
        pytest.fail("the scan was read first")

    monkeypatch.setattr("mitsgan.files.read_scan", read)
    refused("--max-hu", "0")
    refused("--weights", "none.safetensors")
    refused("--device", "gpu")
    refused("--output", "no/such/folder.json")


def test_a_full_disk_leaves_nothing(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, work: Path
) -> None:
    from mitsgan.files.dicom.write import series as dicom_write

    def full(*_: object, **__: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dicom_write, "derived_meta", full)
    message = refused("--output", str(work.parent / "run.json"))
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
    assert protect("--output", str(work / "run.json"), out=work / "out") == 130
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
