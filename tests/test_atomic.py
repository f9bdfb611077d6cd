"""Whole or not there: on success, on failure, and over an earlier result."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mitsgan.atomic import atomic_output, check_target
from mitsgan.errors import OutputError


def _dicom(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM")


def _write_and_fail(out: Path, failure: BaseException) -> None:
    with atomic_output(out, overwrite=True, folder=True) as temporary:
        _dicom(temporary / "new.dcm")
        raise failure


def _write_pair(out: Path) -> None:
    with atomic_output(out, overwrite=True, companions=["x.raw"]) as temporary:
        temporary.write_text("new")
        temporary.with_name("x.raw").write_text("new")


def test_a_file_and_a_folder_get_into_place_with_the_folders_above(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "a" / "b" / "report.json") as temporary:
        temporary.write_text("{}")
        assert not (tmp_path / "a" / "b" / "report.json").exists()
    with atomic_output(tmp_path / "out", folder=True) as temporary:
        (temporary / "1.dcm").write_bytes(b"x")
    assert (tmp_path / "a" / "b" / "report.json").read_text() == "{}"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["1.dcm", "a", "b", "out", "report.json"]


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt(), ValueError("x")]
)
def test_a_failure_leaves_nothing_behind(tmp_path: Path, failure: BaseException) -> None:
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected):
        _write_and_fail(tmp_path / "new" / "out", failure)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_with_its_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"disk is full.*MB free.*free space or choose"),
        atomic_output(tmp_path / "out") as _,
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_earlier_result_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _dicom(out / "old.dcm")
    with pytest.raises(KeyboardInterrupt):
        _write_and_fail(out, KeyboardInterrupt())
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "old.dcm"]
    with atomic_output(out, overwrite=True, folder=True) as temporary:
        _dicom(temporary / "new.dcm")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "new.dcm"]


def test_two_files_get_there_both_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "x.mhd"
    for name in ("x.mhd", "x.raw"):
        (tmp_path / name).write_text("old")
    move = Path.rename

    def fails_on_the_second(self: Path, target: Path) -> Path:
        if self.parent.name == "new" and self.name == "x.raw":
            raise OSError(errno.EIO, "Input/output error")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", fails_on_the_second)
    with pytest.raises(OutputError, match="Input/output error"):
        _write_pair(out)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x.mhd": "old", "x.raw": "old"}


def test_existing_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists; choose another"):
        check_target(tmp_path)


def test_a_folder_with_other_peoples_files_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _dicom(out / "1.dcm")
    check_target(out, overwrite=True)
    (out / "thesis.doc").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.doc, which is not DICOM"):
        check_target(out, overwrite=True)


def test_the_current_folder_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="cannot be replaced as a whole"):
        check_target(tmp_path, overwrite=True)


@pytest.mark.parametrize(
    "output, message",
    [("scan", "is the input"), ("scan/out", "lies inside"), (".", "contains the input")],
)
def test_output_and_source_stay_apart(tmp_path: Path, output: str, message: str) -> None:
    (tmp_path / "scan").mkdir()
    with pytest.raises(OutputError, match=message):
        check_target(tmp_path / output, overwrite=True, source=tmp_path / "scan")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_target(tmp_path / "file" / "out")
