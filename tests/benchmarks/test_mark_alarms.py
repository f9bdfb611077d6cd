"""The count of the mark's alarms: what it counts, and a tiny run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mark_alarms
from alarm_cases import bilateral, near_lossless

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mark_alarms.py"


def test_near_lossless_keeps_its_promise() -> None:
    hu = np.random.default_rng(0).integers(-1100, 300, (2, 32, 40)).astype(np.float32)
    done = near_lossless(hu, 3)
    assert 0 < np.abs(done - hu).max() <= 3
    np.testing.assert_array_equal(done[hu < -1024], hu[hu < -1024])


def test_bilateral_smooths_noise_and_keeps_edges() -> None:
    hu = np.zeros((1, 40, 40), np.float32)
    hu[:, :, 20:] = 1000
    noisy = hu + np.random.default_rng(0).normal(0, 10, hu.shape).astype(np.float32)
    done = bilateral(noisy, 30.0)
    assert np.std(done - hu) < 0.5 * np.std(noisy - hu)
    assert done[0, :, 20].mean() > 990


@pytest.mark.slow
def test_a_tiny_run_counts_every_verdict_and_goes_on_where_it_was(tmp_path: Path) -> None:
    output = tmp_path / "alarms.json"
    command = [sys.executable, str(_SCRIPT), "--output", str(output), "--phantoms", "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(output.read_text())
    assert done.stderr.count("phantom of") == len(result["phantoms"]) > 3
    for row in result["phantoms"]:
        assert sum(rate["count"] for rate in row["verdicts"].values()) == 1
        assert row["verdicts"]["tampered"]["count"] == 0
    assert not list(tmp_path.glob("*.partial"))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_an_unknown_degradation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        mark_alarms.main(["--output", str(tmp_path / "a"), "--degradations", "x"])
    assert end.value.code == 2
    assert "jpeg2000-16" in capsys.readouterr().err
