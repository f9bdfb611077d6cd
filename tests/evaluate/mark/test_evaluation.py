"""The evaluation of the mark: its arithmetic with an oracle, and a small one for real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluate.untrained import attacker

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import plan_attack
from mitsgan.evaluate.mark import bench as mark_bench
from mitsgan.evaluate.mark.bench import MarkBench, measuring_key
from mitsgan.evaluate.mark.evaluation import PURIFIED, evaluate_mark
from mitsgan.evaluate.mark.result import LocatedRow, MarkEvaluation
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.purify.purifiers import purify_scan
from mitsgan.evaluate.statistics import auc
from mitsgan.evaluate.tampering.strikes import Form, Strike, strike, struck
from mitsgan.files.io import read_scan
from mitsgan.mark import Detection, Key, Verdict
from mitsgan.phantom.chest import chest
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan
from mitsgan.typed import convert

IDENTITY = "a phantom"
BLOCK = 4


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((40, 112, 112), (3.0, 3.0, 3.0), seed=2)


def remover_strikes(marked: Scan, count: int) -> list[Strike]:
    plans = [
        plan_attack(marked.hu(), marked.spacing, p, "remove")
        for p in lung_positions(marked, count, 0)
    ]
    return strike(marked, plans, attacker("remove"))


class Oracle:
    """A detector that compares with the scan that nobody struck."""

    def __init__(self, untouched: Scan) -> None:
        self.untouched = untouched.stored
        self.seen: list[Scan] = []

    def __call__(self, scan: Scan, key: Key, identity: str, **_: Any) -> Detection:
        self.seen.append(scan)
        changed = scan.stored != self.untouched
        depth, rows, columns = scan.shape
        blocks = changed.reshape(depth, rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        share = blocks.mean((2, 4)).astype(np.float32)
        verdict = Verdict.TAMPERED if changed.any() else Verdict.INTACT
        return Detection(
            verdict=verdict,
            reason="",
            version=3,
            score=0.0,
            strength_hu=0.0,
            false_alarms=0.01,
            verified=1.0,
            regions=(),
            slices=(),
            missing_ends=(),
            unlike=(),
            map=share,
            flagged=share > 0.5,
            shape=scan.shape,
            corner=(0, 0),
            sums=(1 - share, np.full_like(share, 0.01), np.ones_like(share)),
            dense=np.zeros(share.shape, bool),
        )


def bench_of(scan: Scan, **config: Any) -> MarkBench:
    return MarkBench(scan, IDENTITY, [RandomSign(5.0)], MarkEvaluationSettings(**config))


@pytest.mark.parametrize("form", ["touched up", "core 20 mm"])
def test_a_perfect_detector_gets_perfect_figures(
    scan: Scan, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(scan)
    marked = bench.first
    oracle = Oracle(marked)
    monkeypatch.setattr(mark_bench, "detect", oracle)
    strikes = remover_strikes(marked, 4)
    figures = bench.located(strikes, form)
    assert figures.n == 4
    assert figures.auc == 1
    assert figures.found.count == 4
    assert set(figures.positions_untouched_score) == {0.0}
    assert min(figures.positions_score) > 0.5
    # Blocks of 12 mm cannot follow a cube, nor does this oracle tell added noise from new paint.
    assert figures.dice.lowest > 0.5


def test_a_blind_detector_gets_none(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_of(scan)
    marked = bench.first
    blind = Oracle(marked)
    monkeypatch.setattr(mark_bench, "detect", lambda scan, *_, **__: blind(marked, *_))
    figures = bench.located(remover_strikes(marked, 3), "touched up")
    assert figures.auc == 0.5
    assert figures.found.count == 0
    assert figures.dice.highest == 0


@pytest.mark.parametrize("name", ["rounding", "blur-0.5mm"])
def test_purifying_only_what_changed_is_purifying_all(
    scan: Scan, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(scan)
    marked = bench.first
    oracle = Oracle(marked)
    monkeypatch.setattr(mark_bench, "detect", oracle)
    strikes = remover_strikes(marked, 1)
    bench.located(strikes, "touched up", name)
    untouched, tampered = oracle.seen
    np.testing.assert_array_equal(untouched.stored, purify_scan(marked, name).stored)
    expected = purify_scan(struck(marked, strikes, "touched up"), name)
    np.testing.assert_array_equal(tampered.stored, expected.stored)


def test_the_budget_holds_for_mark_and_protection_together(scan: Scan) -> None:
    bench = bench_of(scan, max_hu=6.0, mark_hu=2.0)
    change = bench.change()
    assert change.together_largest_hu <= 6
    assert 1.2 < change.mark_rms_over_body_hu < 2.5
    assert change.together_rms_hu > change.mark_rms_hu


def test_keys_follow_from_seed_and_number() -> None:
    keys = {measuring_key(seed, number).secret for seed in range(3) for number in range(3)}
    assert len(keys) == 9
    assert measuring_key(1, 2).secret == measuring_key(1, 2).secret


@pytest.mark.slow
def test_an_evaluation_is_complete_and_goes_on(scan: Scan, tmp_path: Path) -> None:
    config = MarkEvaluationSettings(mark_hu=8.0, max_hu=20.0, positions=3, keys=2, purified_keys=1)
    journal = tmp_path / "journal"
    said: list[str] = []

    def run(stop_at: str) -> MarkEvaluation:
        def progress(phase: str, done: int, total: int, note: str = "") -> None:
            if note == stop_at:
                raise KeyboardInterrupt
            assert 0 <= done <= total
            said.append(note)

        remover = attacker("remove")
        return evaluate_mark(
            scan, IDENTITY, [], [remover], config, journal=journal, progress=progress
        )

    with pytest.raises(KeyboardInterrupt):
        run("untouched scans: 2 of 2")
    done = [json.loads(line) for line in journal.read_text().splitlines()][1:]
    result = run("nowhere")
    assert MarkEvaluation.from_json(result.to_json()) == result
    assert said[-1] == ""
    assert "untouched scans: 2 of 2" in said
    # Voxels of 3 mm do not tell where a mark is missing, but they do tell that it is there.
    assert result.untouched.score > 20
    assert result.false_alarms["with a wrong key"]["unknown"].count == 1
    remove = result.attacks["remove"]
    assert {f"touched up, {name}" for name in PURIFIED} < set(remove.cases)
    for title in ("touched up", "core 20 mm", "touched up, rounding"):
        case = remove.cases[title]
        assert case.auc == auc(case.positions_score, case.positions_untouched_score)
    assert sum(row.count for row in remove.one_at_a_time.values()) == 3
    names = {row.name for row in result.manipulations}
    assert {"copy-move", "splice", "painted blob, 20 mm", "slices deleted"} < names
    steps = {entry["step"]: entry["result"] for entry in done}
    kept = convert(steps["remove: touched up"], LocatedRow, "journal")
    assert kept == remove.cases["touched up"]


@pytest.mark.slow
@pytest.mark.real_data
def test_a_repainted_core_is_found_on_a_real_scan(data: Path) -> None:
    scan = read_scan(data / "ct" / "lidc-0001")
    bench = MarkBench(scan, IDENTITY, [], MarkEvaluationSettings())
    marked = bench.first
    assert bench.verify(marked).verdict == Verdict.INTACT
    figures = bench.located(remover_strikes(marked, 4), "core 20 mm")
    assert figures.auc == 1
    assert figures.found.count == 4
    assert figures.dice.lowest > 0.6
