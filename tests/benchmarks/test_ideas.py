"""Ideas are protectors like any other; what they come to is judged elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ideas
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.perturb import Budget
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

TINY = """
title = "Ideas, tried"
seed = 1
resamples = 200
[[scans]]
name = "phantom"
role = "unseen"
phantom = { shape = [40, 96, 96], spacing_mm = [5.0, 3.6, 3.6], seed = 2 }
[[protectors]]
name = "strong islands"
kind = "islands"
[[protectors]]
name = "displacement"
kind = "displacement"
form = "native"
[[sweeps]]
name = "all"
scans = ["phantom"]
protectors = ["strong islands", "displacement"]
attackers = ["textured"]
actions = ["remove"]
budgets = [30.0]
positions = 2
"""


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((24, 96, 96), (8.0, 4.0, 4.0), seed=1)


def whole(protector: ideas.Islands | ideas.Displacement, scan: Scan) -> ideas.Array:
    return protector.perturbation(scan, 0, scan.shape[0], Budget(30.0))


def test_islands_fill_a_ninth_and_hold_what_the_network_adds(scan: Scan) -> None:
    islands = ideas.Islands.load(seed=3)
    inside = islands.inside.perturbation(scan, 0, scan.shape[0], Budget(30.0))
    added = whole(islands, scan)
    moved = inside != 0
    assert np.array_equal(added[added != 0], inside[added != 0])
    assert 0.07 < np.count_nonzero(added) / np.count_nonzero(moved) < 0.16
    assert not np.array_equal(added, whole(ideas.Islands.load(seed=4), scan))
    part = islands.perturbation(scan, 5, 9, Budget(30.0))
    assert np.array_equal(part != 0, added[5:9] != 0), "however the scan is cut"


def test_a_displacement_moves_edges_and_nothing_else(scan: Scan) -> None:
    bent = ideas.Displacement.load(seed=3)
    added = whole(bent, scan)
    hu = scan.hu(0, scan.shape[0])
    steep = np.hypot(*np.gradient(hu, axis=(1, 2)))
    # A cubic spline overshoots beside an edge; a step of 0.3 pixel along a slope does not.
    assert np.abs(added[steep < 1]).mean() < 0.1 * np.abs(added[steep > 100]).mean()
    assert np.percentile(np.abs(added[steep > 100]) / steep[steep > 100], 99) < 1
    assert np.array_equal(bent.perturbation(scan, 5, 9, Budget(30.0)), added[5:9])


@pytest.mark.slow
def test_they_are_measured(tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(TINY)
    # In a process of its own: nobody else is to find them among the protectors.
    command: list[str | Path] = [
        sys.executable,
        ideas.__file__,
        tmp_path / "run",
        "--config",
        config,
    ]
    subprocess.run(command, check=True)
    tables = {t.id: t.rows for t in Benchmark.read(tmp_path / "run" / "summary.json").tables}
    rows = tables["main-phantom"]
    assert [row["protector"] for row in rows] == ["strong islands", "displacement"]
    assert all(isinstance(row["disruption"], float) and row["disruption"] > 0 for row in rows)
