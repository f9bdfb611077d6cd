"""Attackers who know of the mark: what they allow themselves, and a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mark_evasion
from evasions import Evasion, achieved, moved_hu
from mitsgan.attack import plan_attack
from mitsgan.evaluate.tampering.strikes import Strike
from mitsgan.mark.content import CELL_MM, STEP_HU
from mitsgan.mark.strength import block_sums
from mitsgan.mark.windows import BLOCK, window
from mitsgan.phantom.chest import chest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mark_evasion.py"


def test_an_attacker_keeps_to_what_he_allows_himself() -> None:
    body = chest((24, 128, 128), (2.5, 1.0, 1.0), seed=2)
    plan = plan_attack(body.hu(), body.spacing, (12, 64, 60), "inject")
    box = tuple(slice(s, s + n) for s, n in zip(plan.start, plan.block, strict=True))
    before = body.hu()[box]
    assert before.shape == plan.block
    after = before.copy()
    after[plan.core_in_block] += 300
    strike = Strike(plan, before, after, after, after != before)

    def largest(handed: Strike) -> float:
        """Move of the mean of any cell, wherever the key may have laid it."""
        moved = np.zeros(body.shape, np.float32)
        moved[box] = handed.after - before
        blocks = np.stack([block_sums(hu) for hu in moved]) / BLOCK**2
        _, high, wide = window(CELL_MM, body.spacing)
        cells = np.lib.stride_tricks.sliding_window_view(blocks, (high, wide), axis=(1, 2))
        return float(np.abs(cells.mean((3, 4))).max())

    assert largest(Evasion(1.0).apply(strike, body)) > 200
    bounded = Evasion(1.0, within=0.25).apply(strike, body)
    assert largest(bounded) == pytest.approx(STEP_HU / 4, rel=0.1)
    assert 0 < float(str(achieved([bounded], [strike])["share_of_change"])) < 0.3
    assert moved_hu([bounded], body)["median"] < 0.3 * moved_hu([strike], body)["median"]
    assert Evasion().apply(strike, body) is strike


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    output = tmp_path / "evasion.json"
    done = _run(
        *("--phantom", "48", "256", "256", "--mark-only", "--mark-hu", "5", "--positions", "2"),
        *("--keys", "1", "--purified-keys", "1", "--output", output),
        *("--attacks", "touched up", "residual kept, 1 mm"),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(output.read_text())
    rows = result["scans"]["phantom"]["versions"]
    assert list(rows) == ["3", "2"]
    ours, before = (row["untouched"]["as written"] for row in rows.values())
    assert ours["score"] > 0.9 * before["score"] > 50
    for row in rows.values():
        for action in ("inject", "remove"):
            kept = row["attacks"][action]["residual kept, 1 mm"]
            assert kept["n"] == 2
            assert 0 < kept["share_of_change"] < 1.5
    kept = [row["attacks"]["remove"]["residual kept, 1 mm"] for row in rows.values()]
    short = [np.mean(k["positions_score"]) - np.mean(k["positions_untouched_score"]) for k in kept]
    assert short[0] > 1
    assert short[1] < 0.5
    again = _run("--phantom", "48", "256", "256", "--output", output)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_what_to_measure_has_to_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mark_evasion.main(["--output", str(tmp_path / "evasion.json")]) == 2
    assert "name scans, or a --phantom" in capsys.readouterr().err
