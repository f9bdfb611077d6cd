"""The tables of docs/baselines.md tell what the committed result holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import operating_tables
import operating_words
import pytest

RESULTS: list[dict[str, Any]] = [
    json.loads(path.read_text())
    for path in (Path(__file__).parents[2] / "docs/results").glob("operating-point*.json")
]
of_each_scan = pytest.mark.parametrize(
    "result", RESULTS, ids=[result["scan"]["name"] for result in RESULTS]
)


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("*") for cell in line[1:-1].split("|")] for line in lines]


@of_each_scan
def test_injections_are_told_by_how_many_pass_and_removals_by_how_many_are_seen(
    result: dict[str, Any],
) -> None:
    head, _, *body = rows(operating_tables.headline())
    column = head.index("passes (injection), is seen (removal): measurement, %")
    scan = f"`{result['scan']['name']}`"
    at = result["points"][0]["protectors"]["mits-gan"]
    for action in ("inject", "remove"):
        (row,) = (row for row in body if row[:3] == [scan, "`mits-gan`", action])
        (struck,) = (
            s for s in at["struck"] if (s["attackers"], s["action"]) == ("textured", action)
        )
        failed = struck["failed"]["measurement"]
        part = failed["count"] / failed["n"]
        told = 1 - part if action == "inject" else part
        assert int(row[column].split(" ")[0]) == pytest.approx(100 * told, abs=0.51)


def test_the_paper_stands_beside_with_the_gain_of_its_squares() -> None:
    head, _, *body = rows(operating_tables.headline())
    (row,) = (row for row in body if row[1].startswith("MITS-GAN, as published"))
    assert row[head.index("square: gain")] == f"{84.349 / 50.565:.2f}"
    assert row[head.index("whole slice: RMSE, HU")] == "169"


def test_noise_is_the_measure_and_has_no_ratio_of_its_own() -> None:
    head, _, *body = rows(operating_tables.headline())
    column = head.index("core: over noise")
    assert {(row[0], row[1]) for row in body if row[column]} == {
        (f"`{result['scan']['name']}`", f"`{name}`")
        for result in RESULTS
        for name in result["config"]["protectors"]
        if name != "noise"
    }


def test_words_name_every_protector_and_scan() -> None:
    text = operating_words.findings()
    for result in RESULTS:
        assert f"`{result['scan']['name']}`" in text
        for name in result["config"]["protectors"]:
            assert f"`{name}`" in text
    assert f"{194.943 / 66.061:.1f} times for TAFIM" in operating_words.implied()
