"""Ascents for each objective are made on a phantom; what they are worth is judged elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from ascents import Counted
from in_ball import Ball, InBall
from mitsgan.anatomy.places import LungPositions, deep_lung, lung_positions
from mitsgan.attack import ATTACKERS, Strikes, hu_volume, plan_attack
from mitsgan.attack.objectives import distance
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from objectives import Objectives, main
from struck import Bench


def test_a_ball_has_its_volume(small_chest: Scan) -> None:
    bench = Bench.of(small_chest)
    (middle,) = lung_positions(small_chest, 1, seed=0)
    ball = InBall.of(bench, Ball("inject", 10.0, 0), middle, {"textured": 1})
    assert ball.cm3 == pytest.approx(4.18879)


def test_all_of_a_lung_has_the_volume_of_its_places(small_chest: Scan) -> None:
    lung = InBall.of(Bench.of(small_chest), Ball("inject", None, 0), (0, 0, 0), {"textured": 1})
    drawn = set(islice(LungPositions.of(small_chest).draw(np.random.default_rng(0)), 200_000))
    assert lung.cm3 == pytest.approx(len(drawn) * math.prod(small_chest.spacing) / 1000, rel=0.2)


def test_of_a_large_ball_only_lung_counts(small_chest: Scan) -> None:
    bench = Bench.of(small_chest)
    (middle,) = lung_positions(small_chest, 1, seed=0)
    part = InBall.of(bench, Ball("inject", 36.0, 0), middle, {"textured": 1})
    lung = InBall.of(bench, Ball("inject", None, 0), middle, {"textured": 1})
    assert 0 < part.cm3 < lung.cm3
    drawn = np.array(list(islice(part.places.draw(np.random.default_rng(0)), 300)))
    gaps = np.linalg.norm((drawn - middle) * small_chest.spacing, axis=1)
    assert 30 < gaps.max() <= 36 + 5  # by the first corner of a voxel of the coarse mask
    assert all(deep_lung(small_chest).contains(place) for place in drawn)


def test_attacks_are_counted(small_chest: Scan) -> None:
    hu, injector = hu_volume(small_chest), ATTACKERS.get("textured").make("inject")
    places = lung_positions(small_chest, 10, seed=0)
    plans = [plan_attack(hu.numpy(), small_chest.spacing, p, "inject") for p in places]
    counted = Counted(distance)
    values = Strikes.at(hu, plans, injector).values(hu + 1, counted)
    assert counted.attacks == len(values) == 10


@pytest.mark.slow
@pytest.mark.usefixtures("few_samples")
def test_cells_are_measured_once_and_added_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objectives.TESTERS", {"textured": 1, "residual": 1})
    series, output = tmp_path / "series", tmp_path / "objectives.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    command = [str(series), "--output", str(output), "--effort", "0.0625"]
    command += ["--balls", "4", "--actions", "inject", "--budgets", "10"]
    assert main([*command, "--goals", "excess"]) == 0
    first = Objectives.read(output)
    (cell,), (controls,) = first.cells, first.controls
    assert cell.goal == "excess"
    assert [reached.steps for reached in cell.curve] == [1, 2]
    assert cell.curve[0].attacks < cell.curve[-1].attacks <= 4
    assert cell.curve[-1].attacks_per_cm3 == pytest.approx(cell.curve[-1].attacks / 0.268, rel=0.01)
    assert cell.curve[-1].met == cell.struck.met[0]
    assert [met.pair for met in cell.struck.met] == ["textured", "residual"]
    assert 0 < cell.struck.rmse_hu <= 10
    assert cell.noise.rmse_hu == pytest.approx(cell.struck.rmse_hu, rel=0.1)
    assert all(met.n == 1 for met in cell.struck.met)
    assert controls.untouched.rmse_hu == 0
    assert {met.disruption_hu for met in controls.untouched.met} == {0.0}
    assert controls.offset.rmse_hu == pytest.approx(10, abs=0.1)
    assert controls.network.met[0].disruption_hu > 0

    assert main([*command, "--goals", "excess"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--goals", "excess", "judged", "--resume"]) == 0
    second = Objectives.read(output)
    assert (second.cells[0], second.controls) == (cell, (controls,))
    assert [cell.goal for cell in second.cells] == ["excess", "judged"]

    output.write_text(replace(second, scan="another").to_json())
    assert main([*command, "--resume"]) == 2
    assert "another scan" in capsys.readouterr().err
