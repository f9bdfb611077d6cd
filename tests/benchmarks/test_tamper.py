"""The benchmark of tampering works on a tiny scan; its numbers are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tamper

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tamper.py"


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_measures_all_and_writes_one_json(tmp_path: Path) -> None:
    output = tmp_path / "results" / "tamper-speed.json"
    done = _run(
        *("--shape", "64", "96", "96", "--width", "1", "--batch", "2", "--repeats", "2"),
        *("--threads", "1", "--output", output),
    )
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    result: dict[str, Any] = json.loads(text)
    assert str(Path.home()) not in text
    assert result["scan"] == {"shape": [64, 96, 96], "spacing_mm": [1.0, 0.7, 0.7]}
    assert (result["width"], result["batch"], result["threads"]) == (1, 2, 1)
    measured = result["measured"]
    assert len(measured) == 7
    for row in measured.values():
        assert row["n"] == len(row["values"]) == 2
        assert row["unit"] == "s"
        assert min(row["values"]) >= 0
    targets = result["targets"]
    in_place = targets["tamper_in_place"]
    assert in_place["value"] == pytest.approx(measured["in_place"]["median"], abs=1e-4)
    assert in_place["met"] is (in_place["value"] <= in_place["target_at_most"])
    for where in ("scan", "blocks"):
        batch, one = (measured[f"{where}_{part}"]["median"] for part in ("batch", "one"))
        share = targets[f"batch_over_singles_in_{where}"]
        assert share["value"] == pytest.approx(batch / (2 * one), abs=1e-3)
    assert "tamper in place" in done.stdout


@pytest.mark.parametrize(
    "arguments, said",
    [(("--batch", "1"), "--batch 2 or more"), (("--shape", "64", "80", "96"), "64 mm or more")],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        tamper.main([*arguments, "--output", str(tmp_path / "speed.json")])
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "speed.json").exists()
