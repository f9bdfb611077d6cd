"""The bench: what it makes of attacks, as stored and behind purifiers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.evaluate.untrained import attacker

from mitsgan.anatomy.places import lung_positions
from mitsgan.evaluate.passive.bench import NOTHING, PassiveBench, threshold_of
from mitsgan.evaluate.passive.grain_statistic import GrainStatistic
from mitsgan.evaluate.purify.filters import gaussian
from mitsgan.evaluate.tampering.strikes import Strike
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def bench(noisy_chest: Scan) -> PassiveBench:
    detector = GrainStatistic()
    return PassiveBench(noisy_chest, [(detector, threshold_of(detector, [noisy_chest]))])


@pytest.fixture(scope="module")
def strikes(bench: PassiveBench) -> list[Strike]:
    return bench.strikes(attacker("remove"), lung_positions(bench.scan, 2, seed=1))


@pytest.mark.parametrize(
    "behind",
    [
        NOTHING,
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("noise-10hu", "jpeg2000-8")),
    ],
)
def test_blocks_without_grain_are_found(
    bench: PassiveBench, strikes: list[Strike], behind: str
) -> None:
    untouched = bench.untouched(behind)["noise residual"]
    if behind == NOTHING:
        assert untouched.regions <= 1
    assert untouched.seconds > 0
    smooth = [replace(one, after=gaussian(one.before, (0.0, 2.0, 2.0))) for one in strikes]
    found = bench.found(smooth, behind)["noise residual"]
    assert (found.n, found.auc) == (2, 1.0)
    if behind == NOTHING:
        assert min(found.scores) > 2 * max(found.untouched)
    if behind == NOTHING:
        assert found.found == 2
        assert found.iou > 0.05


def test_a_block_that_changes_nothing_is_scored_as_the_scan(
    noisy_chest: Scan, strikes: list[Strike]
) -> None:
    idle = [replace(one, after=one.before) for one in strikes]
    found = PassiveBench(noisy_chest, [(GrainStatistic(), 1e9)]).found(idle)["noise residual"]
    assert found.scores == found.untouched
    assert (found.auc, found.found, found.iou) == (0.5, 0, 0.0)
