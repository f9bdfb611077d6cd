"""Reports: read with words for what is wrong, printed with units, whole in every format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluate.report_sample import report, summary, write_run

from mitsgan.errors import ResultError
from mitsgan.evaluate.report.formatting import decimals, printed
from mitsgan.evaluate.report.reading import read_galleries, read_report
from mitsgan.evaluate.report.text import csv_report, json_report, markdown_report
from mitsgan.evaluate.result import Evaluation

EVALUATION = Path(__file__).parents[3] / "docs" / "results" / "lungdx-a0001.json"
UNATTACKED = EVALUATION.parent / "density" / "lungdx-a0001-wave.json"


def test_reads_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    read = read_report(run)
    assert read == read_report(run / "summary.json") == report()
    assert read.headline[0].n == 48
    assert read.tables[0].columns[2].unit == "HU"
    assert read.curves[0].x.log
    assert not read.curves[0].y.log
    assert read.curves[0].series[0].points[2].high == 40
    assert [g.attack.action for g in read_galleries(run)] == ["inject", "remove"]
    assert read_galleries(run / "summary.json") == []


def test_a_benchmark_says_by_name_whose_numbers_stand_above() -> None:
    read = read_report(EVALUATION.parent / "benchmark" / "summary.json")
    assert "saw, MITS-GAN with waves moves what attackers paint by " in read.lead
    assert read.headline[0].note.startswith("Of MITS-GAN with waves, ")


def test_says_where_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"summary\.json does not exist"):
        read_report(tmp_path)
    path = tmp_path / "no.json"
    path.write_text("{")
    with pytest.raises(ResultError, match="is no JSON"):
        read_report(path)
    path.write_text('{"kind": "seal"}')
    with pytest.raises(ResultError, match=r"expected a result of kind benchmark, .*'seal'"):
        read_report(path)
    path.write_text('{"format": "mitsgan-seal"}')
    with pytest.raises(ResultError, match=r"which kind of result it is.*\(a seal is none:"):
        read_report(path)
    path.write_text("[]")
    with pytest.raises(ResultError, match=r"expected a table, found \[\]"):
        read_report(path)


def _without_title(value: dict[str, Any]) -> None:
    del value["title"]


def _text_for_n(value: dict[str, Any]) -> None:
    value["headline"][0]["n"] = "many"


def _list_in_cell(value: dict[str, Any]) -> None:
    value["tables"][0]["rows"][1]["median"] = [1]


def _point_without_x(value: dict[str, Any]) -> None:
    del value["curves"][0]["series"][0]["points"][1]["x"]


def _later_schema(value: dict[str, Any]) -> None:
    value["schema"] = 2


@pytest.mark.parametrize(
    "spoil, words",
    [
        (_without_title, "title is missing"),
        (_text_for_n, r"headline\[0\].n: expected a whole number, found \"many\""),
        (_list_in_cell, r"tables\[0\].rows\[1\].*expected .*, found.*(\[1\]|array)"),
        (_point_without_x, r"curves\[0\].series\[0\].points\[1\].x is missing"),
        (_later_schema, "found kind 'benchmark' of schema 2"),
    ],
)
def test_names_what_is_wrong(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], words: str
) -> None:
    value = summary()
    spoil(value)
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ResultError, match=words):
        read_report(path)


def test_markdown_has_every_number_with_unit_and_n() -> None:
    text = markdown_report(report())
    assert text.startswith("# A <small> benchmark\n")
    assert "| Disruption | 33 | HU | 48 | median |" in text
    assert "| protector | n, positions | median, HU | worst, HU |" in text
    assert text.index("## What this does not show") > text.index("## All")
    assert "| noise | 48 | 120 | n/a |" in text
    assert "| a\\|b | 16 | 4.0 | 2.2 |" in text
    assert "| ours <10 HU> | 10 | 30 | 20 | 40 | 48 |" in text
    assert "- LPIPS: no weights" in text
    assert "```\nmitsgan benchmark tiny.toml --output run\n```" in text
    assert 'name = "<tiny>"' in text
    assert "0123abcd" * 8 in text


def test_csv_has_a_line_per_cell_at_full_precision() -> None:
    rows = list(csv.DictReader(StringIO(csv_report(report()))))
    value = summary()
    main = [r for r in rows if r["table"] == "main"]
    assert len(main) == 3 * 4
    cell = next(r for r in main if r["row"] == "2" and r["column"] == "median")
    assert (cell["value"], cell["unit"], cell["label"]) == ("120.0625", "HU", "median")
    assert next(r for r in main if r["row"] == "2" and r["column"] == "worst")["value"] == ""
    curve = [r for r in rows if r["table"] == "budget"]
    points = sum(len(s["points"]) for s in value["curves"][0]["series"])
    assert len(curve) == points * 6


def test_json_holds_the_same_tables() -> None:
    content = json.loads(json_report(report()))
    assert content["tables"][0]["rows"] == summary()["tables"][0]["rows"]
    assert (
        content["curves"][0]["series"][0]["points"] == summary()["curves"][0]["series"][0]["points"]
    )
    assert content["provenance"] == summary()["provenance"]


def test_an_evaluation_becomes_a_report() -> None:
    result = json.loads(EVALUATION.read_text())
    read = read_report(EVALUATION)
    ours = result["disruption"]["inject"]["protected"]
    head = next(h for h in read.headline if h.label == "Disruption, injecting")
    assert (head.value, head.unit, head.n) == (ours["rmse_hu"]["median"], "HU", ours["n"])
    tables = {table.id: table for table in read.tables}
    assert len(tables["disruption"].rows) == sum(len(r) for r in result["disruption"].values())
    assert len(tables["metrics"].rows) == len(result["metrics"]) * len(result["windows"])
    assert len(tables["invariants"].rows) == len(result["invariants"])
    assert read.provenance["weights"][0]["sha256"] == result["protector"]["sha256"]
    assert read.command == "mitsgan evaluate lungdx-a0001 --positions 48 --seed 1 --pgd-steps 40"
    nodules = result["appearance"]["inject"]["states"]["tampered protected"]["nodule_share"]
    assert f"Of 48 injected nodules, 44 pass for nodules without protection and {48 * nodules:.0f}"\
        in read.lead  # fmt: skip
    assert all(figure["within"] is not False for figure in result["invariants"])
    assert "beyond" not in read.lead
    assert "these attackers, this scan and these positions" in " ".join(read.limits)


def test_without_attacks_nothing_is_said_of_attackers() -> None:
    limits = " ".join(read_report(UNATTACKED).limits)
    assert "Nothing was tampered with" in limits
    assert "these attackers" not in limits


def test_figures_of_diagnosis_beyond_their_tolerance_are_named() -> None:
    evaluation = Evaluation.read(EVALUATION)
    figures = tuple(
        replace(figure, within=False) if figure.name == "Perc15" else figure
        for figure in evaluation.invariants
    )
    claimed = sum(figure.within is not None for figure in figures)
    assert (
        f"Of {claimed} figures of diagnosis that have a tolerance, 1 moved beyond it: Perc15."
    ) in replace(evaluation, invariants=figures).report().lead


def test_a_budget_that_was_not_kept_is_told_before_all_else_and_nowhere_otherwise() -> None:
    evaluation = Evaluation.read(EVALUATION)
    check = evaluation.budget_check
    assert check is not None
    broken = replace(evaluation, budget_check=replace(check, over=3, kept=False)).report()
    assert broken.lead.startswith("BUDGET of ")
    assert broken.headline[0].note.endswith(": NOT KEPT.")
    assert "NOT KEPT" not in evaluation.report().headline[0].note


def test_one_position_is_singular() -> None:
    evaluation = Evaluation.read(EVALUATION)
    injected = replace(evaluation.appearance["inject"], n=1)
    one = replace(
        evaluation, positions=evaluation.positions[:1], appearance={"inject": injected}
    ).report()
    assert "median over 1 position)" in one.lead
    assert "Of 1 injected nodule, 1 passes for a nodule without" in one.lead


def test_an_evaluation_that_lacks_something_is_refused(tmp_path: Path) -> None:
    result = json.loads(EVALUATION.read_text())
    del result["disruption"]["inject"]["protected"]["n"]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    with pytest.raises(ResultError, match=r"disruption.*n is missing"):
        read_report(path)


@pytest.mark.parametrize(
    "cells, texts",
    [
        ([160.1, 5.43, None], ["160.10", "5.43", "n/a"]),
        ([0.98312, 0.99741], ["0.9831", "0.9974"]),
        ([48, 16.0], ["48", "16"]),
        ([1234.5, 0.00001], ["1234.50", "1.0e-05"]),
        ([True, False, "text"], ["yes", "no", "text"]),
        ([float("inf"), float("-inf"), float("nan"), 1.5], ["∞", "-∞", "n/a", "1.500"]),
        ([-12.345, 0.0], ["-12.35", "0.00"]),
    ],
)
def test_prints_numbers(cells: list[Any], texts: list[str]) -> None:
    numbers = [c for c in cells if not isinstance(c, str | bool)]
    assert [printed(c, decimals(numbers)) for c in cells] == texts


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_never_prints_a_number_as_zero_or_far_off(cells: list[float]) -> None:
    places = decimals(cells)
    for cell in cells:
        read = float(printed(cell, places))
        assert (read == 0) == (cell == 0)
        assert read == pytest.approx(cell, rel=0.06, abs=0.5 * 10**-places)
