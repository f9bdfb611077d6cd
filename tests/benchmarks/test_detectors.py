"""The benchmark of passive detectors works on a tiny scan; its numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mitsgan.attack import SURROGATES
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "detectors.py"


def _run(*arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_scan_is_attacked_and_searched(tmp_path: Path) -> None:
    series, output = tmp_path / "series", tmp_path / "found.json"
    phantom_series(chest((20, 128, 128), (7.0, 2.6, 2.6), seed=4), series)
    options: list[str | int | Path] = [
        "--positions",
        2,
        "--filtered",
        1,
        "--behind",
        "noise-10hu",
        "--output",
        output,
    ]
    lacking = _run(series, *options)
    assert lacking.returncode == 2
    assert "--calibrate" in lacking.stderr
    done = _run(series, *options, "--calibrate", series)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    (scan,) = result["scans"].values()
    assert set(scan["behind"]) == {"nothing", "noise-10hu"}
    stored = scan["behind"]["nothing"]
    assert stored["untouched"]["noise residual"]["regions"] <= 1
    assert len(stored["attacks"]) == 2 * len(SURROGATES)
    row = stored["attacks"]["smooth remove"]["noise residual"]
    assert row["n"] == 2
    assert 0 <= row["auc"] <= 1
    assert not output.with_name("found.json.partial").exists()
