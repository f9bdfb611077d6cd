"""The benchmark of the studio's first picture works on a tiny pair; it is judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.browser.chromium import find_browser

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "studio_first.py"


@pytest.mark.slow
def test_measures_from_the_command_to_the_picture(tmp_path: Path) -> None:
    if find_browser() is None:
        pytest.skip("no Chromium on this machine; on Debian and Ubuntu: apt-get install chromium")
    output = tmp_path / "results" / "studio-first.json"
    tiny = ("--repeats", "1", "--slices", "8", "--side", "32", "--forms", "nifti")
    command = [sys.executable, str(_SCRIPT), str(output), *tiny]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    text = output.read_text()
    result: dict[str, Any] = json.loads(text)
    assert str(tmp_path) not in text
    assert (result["slices"], result["side"]) == (8, 32)
    (form,) = result["forms"]
    (run,) = form["runs"]
    assert 0 < run["address"] < run["first_picture"] < run["both"]
    assert 0 < run["first_picture_cpu"] < run["both_cpu"]
    assert form["median"]["both"] == run["both"]
