"""Restorable forms are measured on a phantom; what they come to is judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "restorable.py"


@pytest.mark.slow
def test_restoring_takes_out_what_was_added(tmp_path: Path) -> None:
    series, output = tmp_path / "series", tmp_path / "forms.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    command: list[str | Path] = [sys.executable, _SCRIPT, series, "--output", output]
    options = ["--positions", "2", "--budgets", "2"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    ten, twenty = result["forms"]
    assert (ten["max_hu"], twenty["max_hu"]) == (10, 20)
    assert 0 < ten["kept_share"] < twenty["kept_share"] < 0.3
    for form in (ten, twenty):
        assert [struck["action"] for struck in form["struck"]] == ["inject", "remove"]
        for struck in form["struck"]:
            assert struck["disruption_hu"] > 0
            for state in ("original", "protected", "restored"):
                assert set(struck[state]) == {"nodule_share", "seen_share", "measured_share"}
                assert 2 * struck[state]["measured_share"] in (0, 1, 2)
            # The attack itself is what differs then, not what was added to the scan.
            assert struck["restored_disruption_hu"] != struck["disruption_hu"]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
