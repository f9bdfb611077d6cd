"""The tables of baselines that were trained for longer tell what the committed results hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import curve_tables
import pytest

from mitsgan.evaluate.metrics.windows import HU

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"curve-{name}.json").read_text())
    return found


def rmse(stop: dict[str, Any], region: str) -> float:
    (row,) = (
        row
        for row in stop["blocks"]["inject"]
        if (row["compared"], row["region"]) == ("protected vs real", region)
    )
    return float(row["windows"][HU.name]["rmse_hu"])


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


@pytest.mark.parametrize("name", curve_tables.TRAININGS)
def test_every_stop_has_a_row(name: str) -> None:
    head, _, *body = rows(curve_tables.stops())
    curve = result(name)
    for stop in curve["stops"]:
        key = [f"`{curve['protector']}`", str(stop["width"]), f"{stop['steps']} steps"]
        (row,) = (row for row in body if row[:3] == key)
        for part in ("slices", "squares"):
            told = float(row[head.index(f"{part}: RMSE, HU")])
            assert told == pytest.approx(rmse(stop, f"attack {part}"), abs=0.51)


@pytest.mark.parametrize("name", curve_tables.TRAININGS)
def test_the_words_tell_the_least_and_the_last(name: str) -> None:
    curve = result(name)
    start = f"- **`{curve['protector']}`, width {curve['stops'][0]['width']}**"
    (line,) = (line for line in curve_tables.findings().splitlines() if line.startswith(start))
    moved = [rmse(stop, "attack slices") for stop in curve["stops"]]
    assert f"by {moved[-1]:.0f} HU RMSE" in line
    assert f"steps, {min(moved):.0f} HU" in line
    assert f"({rmse(curve['shipped'], 'attack slices'):.0f} as it ships" in line


def test_the_paper_stands_beside_metric_by_metric() -> None:
    head, _, *body = rows(curve_tables.paper())
    published = [row for row in body if row[1] == "MITS-GAN, as published"]
    assert len(published) == 4
    assert published[0][head.index("RMSE, HU")] == "169"
    assert published[0][head.index("SSIM")] == "0.983"
    long = result("mits-gan-paper")["stops"][-1]
    label = f"`mits-gan-paper`, width {long['width']}, {long['steps']} steps"
    assert sum(row[1] == label for row in body) == 2 + 2 * 2
