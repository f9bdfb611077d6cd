"""Tables and curves are what the rows say, whatever order they came in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mitsgan.evaluate.benchmark.cells import Cell, CurveCell, all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig
from mitsgan.evaluate.benchmark.provenance import OTHER_WEIGHTS
from mitsgan.evaluate.benchmark.reader import read_config
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.benchmark.summary.summary import summarise

TEXT = """
title = "t"
resamples = 100

[[scans]]
name = "a"
role = "unseen"
path = "a"

[[protectors]]
name = "ours"
kind = "mits-gan"

[[sweeps]]
name = "s"
scans = ["a"]
protectors = ["ours"]
attackers = ["textured", "residual"]
actions = ["inject"]
budgets = [5.0, 10.0]
purifiers = ["none", "median"]
variants = ["plain", "shifts"]
positions = 3
slices = true

[[uncertainty]]
scan = "a"
attackers = ["textured"]
actions = ["inject"]
uncertainties_mm = [0.0, inf]
"""

BASE = {"": [30.0, 20.0, 40.0], "noise": [10.0, 10.0, 25.0], "offset": [5.0, 5.0, 5.0]}


def values(cell: Cell) -> dict[str, Any]:
    scale = (0.5 if cell.budget == "5 HU" else 1.0) * (0.1 if cell.purifier == "median" else 1.0)
    return {
        "kind": "attack",
        "scan": "a",
        "role": "unseen",
        "protector": "ours",
        "form": "clipped",
        "budget": cell.budget,
        "control": cell.control or None,
        "attacker": cell.attacker,
        "action": cell.action,
        "variant": cell.variant,
        "purifier": cell.purifier,
        "n": 3,
        "disruption_rmse_hu": [scale * v for v in BASE[cell.control]],
        "perturbation_cube_rmse_hu": [5.0, 5.0, 5.0],
        "perturbation_core_rmse_hu": [10.0, 10.0, 10.0],
        "nodule_probability": [0.9, 0.2, 0.9],
        "nodule_probability_original": [0.9, 0.9, 0.9],
        "abnormal": [1, 0, 0],
        "abnormal_original": [0, 0, 0],
        "lump_mm3": [500.0, 0.0, 299.0],
        "lump_mm3_original": [500.0, 300.0, 900.0],
    }


def slices(cell: Cell) -> dict[str, Any]:
    metrics = {"rmse_hu": 7.0, "psnr_db": None, "lpips": None, "ssim": 1.0}
    compared = ("protected vs real", "tampered protected vs tampered real")
    names = [*compared, "tampered protected vs real"]
    blocks = {f"{n} | attack {r}": metrics for n in names for r in ("slices", "squares")}
    return {"kind": "slices", **{k: v for k, v in values(cell).items() if k in KEPT}} | {
        "blocks": blocks
    }


KEPT = ("scan", "role", "protector", "form", "budget", "attacker", "action", "n")


@pytest.fixture
def config(tmp_path: Path) -> BenchmarkConfig:
    path = tmp_path / "b.toml"
    path.write_text(TEXT)
    return read_config(path, {})


def rows(config: BenchmarkConfig) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {
        "p": {
            "kind": "protector",
            "protector": "ours",
            "known_position": False,
            "trained_on": ["textured"],
        },
        "c": {"kind": "classifier", "threshold": 0.5},
        "r": {"kind": "attacker", "attacker": "residual", "held_out": True},
        "w": {"kind": "weights", "role": "protector", "name": "ours", "sha256": "0"},
        "s": {
            "kind": "scan",
            "scan": "a",
            "role": "unseen",
            "shape": [4, 4, 4],
            "spacing_mm": [1.0, 1.0, 1.0],
        },
        "m": {
            "kind": "protection",
            "scan": "a",
            "role": "unseen",
            "protector": "ours",
            "form": "clipped",
            "budget": "10 HU",
            "voxels": 64,
            "largest_hu": 10.0,
            "rmse_hu": 5.5,
            "psnr_db": 51.0,
            "ssim": 0.99,
            "seconds": 1.0,
        },
    }
    for task in all_tasks(config):
        if isinstance(task, CurveCell):
            points = [
                {
                    "method": "pgd",
                    "uncertainty_mm": mm,
                    "centre": [1, 1, number],
                    "rmse_hu": 100.0 + number,
                    "perturbation_hu": 9.0,
                }
                for mm in (0.0, None)
                for number in range(3)
            ]
            entries[task.key] = {
                "kind": "uncertainty",
                "scan": "a",
                "role": "unseen",
                "attacker": "textured",
                "action": "inject",
                "max_hu": 10.0,
                "points": points,
            }
        else:
            entries[task.key] = slices(task) if task.slices else values(task)
    return entries


def summary_of(config: BenchmarkConfig, results: dict[str, dict[str, Any]]) -> Benchmark:
    return summarise(results, config, toml=TEXT, raw={}, command="c", gaps=["g"])


def table(summary: Benchmark, name: str) -> list[Any]:
    (shown,) = (t for t in summary.tables if t.id == name)
    assert all(set(row) == {c.key for c in shown.columns} for row in shown.rows)
    return list(shown.rows)


def test_the_order_in_which_rows_came_does_not_matter(config: BenchmarkConfig) -> None:
    results = rows(config)
    backwards = dict(reversed(list(results.items())))
    assert summary_of(config, results) == summary_of(config, backwards)


def test_a_row_of_the_main_table(config: BenchmarkConfig) -> None:
    table_rows = table(summary_of(config, rows(config)), "main-a")
    assert len(table_rows) == 4  # two attackers, two budgets
    (row,) = (r for r in table_rows if r["budget"] == "10 HU" and r["attacker"] == "residual")
    assert (row["n"], row["disruption"], row["worst"], row["noise"]) == (3, 30.0, 20.0, 10.0)
    assert (row["over_noise"], row["offset"], row["perturbation"]) == (3.0, 5.0, 5.0)
    assert row["gain"] == 3.0
    assert row["low"] <= row["disruption"] <= row["high"]


def test_fewer_positions_of_the_same_are_left_to_what_they_are_compared_with(
    config: BenchmarkConfig,
) -> None:
    results = rows(config)
    fewer = {
        f"{key} | fewer": {k: v[:2] if isinstance(v, list) else v for k, v in row.items()}
        | {"n": 2}
        for key, row in results.items()
        if row["kind"] == "attack"
    }
    before, after = (summary_of(config, given) for given in (results, {**results, **fewer}))
    for name in ("main-a", "transfer", "worst", "appearance"):
        assert table(before, name) == table(after, name)
    assert before.headline == after.headline
    assert len(table(after, "purifiers")) == 2 * len(table(before, "purifiers"))


def test_the_headline_is_of_attackers_seen_and_held_out(config: BenchmarkConfig) -> None:
    headline = {f.label: f for f in summary_of(config, rows(config)).headline}
    assert headline["over noise: a, 10 HU, white-box textured, inject"].value == 3.0
    assert headline["gain: a, 10 HU, held-out residual, inject"].value == 3.0
    assert headline["whole-scan RMSE: a, 10 HU"].value == 5.5
    assert all(f.n and f.note for f in headline.values())


def test_one_position_has_no_interval(config: BenchmarkConfig) -> None:
    """It would be from the value to itself."""
    of_one = {
        key: {
            name: value[:1] if isinstance(value, list) and len(value) == 3 else value
            for name, value in row.items()
        }
        | ({"n": 1} if "n" in row else {})
        for key, row in rows(config).items()
    }
    (disruption,) = (
        figure
        for figure in summary_of(config, of_one).headline
        if figure.label == "disruption: a, 10 HU, white-box textured, inject"
    )
    assert (disruption.n, disruption.note[:13]) == (1, "no interval; ")


def test_another_training_of_a_pair_is_no_white_box(config: BenchmarkConfig) -> None:
    results = rows(config)
    results["p"]["trained_on"] = [f"textured{OTHER_WEIGHTS}"]
    labels = [f.label for f in summary_of(config, results).headline]
    assert "gain: a, 10 HU, other weights of textured, inject" in labels
    assert not any("white-box" in label for label in labels)


def test_what_a_purifier_leaves(config: BenchmarkConfig) -> None:
    table_rows = table(summary_of(config, rows(config)), "purifiers")
    left = {r["purifier"]: r["left"] for r in table_rows}
    assert left == {"none": 100.0, "median": 10.0}


def test_variants_are_listed_beside_the_plain_attack(config: BenchmarkConfig) -> None:
    assert {r["variant"] for r in table(summary_of(config, rows(config)), "adaptive")} == {
        "plain",
        "shifts",
    }


def test_the_least_disrupted_position(config: BenchmarkConfig) -> None:
    row = table(summary_of(config, rows(config)), "worst")[0]
    assert (row["position"], row["better"]) == (1, 100.0)
    assert row["worst"] == 2 * row["noise"]


def test_an_injection_that_is_no_nodule_failed(config: BenchmarkConfig) -> None:
    row = table(summary_of(config, rows(config)), "appearance")[0]
    assert row["nodule_original"] == 100.0
    assert row["failed_original"] == 0.0
    assert row["failed_protected"] == pytest.approx(100 / 3, rel=1e-4)
    assert (row["lump_original"], row["lump_protected"]) == (100.0, pytest.approx(100 / 3, 1e-4))


def test_two_judges_say_which_attacks_failed(config: BenchmarkConfig) -> None:
    row = table(summary_of(config, rows(config)), "failures")[0]
    assert (row["action"], row["n"]) == ("inject", 3)
    assert (row["classifier_original"], row["measurement_original"]) == (0.0, 0.0)
    assert row["classifier_protected"] == pytest.approx(100 / 3, rel=1e-4)
    assert row["measurement_protected"] == pytest.approx(200 / 3, rel=1e-4)
    for judge in ("classifier", "measurement"):
        value, low, high = (row[f"{judge}_protected{end}"] for end in ("", "_low", "_high"))
        assert 0 < low < value < high < 100


def test_a_removal_that_leaves_a_lump_or_an_oddity_failed(config: BenchmarkConfig) -> None:
    results = rows(config)
    for row in results.values():
        if row["kind"] == "attack":
            row |= {"action": "remove", "abnormal": [0, 1, 0]}
    row = table(summary_of(config, results), "failures")[0]
    assert row["classifier_protected"] == pytest.approx(200 / 3, rel=1e-4)
    assert row["measurement_protected"] == pytest.approx(200 / 3, rel=1e-4)
    assert row["measurement_original"] == 100.0


def test_a_run_from_before_the_second_judge_has_the_first_alone(config: BenchmarkConfig) -> None:
    results = rows(config)
    for row in results.values():
        row.pop("lump_mm3", None)
        row.pop("lump_mm3_original", None)
    summary = summary_of(config, results)
    row = table(summary, "failures")[0]
    assert row["classifier_protected"] == pytest.approx(100 / 3, rel=1e-4)
    assert not any(key.startswith("measurement") for key in row)
    assert not any(key.startswith("lump") for key in table(summary, "appearance")[0])


def test_the_papers_numbers_stand_beside_ours(config: BenchmarkConfig) -> None:
    table_rows = table(summary_of(config, rows(config)), "paper-square-tampered")
    assert [r["rmse_hu"] for r in table_rows[:3]] == [84.349, 79.451, 7.0]
    assert table_rows[2]["lpips"] is None


def test_curves_have_points_with_intervals(config: BenchmarkConfig) -> None:
    curves = {c.id: c for c in summary_of(config, rows(config)).curves}
    ours, noise = curves["budget-a-textured-inject"].series
    assert [(p.x, p.y) for p in ours.points] == [(5.0, 15.0), (10.0, 30.0)]
    assert noise.name == "noise, RMSE of ours"
    assert [p.y for p in noise.points] == [5.0, 10.0]
    (known,) = curves["uncertainty-a-textured-inject"].series
    assert [(p.x, p.y, p.n) for p in known.points] == [(0.0, 101.0, 3)]


def test_curves_of_two_budgets_are_two_curves(config: BenchmarkConfig) -> None:
    results = rows(config)
    (key,) = (key for key, row in results.items() if row["kind"] == "uncertainty")
    points = [{**point, "rmse_hu": 1.0} for point in results[key]["points"]]
    results[f"{key} too"] = {**results[key], "max_hu": 2.5, "points": points}
    summary = summary_of(config, results)
    lines = {(r["budget"], r["uncertainty"]): r for r in table(summary, "uncertainty")}
    assert (lines["10 HU", 0.0]["disruption"], lines["10 HU", 0.0]["n"]) == (101.0, 3)
    assert (lines["2.5 HU", 0.0]["disruption"], lines["2.5 HU", 0.0]["n"]) == (1.0, 3)
    curves = {c.id: c for c in summary.curves if c.id.startswith("uncertainty")}
    names = [f"uncertainty-a-textured-inject-{budget}-hu" for budget in ("10", "2.5")]
    assert list(curves) == names
    assert [curves[name].series[0].points[0].y for name in names] == [101.0, 1.0]


def test_a_place_anywhere_in_the_lung_is_in_the_table_only(config: BenchmarkConfig) -> None:
    table_rows = table(summary_of(config, rows(config)), "uncertainty")
    assert [r["uncertainty"] for r in table_rows] == [0.0, "lung"]


def test_a_run_that_is_not_whole_has_a_summary_too(config: BenchmarkConfig) -> None:
    results = {k: v for k, v in rows(config).items() if v["kind"] != "attack"}
    summary = summary_of(config, results)
    assert [f.label for f in summary.headline] == ["whole-scan RMSE: a, 10 HU"]
    assert summary.gaps == ("g",)


def test_a_summary_comes_back_from_json_as_it_was(config: BenchmarkConfig) -> None:
    summary = summary_of(config, rows(config))
    assert Benchmark.from_json(summary.to_json()) == summary
    tree = json.loads(summary.to_json())
    assert (tree["schema"], tree["kind"]) == (1, "benchmark")
    assert set(tree["tables"][0]) == {"id", "title", "note", "columns", "rows"}
    assert set(tree["tables"][0]["columns"][0]) == {"key", "label", "unit"}
