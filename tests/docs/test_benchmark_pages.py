"""The benchmark's page and plots are made of its summary, and found stale where they are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import benchmark_pages as pages
import pytest

SUMMARY: dict[str, Any] = {
    "schema": 1,
    "kind": "benchmark",
    "version": "1.2.3",
    "title": "t",
    "command": "c",
    "config_toml": "",
    "config": {},
    "provenance": {"scans": [{"name": "a", "role": "unseen"}, {"name": "b", "role": "training"}]},
    "headline": [{"label": "gain", "value": 3.456, "unit": "", "n": 48, "note": "95 % 3 to 4"}],
    "gaps": ["LPIPS: no weights"],
    "tables": [
        {
            "id": "main-a",
            "title": "All",
            "columns": [
                {"key": "protector", "label": "protector", "unit": ""},
                {"key": "n", "label": "positions", "unit": ""},
                {"key": "disruption", "label": "median", "unit": "HU"},
                {"key": "low", "label": "from", "unit": "HU"},
                {"key": "high", "label": "to", "unit": "HU"},
                {"key": "lpips", "label": "LPIPS", "unit": ""},
            ],
            "rows": [
                {"protector": p, "n": 48, "disruption": d, "low": 1.0, "high": 9.5, "lpips": None}
                for p, d in (("ours", 5.25), ("noise", 2.0))
            ],
        }
    ],
    "curves": [
        {
            "id": "budget-a-textured-inject",
            "title": "Disruption over budget: inject by textured on a",
            "note": "",
            "x": {"label": "budget", "unit": "HU", "log": True},
            "y": {"label": "disruption", "unit": "HU", "log": True},
            "series": [
                {
                    "name": "ours",
                    "points": [
                        {"x": x, "y": 3 * x, "low": 2 * x, "high": 4 * x, "n": 8}
                        for x in (5.0, 10.0)
                    ],
                }
            ],
        }
    ],
}


@pytest.fixture(autouse=True)
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A summary in place of the committed one; plots go beside it."""
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(SUMMARY))
    monkeypatch.setattr(pages, "SUMMARY", path)
    monkeypatch.setattr(pages, "IMAGES", tmp_path)
    return path


def filled(name: str) -> list[str]:
    text = f"before\n<!-- benchmark {name} -->\nold\n<!-- /benchmark {name} -->\nafter"
    lines: list[str] = pages.filled(text).splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    return lines[2:-2]


def test_a_table_has_intervals_in_its_cells_and_says_once_what_is_the_same() -> None:
    assert filled("main-a") == [
        "| protector | median, HU |",
        "| --- | --- |",
        "| ours | 5.2 (1.0 to 9.5) |",
        "| noise | 2.0 (1.0 to 9.5) |",
        "",
        "In all rows: positions: 48.",
    ]


def test_headline_gaps_and_plots(summary: Path) -> None:
    assert filled("headline")[-1] == "| gain | 3.5 | 48 | 95 % 3 to 4 |"
    assert filled("gaps") == ["- LPIPS: no weights"]
    assert filled("plot-budget") == ["![Disruption over budget](images/benchmark-budget.svg)"]
    assert filled("plot-uncertainty") == [pages.MISSING]


def test_without_a_run_the_page_says_so(summary: Path) -> None:
    summary.unlink()
    assert filled("main-a") == [pages.MISSING]
    assert list(pages.stale_plots()) == []


def test_a_plot_of_other_curves_is_stale(summary: Path) -> None:
    (path,) = pages.stale_plots()
    pages.draw_plots()
    assert path.read_text().startswith("<?xml")
    assert list(pages.stale_plots()) == []
    changed = json.dumps(SUMMARY).replace('"y": 15.0', '"y": 16.0')
    summary.write_text(changed)
    assert list(pages.stale_plots()) == [path]


def test_what_matters_is_what_the_data_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of the digest, from the tables of the committed run."""
    monkeypatch.setattr(
        pages, "SUMMARY", Path(__file__).parents[2] / "docs/results/benchmark/summary.json"
    )
    result = json.loads(pages.SUMMARY.read_text())
    tables = {table["id"]: table["rows"] for table in result["tables"]}
    who = "MITS-GAN with waves"  # the default, and `notch` is the filter for its waves
    lines = filled("digest")
    assert len(lines) < 25
    (row,) = [line for line in lines if line.startswith("| residual | inject")]
    (measured,) = [
        r
        for r in tables["main-lungdx-a0001"]
        if (r["protector"], r["budget"], r["attacker"], r["action"])
        == (who, "10 HU", "residual", "inject")
    ]
    for key in ("disruption", "noise", "offset"):
        assert f"| {measured[key]:.0f} " in row
    ours = [
        r
        for r in tables["main-lungdx-a0001"]
        if (r["protector"], r["budget"], r["n"]) == (who, "10 HU", 48)
    ]
    beaten = sum(r["offset"] > r["disruption"] for r in ours)
    assert any(f"does more in {beaten} of {len(ours)} rows" in line for line in lines)
    filtered = [
        r["over_noise"]
        for table in json.loads((pages.SUMMARY.parents[1] / "notch/summary.json").read_text())[
            "tables"
        ]
        for r in table["rows"]
        if (r.get("variant"), r.get("scan"), r.get("protector")) == ("notch", "lungdx-a0001", who)
    ]
    assert len(filtered) == 8
    said = f"{min(filtered):.1f} to {max(filtered):.1f} times against those who [filter out"
    assert any(said in line for line in lines)
    moved = max(
        abs(r["nodule_protected"] - r["nodule_original"])
        for r in tables["appearance"]
        if (r["scan"], r["protector"], r["budget"]) == ("lungdx-a0001", who, "10 HU")
    )
    assert any(f"moves by at most {moved:.0f} percentage points" in line for line in lines)
