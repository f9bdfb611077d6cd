"""Archives run in processes of their own, which are killed at bad moments."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from tests.archive.conftest import planned

from mitsgan.archive.engines.local import local_processes
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import plan_verification
from mitsgan.archive.report import archive_report
from mitsgan.archive.run import _pace, run_archive
from mitsgan.archive.settings import RunSettings
from mitsgan.cli.main import main
from mitsgan.errors import EngineError

pytestmark = pytest.mark.slow


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def workers_of(ledger: Path) -> list[int]:
    """Processes that work on a ledger."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"mitsgan.archive.worker" in words and str(ledger).encode() in words:
            processes.append(int(folder.name))
    return processes


def running(ledger: Path) -> bool:
    book = Ledger(ledger)
    try:
        return book.counts().get("running", 0) > 0
    finally:
        book.close()


def test_workers_that_cannot_begin_are_not_started_for_ever(
    root: Path, tmp_path: Path, how: Path
) -> None:
    path = planned(root, tmp_path, how)
    ledger = Ledger(path)
    settings = RunSettings(ledger=path, jobs=2)
    path.unlink()
    with (
        pytest.raises(EngineError, match="before they had a series"),
        local_processes(settings, ledger) as engine,
    ):
        wait_for(lambda: engine.look(0.1) < 0)
    ledger.close()


def test_marked_sealed_and_verified(root: Path, tmp_path: Path) -> None:
    key, pem, public = (tmp_path / name for name in ("k.key", "k.pem", "pub.pem"))
    assert main(["keygen", "-o", str(key), "--quiet"]) == 0
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-out", public], check=True)
    how = tmp_path / "how.toml"
    how.write_text('[protect]\nprotector = "noise"\nmax_hu = 5\nsign = "k.pem"\n')
    ledger = planned(root, tmp_path, how)
    metrics = tmp_path / "m.prom"
    run = ["archive", "run", "--ledger", str(ledger), "--jobs", "2", "--metrics", str(metrics)]
    assert main(run) == 0
    assert 'state="done"} 3' in metrics.read_text()
    verify = ["archive", "verify", "--ledger", str(ledger), "--trust", str(public), "--jobs", "2"]
    assert main(verify) == 0
    assert archive_report(ledger).verdicts == {"intact": 3}
    # A month later: what was intact once is looked at again, and what is not is named.
    changed = min((tmp_path / "out").rglob("*.dcm"))
    dataset = dcmread(changed)
    dataset.PatientName = "SOMEBODY^ELSE"
    dataset.save_as(changed)
    assert main(verify) == 1
    report = archive_report(ledger)
    assert report.verdicts == {"intact": 2, "tampered": 1}
    (doubts,) = (table for table in report.tables() if table.id == "doubts")
    (row,) = doubts.rows
    assert row["source"] == str(changed.parent)
    assert row["reason"] == "1 difference"


def test_a_verification_that_was_interrupted_is_gone_on_with(root: Path, tmp_path: Path) -> None:
    how = tmp_path / "how.toml"
    how.write_text('[protect]\nprotector = "noise"\nmax_hu = 5\nsign = "k.pem"\n')
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "k.pem"], check=True
    )
    book = Ledger(planned(root, tmp_path, how))
    for number in (1, 2):
        with book._change() as db:
            db.execute("UPDATE tasks SET state = 'done', ended = 7 WHERE id = ?", (number,))
    assert plan_verification(book, None) == 2
    with book._change() as db:
        db.execute(
            "UPDATE tasks SET state = 'done', verdict = 'intact' "
            "WHERE id = (SELECT MIN(id) FROM tasks WHERE action = 'verify')"
        )
    assert plan_verification(book, None) == 0
    assert plan_verification(book, tmp_path / "another.pem") == 2
    book.close()


def test_a_pace_is_no_forecast_while_workers_have_hardly_begun() -> None:
    assert _pace(2, 20, 1000, 998) == "6 series a minute, "
    assert _pace(2, 20, 1000, 500) == "6 series a minute, about 20 s left, "
    assert _pace(20, 20, 1000, 998).endswith("left, ")


def test_a_killed_worker_is_replaced(
    root: Path, how: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitsgan.archive.run._PACE_SECONDS", 0)
    ledger = planned(root, tmp_path, how)
    killed: list[int] = []
    notes: list[str] = []

    def kill_one(phase: str, done: int, total: int, note: str = "") -> None:
        notes.append(note)
        if phase == "series" and total and not killed:
            wait_for(lambda: running(ledger))
            killed.extend(workers_of(ledger)[:1])
            os.kill(killed[0], signal.SIGKILL)

    ran = run_archive(RunSettings(ledger=ledger, jobs=1), progress=kill_one)
    assert killed
    assert re.search(r"\d series a minute, about \d+ s left, 0 failed so far", "\n".join(notes))
    assert (ran.done, ran.failed, ran.left) == (3, 0, 0)


def test_a_killed_run_leaves_no_worker_and_another_goes_on(
    root: Path, how: Path, tmp_path: Path
) -> None:
    ledger = planned(root, tmp_path, how)
    command = ["archive", "run", "--ledger", str(ledger), "--lease-seconds", "2", "--quiet"]
    run = subprocess.Popen([sys.executable, "-m", "mitsgan", *command])
    try:
        wait_for(lambda: running(ledger))
    finally:
        run.kill()
        run.wait()
    wait_for(lambda: not workers_of(ledger))
    assert main(command) == 0
    assert archive_report(ledger).states == {"done": 3}


def test_an_interrupted_run_gives_back_what_it_has(root: Path, how: Path, tmp_path: Path) -> None:
    ledger = planned(root, tmp_path, how)

    def interrupt(phase: str, done: int, total: int, note: str = "") -> None:
        if phase == "series" and total:
            wait_for(lambda: running(ledger))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_archive(RunSettings(ledger=ledger), progress=interrupt)
    assert not workers_of(ledger)
    book = Ledger(ledger)
    assert not book.counts().get("running", 0)
    assert all(task.attempts <= 1 for task in book.tasks())
    book.close()
