"""Restoring and evaluating the series of an archive, and what a plan forecasts."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from tests.archive.conftest import QUICK

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import Planned, plan_archive
from mitsgan.archive.report import archive_report
from mitsgan.archive.settings import PlanSettings
from mitsgan.archive.task import Task
from mitsgan.archive.worker import work_through


def work_all(source: Path, folder: Path, text: str) -> tuple[Planned, list[Task]]:
    """Plan by settings, do everything; the plan and the series."""
    folder.mkdir()
    how, ledger = folder.parent / f"{folder.name}.toml", folder.parent / f"{folder.name}.db"
    how.write_text(text)
    planned = plan_archive(PlanSettings(source=source, ledger=ledger, output=folder, settings=how))
    work_through(ledger, "w", 1e6, 60)
    return planned, list(archive_report(ledger).series)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with an RSA pair."""
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "r.pem", "2048"], check=True)
    subprocess.run(
        ["openssl", "rsa", "-in", tmp_path / "r.pem", "-pubout", "-out", tmp_path / "r.pub"],
        check=True,
    )
    return tmp_path


def by_number(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.slow
def test_originals_are_given_back_to_the_bit(root: Path, keys: Path) -> None:
    _, tasks = work_all(root, keys / "out", QUICK + 'restorable = ["r.pub"]\n')
    assert [task.state for task in tasks] == ["done"] * 3
    assert Path(f"{tasks[0].output}.original.p7m").exists()
    text = 'action = "restore"\n[restore]\nprivate_key = "r.pem"\n'
    planned, tasks = work_all(keys / "out", keys / "back", text)
    assert [(task.state, task.reason) for task in tasks] == [("done", "")] * 3
    assert planned.disk_mb == pytest.approx(2 * 30 * 32 * 32 / 1e6, abs=0.06)
    for task in tasks:
        place = Path(task.output).relative_to(keys / "back").parent.parent
        assert by_number(Path(task.output)) == by_number(root / place)


@pytest.mark.slow
def test_an_original_that_an_earlier_attempt_put_in_place_is_done(root: Path, keys: Path) -> None:
    work_all(root, keys / "out", QUICK + 'restorable = ["r.pub"]\n')
    text = 'action = "restore"\n[restore]\nprivate_key = "r.pem"\n'
    _, tasks = work_all(keys / "out", keys / "back", text)
    # As it is when a worker is killed between the output and its entry in the ledger.
    ledger = Ledger(keys / "back.db")
    with ledger._change() as db:
        db.execute("UPDATE tasks SET state = 'pending', ended = 0")
    strange = sorted(Path(tasks[1].output).iterdir())[0]
    strange.write_bytes(b"another's")
    work_through(keys / "back.db", "w", 1e6, 60)
    states = [(task.state, task.failure) for task in ledger.tasks()]
    assert states == [("done", ""), ("failed", "input"), ("done", "")]
    assert strange.read_bytes() == b"another's"
    ledger.close()


@pytest.mark.slow
def test_an_original_that_a_worker_put_in_place_before_it_stopped_is_done(
    root: Path, keys: Path
) -> None:
    """It gives the series back, which then counts as never begun."""
    work_all(root, keys / "out", QUICK + 'restorable = ["r.pub"]\n')
    text = 'action = "restore"\n[restore]\nprivate_key = "r.pem"\n'
    work_all(keys / "out", keys / "back", text)
    with closing(Ledger(keys / "back.db")) as ledger:
        with ledger._change() as db:
            db.execute("UPDATE tasks SET state = 'running', owner = 'stopped', ended = 0")
        ledger.let_go("stopped")
        work_through(keys / "back.db", "w", 1e6, 60)
        assert [(task.state, task.reason) for task in ledger.tasks()] == [("done", "")] * 3


@pytest.mark.slow
def test_protections_are_evaluated_against_what_an_archive_wrote(
    root: Path, tmp_path: Path
) -> None:
    work_all(root, tmp_path / "out", QUICK)
    text = 'action = "evaluate"\n[evaluate]\nattack = false\nmax_hu = 5\nprotected = "out"\n'
    planned, tasks = work_all(root, tmp_path / "numbers", text)
    assert [(task.state, task.reason) for task in tasks] == [("done", "")] * 3
    assert planned.hours == pytest.approx(3 * 18 / 3600, rel=0.1)
    numbers = json.loads(Path(f"{tasks[0].output}.evaluation.json").read_text())
    assert numbers["budget_check"]["kept"]
    assert numbers["fidelity"]["largest_hu"] == 5


def test_what_was_never_protected_cannot_be_evaluated(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    text = 'action = "evaluate"\n[evaluate]\nattack = false\nprotected = "out"\n'
    _, tasks = work_all(root, tmp_path / "numbers", text)
    assert [(task.state, task.failure) for task in tasks] == [("failed", "input")] * 3
    assert "laid out alike" in tasks[0].reason
