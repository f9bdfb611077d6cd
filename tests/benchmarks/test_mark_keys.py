"""One scan under many keys: a small run, and what it comes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mark_keys


def test_scans_or_a_phantom_have_to_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mark_keys.main(["--output", str(tmp_path / "keys.json")]) == 2
    assert capsys.readouterr().err == "mark_keys: name scans, or a --phantom: one of the two\n"
    assert not list(tmp_path.iterdir())


def test_keys_are_counted_together() -> None:
    rows = [
        {"verdict": "intact", "verified": 0.9, "found": 3, "of": 4},
        {"verdict": "unknown", "verified": 0.5, "found": 0, "of": 4},
    ]
    assert mark_keys.summed(rows) == {
        "keys": 2,
        "verdicts": {"intact": 1, "unknown": 1},
        "verified": [0.9, 0.5],
        "found": [3, 0],
        "of": 4,
    }
    untouched = [{"verdict": "intact", "verified": 1.0}]
    assert "found" not in mark_keys.summed(untouched)


@pytest.mark.slow
def test_a_small_run_finds_the_same_under_every_key(tmp_path: Path) -> None:
    output = tmp_path / "keys.json"
    arguments = ["--phantom", "72", "320", "320", "--keys", "2", "--output", str(output)]
    assert mark_keys.main([*arguments, "--behind", "as written", "noise-10hu"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
    phantom = json.loads(output.read_text())["scans"]["phantom"]
    assert list(phantom) == ["as written", "noise-10hu"]
    for row in phantom.values():
        assert row["keys"] == 2
        assert row["verdicts"] == {"intact": 2}
    noisy = phantom["noise-10hu"]
    assert min(noisy["found"]) == noisy["of"] > 0
