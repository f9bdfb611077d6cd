"""Cubes repainted over the mark: a small run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mark_louder


def test_scans_or_a_phantom_have_to_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mark_louder.main(["--output", str(tmp_path / "louder.json")]) == 2
    assert capsys.readouterr().err == "mark_louder: name scans, or a --phantom: one of the two\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_small_run_counts_every_cube(tmp_path: Path) -> None:
    output = tmp_path / "louder.json"
    arguments = ["--phantom", "72", "320", "320", "--rounds", "1", "--output", str(output)]
    assert mark_louder.main([*arguments, "--paints", "white noise, 0 HU", "gain of 3"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["louder.json"]
    result = json.loads(output.read_text())
    assert result["config"]["paints"] == ["white noise, 0 HU", "gain of 3"]
    phantom = result["scans"]["phantom"]
    assert phantom["untouched"] == {"verdict": "intact", "verified": 1.0, "not_checked_places": 0}
    painted = phantom["paints"]["white noise, 0 HU"]
    assert painted["verdict"] == {"tampered": 1}
    assert painted["lung, 28 mm"] == {"found": 1}
