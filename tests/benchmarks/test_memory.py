"""The benchmark of memory works on a tiny chest; its numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.slow
def test_measures_with_and_without_mark_and_seal(tmp_path: Path) -> None:
    output = tmp_path / "results" / "memory.json"
    shapes = ["--shape", "20", "48", "64", "--shape", "50", "48", "48"]
    command = [sys.executable, str(_SCRIPT), *shapes, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert [scan["scan"]["shape"] for scan in result["scans"]] == [[20, 48, 64], [50, 48, 48]]
    first = result["scans"][0]
    assert first["scan_float32_gb"] == pytest.approx(4 * 20 * 48 * 64 / 1e9, abs=1e-3)
    assert set(first["measured"]) == {"protect", "protect_mark_and_seal"}
    for row in first["measured"].values():
        peak = row["peak_memory"]["median"]
        assert 0.05 < peak < 2
        assert row["met"] is (peak <= row["target_at_most"])


def test_a_shape_too_small_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(_SCRIPT), "--shape", "4", "48", "64"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "--shape" in done.stderr
