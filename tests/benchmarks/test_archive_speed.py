"""The benchmark of the archive works on tiny series, and its simulation counts what it should."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from archive_simulation import Costs, Site, megavoxels, most_workers, simulate
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "archive_speed.py"
FREE = Costs(seconds_per_megavoxel=0.2, transaction_s=1e-9, read_mb_s=1e9, write_mb_s=1e9)


def test_processors_alone_share_the_work() -> None:
    sizes = [50.0] * 640
    for nodes in (1, 10):
        site = Site(nodes=nodes, workers=16, disk_mb_s=1e9)
        simulated = simulate(sizes, FREE, site)
        assert simulated.hours == pytest.approx(640 / (16 * nodes) * 10 / 3600, rel=1e-3)
        assert simulated.limit == "processors"
        assert simulated.processors == pytest.approx(1, rel=1e-3)


def test_disks_and_ledger_become_the_limit() -> None:
    sizes = [50.0] * 640
    slow_disks = simulate(sizes, FREE, Site(nodes=100, workers=16, disk_mb_s=100))
    assert slow_disks.limit == "disks"
    # Read, written, read back: 100 MB each.
    assert slow_disks.hours == pytest.approx(640 * 300 / 100 / 3600, rel=0.01)
    slow_ledger = Costs(seconds_per_megavoxel=0.2, transaction_s=1, read_mb_s=1e9, write_mb_s=1e9)
    simulated = simulate(sizes, slow_ledger, Site(nodes=100, workers=16, disk_mb_s=1e9))
    assert simulated.limit == "ledger"
    assert simulated.hours == pytest.approx(2 * 640 / 3600, rel=0.02)


def test_workers_that_fill_a_limit_are_those_that_simulation_finds() -> None:
    sizes = [50.0] * 4000
    costs = Costs(seconds_per_megavoxel=0.2, transaction_s=0.05, read_mb_s=1e9, write_mb_s=1e9)
    most = round(most_workers(sizes, costs, 1e9)["ledger"])
    assert most == 100  # 10 s of work for 2 transactions of 0.05 s
    few, many = (
        simulate(sizes, costs, Site(nodes=1, workers=count, disk_mb_s=1e9))
        for count in (most // 2, most * 2)
    )
    assert (few.limit, many.limit) == ("processors", "ledger")


def test_sizes_are_the_same_every_time_and_the_largest_come_first() -> None:
    sizes = megavoxels(100)
    assert sizes == megavoxels(100) == sorted(sizes, reverse=True)
    assert 26 < sizes[-1] < sizes[0] < 132


@pytest.mark.slow
def test_everything_is_measured_and_written(tmp_path: Path) -> None:
    phantom_series(chest((8, 32, 32), (24.0, 11.2, 11.2), seed=1), tmp_path / "scan")
    output = tmp_path / "speed.json"
    tiny = ("--copies", "4", "--turns", "1", "--series", "200", "--seconds", "0.2")
    command = [sys.executable, str(_SCRIPT), str(tmp_path / "scan"), "--output", str(output), *tiny]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # bars are for real scans on a quiet machine
    assert "Traceback" not in done.stderr
    text = output.read_text()
    assert str(tmp_path) not in text
    result = json.loads(text)
    assert all(row["per_second"] > 0 for row in result["ledger"])
    assert result["side_by_side"]["seconds"]["worker_cpu"]["median"] > 0
    assert [row["nodes"] for row in result["simulation"]["rows"]] == [1, 10, 100] * 2


def test_too_few_copies_are_refused(tmp_path: Path) -> None:
    output = str(tmp_path / "o.json")
    command = [sys.executable, str(_SCRIPT), str(tmp_path / "scan"), "--output", output]
    done = subprocess.run([*command, "--copies", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "at least 4 copies" in done.stderr
