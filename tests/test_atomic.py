"""Whole or not there: on success, on failure, and over an earlier result."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mitsgan.atomic import atomic_output, check_target, check_targets
from mitsgan.errors import OutputError


def _dicom(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM\x08\x00\x70\x00LO\x08\x00mitsgan ")


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


def test_a_failure_names_the_output_not_the_place_it_is_written_at(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"out was not written: Is a directory$"),
        atomic_output(tmp_path / "out", folder=True) as temporary,
    ):
        temporary.write_bytes(b"")


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    for length in (221, 250, 300):
        with pytest.raises(OutputError, match=r"longer than 220 bytes.*choose a shorter one"):
            check_target(tmp_path / ("x" * length))
    with atomic_output(tmp_path / ("x" * 220)) as temporary:
        temporary.write_bytes(b"")


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
    ours = "mitsgan_derivation = protected"
    for name, content in (("x.mhd", ours), ("x.raw", "old")):
        (tmp_path / name).write_text(content)
    link, move = os.link, Path.rename

    def fails_on_the_second(source: Path, target: Path) -> None:
        if source.name == "x.raw":
            raise OSError(errno.EPERM, "Operation not permitted")
        link(source, target)

    def fails_too(self: Path, target: Path) -> Path:
        if self.parent.name == "new" and self.name == "x.raw":
            raise OSError(errno.EIO, "Input/output error")
        return move(self, target)

    monkeypatch.setattr(os, "link", fails_on_the_second)
    monkeypatch.setattr(Path, "rename", fails_too)
    with pytest.raises(OutputError, match="Input/output error"):
        _write_pair(out)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x.mhd": ours, "x.raw": "old"}


def test_without_links_a_file_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    with atomic_output(tmp_path / "a.json") as temporary:
        temporary.write_text("{}")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_appears_meanwhile_is_kept(tmp_path: Path, folder: bool) -> None:
    out = tmp_path / "out"

    def write() -> None:
        with atomic_output(out, folder=folder) as temporary:
            if folder:
                (temporary / "new").write_text("new")
                out.mkdir()
                (out / "theirs").write_text("theirs")
            else:
                temporary.write_text("new")
                out.write_text("theirs")

    with pytest.raises(OutputError, match="appeared while it was being made"):
        write()
    kept = out / "theirs" if folder else out
    assert kept.read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_file_never_becomes_a_folder_nor_a_folder_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"kind": "protection", "schema": 1}')
    check_target(tmp_path / "file", overwrite=True, folder=False)
    with pytest.raises(OutputError, match="is a file, and would become a folder"):
        check_target(tmp_path / "file", overwrite=True, folder=True)
    _dicom(tmp_path / "folder" / "1.dcm")
    with pytest.raises(OutputError, match="is a folder, and would become a file"):
        check_target(tmp_path / "folder", overwrite=True, folder=False)


def test_what_belongs_to_an_output_of_ours_is_ours(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_text("somebody else's")
    with pytest.raises(OutputError, match=r"x\.raw is a file that mitsgan did not make"):
        check_targets(tmp_path / "x.mhd", ["x.raw"], overwrite=True)
    (tmp_path / "x.mhd").write_text("mitsgan_derivation = protected")
    check_targets(tmp_path / "x.mhd", ["x.raw"], overwrite=True)


def test_in_folders_of_our_own_anything_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with atomic_output(tmp_path / "a", overwrite=True, anything=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a").read_text() == "new"


def test_existing_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists; choose another, or give `overwrite`"):
        check_target(tmp_path)


def test_a_folder_with_other_peoples_files_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _dicom(out / "1.dcm")
    check_target(out, overwrite=True)
    (out / "thesis.doc").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.doc, which mitsgan did not make"):
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


def test_links_that_lead_in_a_ring_are_no_output(tmp_path: Path) -> None:
    """There was a traceback."""
    ring = tmp_path / "ring.json"
    ring.symlink_to(ring)
    with pytest.raises(OutputError, match=r"ring\.json exists"):
        check_target(ring, source=tmp_path / "other")
