"""A killed run leaves nothing for good, and two runs never write one output."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.protect.file import check_out
from mitsgan.jobs.restore.restore import restore_file
from mitsgan.jobs.restore.settings import RestoreFile
from mitsgan.leftovers import announced, sweep, work_folder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of this kind are POSIX's")

_OURS = '{"kind": "test", "schema": 1}'


def _killed(folder: Path, code: str) -> None:
    """Run some lines in a process that is killed once it says so."""
    source = f"""
import time
from pathlib import Path
from mitsgan import atomic
from mitsgan.atomic import atomic_output
folder = Path({str(folder)!r})
{textwrap.dedent(code)}
"""
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path: Path) -> None:
    _killed(
        tmp_path,
        """
        with atomic_output(folder / "out", folder=True) as temporary:
            (temporary / "half").write_text("half")
            print("now", flush=True)
            time.sleep(60)
        """,
    )
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_output(tmp_path / "other.json") as temporary:
        temporary.write_text(_OURS)
    assert [p.name for p in tmp_path.iterdir()] == ["other.json"]


@pytest.mark.parametrize("job", ["protect", "restore", "report"])
def test_they_are_swept_also_where_the_result_stands_and_is_kept(tmp_path: Path, job: str) -> None:
    """A run that was killed when its result was in place left its work folder beside it."""
    _killed(
        tmp_path,
        """
        with atomic_output(folder / "out") as temporary:
            temporary.write_text("half")
            print("now", flush=True)
            time.sleep(60)
        """,
    )
    out, scan = tmp_path / "out", tmp_path / "scan"
    out.write_text("whole")
    scan.mkdir()
    jobs: dict[str, Callable[[], object]] = {
        "protect": lambda: check_out(out, False, scan),
        "restore": lambda: restore_file(RestoreFile(scan=scan, out=out, private_key=scan)),
        "report": lambda: check_file(out, False, "report"),
    }
    with pytest.raises(OutputError, match="exists"):
        jobs[job]()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "scan"]
    assert out.read_text() == "whole"


def test_a_result_that_was_set_aside_comes_back(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text(_OURS)
    _killed(
        tmp_path,
        """
        def die(*_):
            print("now", flush=True)
            time.sleep(60)
        atomic._move_in = die
        with atomic_output(folder / "out.json", overwrite=True) as temporary:
            temporary.write_text("new")
        """,
    )
    assert not (tmp_path / "out.json").exists()
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
    assert (tmp_path / "out.json").read_text() == _OURS


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_result_of_two_files_is_completed(tmp_path: Path, overwrite: bool) -> None:
    if overwrite:
        (tmp_path / "a.json").write_text(_OURS)
        (tmp_path / "b.json").write_text(_OURS)
    _killed(
        tmp_path,
        f"""
        move = atomic._move_in
        def die_at_the_second(source, target):
            if target.name == "b.json":
                print("now", flush=True)
                time.sleep(60)
            move(source, target)
        atomic._move_in = die_at_the_second
        with atomic_output(folder / "a.json", overwrite={overwrite}, companions=["b.json"]) as file:
            file.write_text("new a")
            file.with_name("b.json").write_text("new b")
        """,
    )
    assert not (tmp_path / "b.json").exists()
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json"]
    assert (tmp_path / "a.json").read_text() == "new a"
    assert (tmp_path / "b.json").read_text() == "new b"


def test_a_result_that_somebody_took_is_not_completed(tmp_path: Path) -> None:
    with work_folder(tmp_path / "a.json") as work:
        (work / "new").mkdir()
        (work / "new" / "b.json").write_text("new b")
        left = tmp_path / ".a.json.left.partial"
        with announced(work, ["a.json", "b.json"]):
            shutil.copytree(work, left)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    with work_folder(tmp_path / "out") as work:
        sweep(tmp_path)
        assert work.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("theirs", ["owner", "mode"])
def test_a_folder_that_others_could_fill_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    """Whoever may write where an output goes could else have another user's files moved there."""
    home, share = tmp_path / "home", tmp_path / "share"
    planted = share / ".out.1.abc.partial"
    home.mkdir()
    planted.mkdir(parents=True, mode=0o755)
    (home / "secret").write_text("mine")
    (planted / "lock").touch()
    (planted / "old").symlink_to(home)
    if theirs == "owner":
        monkeypatch.setattr(os, "geteuid", lambda: planted.stat().st_uid + 1)
    else:
        planted.chmod(0o777)
    sweep(share)
    assert (home / "secret").exists()
    assert [path.name for path in share.iterdir()] == [planted.name]


def test_folders_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".theirs.partial").mkdir()
    (tmp_path / ".theirs.partial" / "data").write_text("theirs")
    sweep(tmp_path)
    assert (tmp_path / ".theirs.partial" / "data").exists()


def test_a_folder_whose_lock_was_never_taken_goes_when_it_is_old(tmp_path: Path) -> None:
    work = tmp_path / ".out.abc.partial"
    work.mkdir()
    sweep(tmp_path)
    assert work.exists()
    long_ago = time.time() - 7200
    os.utime(work, (long_ago, long_ago))
    sweep(tmp_path)
    assert not work.exists()


def test_two_runs_to_one_output(tmp_path: Path) -> None:
    def second() -> None:
        with atomic_output(tmp_path / "out[1]"):
            pytest.fail("it began all the same")

    with atomic_output(tmp_path / "out[1]") as first:
        with pytest.raises(OutputError, match="is being written by another run"):
            second()
        with atomic_output(tmp_path / "another") as temporary:
            temporary.write_text("another")
        first.write_text("first")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["another", "out[1]"]
