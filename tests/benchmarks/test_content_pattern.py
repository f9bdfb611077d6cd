"""The experiment of a pattern that depends on the content: its pieces, and a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import content_attacks
import content_signs
from mitsgan.attack import plan_attack
from mitsgan.evaluate.mark.strikes import Strike
from mitsgan.mark import Key
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

_FOLDER = Path(__file__).parents[2] / "benchmarks"
_SCRIPT = _FOLDER / "content_pattern.py"


@pytest.fixture(scope="module")
def pieces() -> tuple[ModuleType, ModuleType]:
    return content_signs, content_attacks


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((12, 98, 90), (2.5, 1.0, 1.0), seed=2)


def test_only_cells_of_another_content_get_other_signs(
    pieces: tuple[ModuleType, ModuleType], scan: Scan
) -> None:
    content = pieces[0].Content(8, 50, secret=False)
    signs = pieces[0].ContentSigns(Key(bytes(32)), "series", scan, content)
    steps = signs.steps(scan)
    assert steps.shape == (12, 13, 12), "cells of 8 voxels, the last ones smaller"
    before = signs.signs(steps)
    assert before.shape == scan.shape
    assert set(np.unique(before)) == {-1, 1}
    moved = scan.stored.copy()
    moved[5, 16:24, 32:40] += np.int16(51)
    after = signs.signs(signs.steps(scan.with_stored(moved)))
    other = before != after
    assert 0.2 < other[5, 16:24, 32:40].mean() < 0.8
    other[5, 16:24, 32:40] = False
    assert not other.any()


def test_limits_are_secret_unless_told_otherwise(
    pieces: tuple[ModuleType, ModuleType], scan: Scan
) -> None:
    flat = scan.with_stored(np.full_like(scan.stored, 1030))
    content_signs = pieces[0]

    def steps(key: int, content: object) -> Any:
        return content_signs.ContentSigns(Key(bytes([key] * 32)), "s", flat, content).steps(flat)

    known = content_signs.Content(8, 50, secret=False)
    np.testing.assert_array_equal(steps(1, known), steps(2, known))
    assert len(np.unique(steps(1, known))) == 1
    secret = content_signs.Content(8, 50)
    assert (steps(1, secret) != steps(2, secret)).mean() > 0.1
    assert np.ptp(steps(1, secret)) == 1


def test_cells_lie_where_only_the_key_tells(
    pieces: tuple[ModuleType, ModuleType], scan: Scan
) -> None:
    content_signs = pieces[0]
    ramp = np.broadcast_to(np.arange(90, dtype=scan.stored.dtype) * 10, scan.shape)
    tilted = scan.with_stored(np.ascontiguousarray(ramp))
    means = [
        content_signs.ContentSigns(Key(bytes([key] * 32)), "s", tilted, content).means(tilted)
        for key in (1, 2)
        for content in (content_signs.Content(8, 50), content_signs.Content(8, 50, False))
    ]
    np.testing.assert_array_equal(means[1], means[3])
    places = [{tuple(row[0, 1:4].tolist()) for row in part} for part in means]
    assert len(places[1]) == 1
    assert len(places[0]) == len(places[2]) == 2, "cells of two blocks start on either"
    assert (means[0] != means[2]).any()


def test_the_next_step_is_tried_only_near_a_limit(
    pieces: tuple[ModuleType, ModuleType], scan: Scan
) -> None:
    content = pieces[0].Content(8, 50, near_hu=5)
    signs = pieces[0].ContentSigns(Key(bytes(32)), "series", scan, content)
    steps, other = signs.with_next(scan)
    tried = (other != steps).mean()
    assert 0.12 < tried < 0.28, "5 HU on either side of 50, by the draw"
    assert np.abs(other - steps).max() == 1


def test_sums_over_cells_know_where_the_box_lies(
    pieces: tuple[ModuleType, ModuleType], scan: Scan
) -> None:
    signs = pieces[0].ContentSigns(Key(bytes(32)), "series", scan, pieces[0].Content(8, 50, False))
    blocks = np.arange(20, dtype=np.float32).reshape(1, 4, 5).repeat(12, 0)
    found = signs.sums(blocks, (1, 2))
    assert found.shape == blocks.shape
    assert found[0, 0, 0] == 0 + 1, "one row of the first cell, and both of its columns"
    assert found[0, 1, 0] == found[0, 2, 1] == 5 + 6 + 10 + 11
    assert found[0, 3, 4] == 19


def test_an_attacker_keeps_to_what_he_allows_himself(
    pieces: tuple[ModuleType, ModuleType],
) -> None:
    content_signs, content_attacks = pieces
    content = content_signs.Content(8, 50)
    body = chest((24, 128, 128), (2.5, 2.0, 2.0), seed=2)
    plan = plan_attack(body.hu(), body.spacing, (12, 64, 40), "inject")
    start, size = plan.start, plan.block
    box = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    before = body.hu()[box]
    assert before.shape == size
    after = before.copy()
    core = plan.core_in_block
    after[core] += 300
    one = Strike(plan, before, after, after, after != before)

    def means(handed: Strike, shift: tuple[int, int]) -> Any:
        moved = np.zeros(body.shape, np.float32)
        moved[box] = handed.after - before
        cell = content.cell(body.spacing)
        return np.stack([content_signs.cell_means(hu, cell, shift) for hu in moved])

    full = content_attacks.Evasion(1.0).apply(one, body, content)
    held = content_attacks.Evasion(1.0, within=0.25).apply(one, body, content)
    assert np.abs(means(full, (0, 0))).max() > 200
    assert np.abs(means(held, (0, 0))).max() == pytest.approx(12.5, abs=0.1)
    left = content_attacks.achieved([held], [one])
    assert 0 < left["share_of_change"] < 0.3
    aligned = content_attacks.Evasion(1.0, aligned=True).apply(one, body, content)
    stored = body.hu()
    stored[box] = aligned.after
    steps = [
        np.floor(content_signs.cell_means(hu, content.cell(body.spacing)) / 50)
        for hu in (*body.hu(), *stored)
    ]
    assert (np.stack(steps[:24]) == np.stack(steps[24:])).mean() > 0.999


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    output = tmp_path / "content.json"
    done = _run(
        *("--phantom", "48", "256", "256", "--mark-only", "--mark-hu", "5", "--positions", "2"),
        *("--keys", "1", "--purified-keys", "1", "--wrong-keys", "1", "--output", output),
        *("--patterns", "present", "8 mm, 50 HU"),
        *("--attacks", "touched up", "residual kept, 1 mm"),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(output.read_text())
    rows = result["scans"]["phantom"]["patterns"]
    assert list(rows) == ["present", "8 mm, 50 HU"]
    present, ours = (row["untouched"]["as written"] for row in rows.values())
    assert ours["score"] > 0.9 * present["score"] > 50
    assert ours["cells_changed"] < 0.03
    for row in rows.values():
        assert abs(row["untouched"]["with a wrong key"]["score"]) < 5
        for action in ("inject", "remove"):
            kept = row["attacks"][action]["residual kept, 1 mm"]
            assert kept["n"] == 2
            assert 0 < kept["share_of_change"] < 1.5
    kept = [row["attacks"]["remove"]["residual kept, 1 mm"] for row in rows.values()]
    short = [np.mean(k["positions_score"]) - np.mean(k["positions_untouched_score"]) for k in kept]
    assert short[0] < 0.5
    assert short[1] > 1
    again = _run("--phantom", "48", "256", "256", "--output", output)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_what_to_measure_has_to_be_named(tmp_path: Path) -> None:
    done = _run("--output", tmp_path / "content.json")
    assert done.returncode == 2
    assert "name scans, or a --phantom" in done.stderr
