"""The benchmark works on a tiny series; its numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "speed.py"


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "series"
    phantom_series(chest((6, 32, 32), (6.0, 11.0, 11.0)), folder)
    return folder


@pytest.mark.slow
def test_measures_all_and_writes_one_json(series: Path, tmp_path: Path) -> None:
    output = tmp_path / "results" / "speed.json"
    done = _run("--scan", series, "--repeats", "1", "--slices-paper", "1", "--output", output)
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    result: dict[str, Any] = json.loads(text)
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    assert result["scan"] == {
        "name": "series",
        "shape": [6, 32, 32],
        "spacing_mm": [6.0, 11.0, 11.0],
    }
    assert len(result["weights"]["sha256"]) == 64
    measured = result["measured"]
    assert set(measured) == {
        *("read_write", "protect", "wave", "apply_layers", "paper", "read", "verify")
    }
    quantities = [
        value
        for entry in measured.values()
        for value in (*entry.values(), *entry.get("phases", {}).values())
        if isinstance(value, dict) and "values" in value
    ]
    assert len(quantities) == 32
    for value in quantities:
        assert value["n"] == len(value["values"]) == 1
        assert min(value["values"]) >= 0
        assert value["unit"] in ("s", "GB", "s per slice")
    whole = {
        name: measured[name]["whole_process"]["median"]
        for name in ("protect", "wave", "read_write")
    }
    for name in ("protect", "wave"):
        ratio = result["ratios"][f"{name}_over_read_write"]
        assert ratio["value"] == pytest.approx(whole[name] / whole["read_write"], abs=1e-3)
        assert ratio["met"] is (ratio["value"] <= ratio["target_at_most"])
    for ending, part in (("", "whole_process"), ("_without_start", "in_process")):
        ratio = result["ratios"]["verify_over_read" + ending]
        verify, read = (measured[name][part]["median"] for name in ("verify", "read"))
        assert ratio["value"] == pytest.approx(verify / read, rel=0.05)
        assert ratio["met"] is (ratio["value"] <= ratio["target_at_most"])
    memory = result["peak_memory_of_protect"]
    assert 0.05 < memory["value"] < 2.5
    assert measured["read_write"]["peak_memory"]["median"] < memory["value"]
    assert "protect over read write" in done.stdout


def test_a_missing_scan_is_named(tmp_path: Path) -> None:
    done = _run("--scan", tmp_path / "absent", "--output", tmp_path / "speed.json")
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert not (tmp_path / "speed.json").exists()


@pytest.mark.slow
def test_a_task_that_fails_is_told_with_what_it_said(series: Path, tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"not weights")
    done = _run(
        *("--scan", series, "--weights", tmp_path / "other.safetensors"),
        *("--output", tmp_path / "speed.json"),
    )
    assert done.returncode == 2
    assert "weights ended with exit code" in done.stderr
    assert "other.safetensors" in done.stderr
    assert not (tmp_path / "speed.json").exists()
