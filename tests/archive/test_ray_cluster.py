"""A real Ray cluster on this machine: nodes that die, shares of a GPU, memory that runs short."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.archive.conftest import planned

from archive_peers import RayNodes
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.report import archive_report
from mitsgan.archive.task import Task
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from node_peers import wait_for

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.slow,
]


def command(ledger: Path, *more: str, jobs: int = 2) -> list[str]:
    options = ["--ledger", str(ledger), "--engine", "ray", "--jobs", str(jobs), *more]
    options += ["--lease-seconds", "60"]
    return [sys.executable, "-m", "mitsgan", "archive", "run", *options, "--quiet"]


def test_a_killed_node_loses_nothing(ledger: Path, begun: Callable[[], bool]) -> None:
    with closing(RayNodes()) as cluster:
        run = subprocess.Popen(command(ledger), env=cluster.environment)
        wait_for(lambda: begun() or run.poll() is not None, 180, "a series is begun")
        cluster.kill_node()
        assert run.wait() == 0
    assert archive_report(ledger).states == {"done": 3}


def test_a_cluster_that_asks_for_no_token_is_refused(
    ledger: Path, begun: Callable[[], bool]
) -> None:
    with closing(RayNodes(authenticated=False, workers=0)) as cluster:
        environment = {**cluster.environment, "RAY_AUTH_MODE": "token"}
        run = subprocess.run(command(ledger), env=environment, capture_output=True, text=True)
    assert run.returncode == 2
    assert "asks for no token" in run.stderr
    assert not begun()


def test_without_a_cluster_it_says_how_to_start_one(ledger: Path) -> None:
    run = subprocess.run(command(ledger), capture_output=True, text=True)
    assert run.returncode == 2
    assert "ray start --head" in run.stderr


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series that take a while, so that those at the same time are seen to be."""
    root = tmp_path_factory.mktemp("four") / "in"
    for number in range(4):
        phantom_series(chest((24, 128, 128), (8.0, 2.8, 2.8), seed=number), root / f"p{number}")
    return root


def at_once(tasks: list[Task]) -> int:
    """How many series were worked on at the same time, at most."""
    return max(sum(one.started <= task.started < one.ended for one in tasks) for task in tasks)


@pytest.mark.parametrize("share, together", [("0.5", 2), ("0.3", 3)])
def test_series_share_a_gpu_as_far_as_it_goes(
    four: Path, how: Path, tmp_path: Path, share: str, together: int
) -> None:
    ledger = planned(four, tmp_path, how)
    offer = ("--num-cpus", "4", "--num-gpus", "1")
    with closing(RayNodes(workers=1, offer=offer)) as cluster:
        run = subprocess.run(
            command(ledger, "--gpus", share, jobs=4), env=cluster.environment, check=False
        )
    assert run.returncode == 0
    with closing(Ledger(ledger)) as book:
        tasks = book.tasks()
    assert [task.state for task in tasks] == ["done"] * 4
    assert at_once(tasks) == together


def test_series_wait_for_the_memory_that_they_are_forecast_to_need(
    four: Path, how: Path, tmp_path: Path
) -> None:
    ledger = planned(four, tmp_path, how)
    with closing(Ledger(ledger)) as book:
        needed = max(task.memory_mb for task in book.tasks()) * 1e6
    offer = ("--num-cpus", "4", "--memory", str(round(2.5 * needed)))
    with closing(RayNodes(workers=1, offer=offer)) as cluster:
        run = subprocess.run(command(ledger, jobs=4), env=cluster.environment, check=False)
    assert run.returncode == 0
    with closing(Ledger(ledger)) as book:
        assert at_once(book.tasks()) == 2


def test_what_ray_ends_for_want_of_memory_is_no_bug_and_is_counted_apart(
    ledger: Path, tmp_path: Path
) -> None:
    def failed() -> list[Task]:
        with closing(Ledger(ledger)) as book:
            return [task for task in book.tasks() if task.failures]

    short = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    with closing(RayNodes(workers=1, variables=short)) as cluster:
        run = subprocess.Popen(command(ledger, jobs=1), env=cluster.environment)
        wait_for(lambda: failed() or run.poll() is not None, 180, "a series has failed")
        (task,) = failed()
        run.send_signal(signal.SIGINT)
        run.wait()
        wait_for(cluster.has_ended_for_memory, 60, "Ray tells what it has ended")
    assert (task.failures, task.attempts, task.state) == ({"resource": 1}, 1, "pending")
    assert "memory of the node was short" in task.reason
    with closing(Ledger(ledger)) as book, book._change() as db:
        db.execute("UPDATE tasks SET lease_until = 0 WHERE state = 'pending'")
    with closing(RayNodes(workers=1)) as cluster:
        assert subprocess.run(command(ledger), env=cluster.environment).returncode == 0
    assert archive_report(ledger).states == {"done": 3}
    assert [task.failures for task in failed()] == [{"resource": 1}]
