"""The benchmark's page and plots are made of its summary, and found stale where they are not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

SUMMARY: dict[str, Any] = {
    "provenance": {"scans": [{"name": "a", "role": "unseen"}, {"name": "b", "role": "training"}]},
    "headline": [{"label": "gain", "value": 3.456, "unit": "", "n": 48, "note": "95 % 3 to 4"}],
    "gaps": ["LPIPS: no weights"],
    "tables": [
        {
            "id": "main-a",
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


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "benchmark_pages", ROOT / "tools" / "docs" / "benchmark_pages.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps(SUMMARY))
    monkeypatch.setattr(module, "SUMMARY", summary)
    monkeypatch.setattr(module, "IMAGES", tmp_path)
    return module


def filled(pages: ModuleType, name: str) -> list[str]:
    text = f"before\n<!-- benchmark {name} -->\nold\n<!-- /benchmark {name} -->\nafter"
    lines: list[str] = pages.filled(text).splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    return lines[2:-2]


def test_a_table_has_intervals_in_its_cells_and_says_once_what_is_the_same(
    pages: ModuleType,
) -> None:
    assert filled(pages, "main-a") == [
        "| protector | positions | median, HU |",
        "| --- | --- | --- |",
        "| ours | 48 | 5.25 (1 to 9.5) |",
        "| noise | 48 | 2 (1 to 9.5) |",
    ]


def test_headline_gaps_and_plots(pages: ModuleType) -> None:
    assert filled(pages, "headline")[-1] == "| gain | 3.46 |  | 48 | 95 % 3 to 4 |"
    assert filled(pages, "gaps") == ["- LPIPS: no weights"]
    assert filled(pages, "plot-budget") == [
        "![Disruption over budget](images/benchmark-budget.svg)"
    ]
    assert filled(pages, "plot-uncertainty") == [pages.MISSING]


def test_without_a_run_the_page_says_so(pages: ModuleType) -> None:
    pages.SUMMARY.unlink()
    assert filled(pages, "main-a") == [pages.MISSING]
    assert list(pages.stale_plots()) == []


def test_a_plot_of_other_curves_is_stale(pages: ModuleType) -> None:
    (path,) = pages.stale_plots()
    pages.draw_plots()
    assert path.read_text().startswith("<?xml")
    assert list(pages.stale_plots()) == []
    changed = json.dumps(SUMMARY).replace('"y": 15.0', '"y": 16.0')
    pages.SUMMARY.write_text(changed)
    assert list(pages.stale_plots()) == [path]
