"""The benchmarks of the sketch work on tiny scans; their numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mitsgan.attack import SURROGATES
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "series"
    phantom_series(chest((18, 170, 170), (7.0, 2.1, 2.1), seed=4), folder)
    return folder


def _run(script: str, *arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_BENCHMARKS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_cost_is_measured_beside_reading(series: Path, tmp_path: Path) -> None:
    output = tmp_path / "cost.json"
    done = _run("sketch_cost.py", series, "--slices", 20, "--repeats", 1, "--output", output)
    assert done.returncode in (0, 1), done.stderr  # 1: slower than the bars, as a small scan may be
    result = json.loads(output.read_text())
    assert result["shape"] == [20, 170, 170]
    assert set(result["times_reading"]) == {"verify_intact", "verify_processed"}
    assert min(result["times_reading"].values()) > 0
    again = _run("sketch_cost.py", series, "--slices", 20, "--output", output)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


@pytest.mark.slow
def test_forgeries_are_measured_and_interrupted_work_goes_on(series: Path, tmp_path: Path) -> None:
    output = tmp_path / "sketch.json"
    options: list[str | int | Path] = [
        series,
        "--donor",
        series,
        "--output",
        output,
        "--positions",
        1,
        "--filtered",
        1,
    ]
    first = _run("sketch_bars.py", *options, "--behind", "nothing", "--benign")
    assert first.returncode == 0, first.stderr
    output.unlink()
    done = _run(
        "sketch_bars.py", *options, "--behind", "nothing", "noise-10hu", "--benign", "rounding"
    )
    assert done.returncode == 0, done.stderr
    assert "behind nothing" not in done.stderr
    scan = json.loads(output.read_text())["scans"]["series"]
    kinds = scan["behind"]["nothing"]["kinds"]
    assert len(kinds) == 9 + 6 * len(SURROGATES)
    assert all(kind["n"] == 1 for kind in kinds.values())
    filtered = scan["behind"]["noise-10hu"]["kinds"]
    assert not any(name.startswith(SURROGATES[1:]) for name in filtered)
    assert scan["behind"]["nothing"]["check"]["other_answers"] == 0
    assert scan["benign"]["rounding"]["verdict"] == "processed"


@pytest.mark.slow
def test_untouched_scans_are_judged_by_many_looks(series: Path, tmp_path: Path) -> None:
    output = tmp_path / "untouched.json"
    options = ("--slices", 8, "--cases", "rounding", "8 bit, -1000 to 1900 HU", "--output", output)
    done = _run("sketch_untouched.py", series, *options)
    assert done.returncode == 0, done.stderr
    looks = json.loads(output.read_text())["looks"]
    assert len(looks) == 3 + 2
    for cases in looks.values():
        assert set(cases) == {"rounding", "8 bit, -1000 to 1900 HU"}
        assert cases["rounding"]["verdict"] == "processed"
        assert 0 < cases["rounding"]["closest"] < 1
    output.unlink()
    again = _run("sketch_untouched.py", series, *options)
    assert again.returncode == 0, again.stderr
    assert " after " not in again.stderr, "what was measured is kept"
