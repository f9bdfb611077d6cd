"""The training curve of a baseline works on a tiny scan; its numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mitsgan.attack import surrogate_path
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training_curve.py"


def _run(*arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_weights_of_every_stop_are_measured_and_training_goes_on_from_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))  # where no network of LPIPS lies
    series, output, config = (tmp_path / name for name in ("series", "curve.json", "a.toml"))
    phantom_series(chest((20, 96, 96), (8.0, 3.5, 3.5), seed=4), series)
    attackers = [str(surrogate_path("textured", action)) for action in ("inject", "remove")]
    config.write_text(f"attackers = {json.dumps(attackers)}\nwidth = 2\nsteps = 9\n")
    asked: list[str | int | Path] = ["tafim", series, "--measured", series, "--config", config]
    asked += ["--positions", 2, "--run", tmp_path / "kept", "--output", output]
    refused = _run(*asked, "--stops", 2, 1)
    assert refused.returncode == 2
    assert "each larger than the one before" in refused.stderr
    done = _run(*asked, "--stops", 1, 2)
    assert done.returncode == 0, done.stderr
    more = _run(*asked, "--stops", 1, 2, 3, "--overwrite")
    assert more.returncode == 0, more.stderr
    assert "training steps up to 3" in more.stderr
    assert "training steps up to 2" not in more.stderr
    result = json.loads(output.read_text())
    assert [stop["steps"] for stop in result["stops"]] == [1, 2, 3]
    assert result["config"]["scans"] == ["series"]
    assert result["shipped"]["width"] == 6
    assert not result["lpips"]
    for stop in (result["shipped"], *result["stops"]):
        for rows in stop["blocks"].values():
            named = {(row["compared"], row["region"]): row["windows"][HU.name] for row in rows}
            assert named["protected vs real", "attack slices"]["rmse_hu"] > 0
            assert len(named) == 6
    assert (tmp_path / "kept" / "tafim-3.safetensors").exists()
