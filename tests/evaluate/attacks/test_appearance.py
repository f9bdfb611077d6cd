"""What attacked cubes look like: to the classifier, and against healthy lung of the same scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tests.evaluate.untrained import attacker
from torch import Tensor

from mitsgan.anatomy.lumps import lumps_mm3
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Plan, cut_plans, plan_attack, tamper_cut
from mitsgan.errors import ScanError
from mitsgan.evaluate.attacks.appearance import (
    STATES,
    TAMPERED,
    AppearanceRow,
    Looks,
    State,
    appearance,
    failures,
    look,
)
from mitsgan.evaluate.attacks.healthy_lung import FEATURES, HealthyLung, healthy_lung
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.networks.classifier import ClassifierNetwork, NoduleClassifier
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan
from mitsgan.typed import convert, to_tree


class Bright(ClassifierNetwork):
    """Calls a cube a nodule whose middle is soft tissue."""

    def forward(self, cubes: Tensor) -> Tensor:
        return (cubes[:, 14:18, 14:18, 14:18].mean((1, 2, 3)) + 200) / 50


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((40, 88, 88), (4.0, 4.0, 4.0), seed=2)


@pytest.fixture(scope="module")
def healthy(scan: Scan) -> HealthyLung:
    return healthy_lung(scan, count=200)


@pytest.fixture
def classifier() -> NoduleClassifier:
    return NoduleClassifier(Bright(1).eval())


def volume(scan: Scan) -> Tensor:
    return torch.from_numpy(scan.hu().clip(-1024))


def plans(scan: Scan, count: int, seed: int = 1) -> Sequence[Plan]:
    places = lung_positions(scan, count, seed)
    return [plan_attack(volume(scan).numpy(), scan.spacing, p, "remove") for p in places]


def cubes(scan: Scan, count: int, seed: int) -> Tensor:
    cut = cut_plans(volume(scan), plans(scan, count, seed))
    return cut.cubes(cut.before)


def test_healthy_lung_of_the_scan_is_healthy(scan: Scan, healthy: HealthyLung) -> None:
    assert tuple(healthy.ranges) == FEATURES
    assert all(low < 0 < high for low, high in healthy.ranges.values())
    assert not any(healthy.outside(cubes(scan, 40, 1))), "the first of those measured"
    others = healthy.outside(cubes(scan, 100, 7))
    assert sum(map(bool, others)) <= 12, "about 5 % where 200 cubes were measured"


@pytest.mark.parametrize(
    "feature, change",
    [
        ("mean", lambda core: core + 900),
        ("deviation", lambda core: core + 1500 * torch.linspace(-1, 1, 20)),
        ("darkest", lambda core: core.clamp_min(-300)),
        ("brightest", lambda core: core.clamp_max(-900)),
        ("roughness", lambda core: core + 900 * (torch.arange(20) % 2)),
    ],
)
def test_what_no_lung_looks_like_is_told_by_its_feature(
    scan: Scan, healthy: HealthyLung, feature: str, change: object
) -> None:
    assert callable(change)
    changed = cubes(scan, 12, 3)
    core = (slice(None), *(slice(6, 26),) * 3)
    changed[core] = change(changed[core])
    assert sum(feature in by for by in healthy.outside(changed)) >= 6


def test_what_is_no_number_is_not_healthy(healthy: HealthyLung) -> None:
    assert healthy.outside(torch.full((1, 32, 32, 32), torch.nan)) == [FEATURES]


def test_healthy_lung_is_measured_at_other_places_than_those_that_are_attacked(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, int, int]] = []

    def places(scan: Scan, count: int, seed: int) -> list[tuple[int, int, int]]:
        drawn.extend(lung_positions(scan, count, seed))
        return drawn

    monkeypatch.setattr("mitsgan.evaluate.attacks.healthy_lung.lung_positions", places)
    healthy_lung(scan, count=11, seed=7)
    assert len(drawn) == 11
    assert len(set(drawn) & set(lung_positions(scan, 11, 7))) < 4  # by chance: a lung is small


def test_how_often_a_lump_stands_in_healthy_lung(scan: Scan, healthy: HealthyLung) -> None:
    others = [volume >= 300 for volume in lumps_mm3(cubes(scan, 200, 1).numpy())]
    assert healthy.lump_share == sum(others) / 200, "of the same places"
    assert healthy.lump_share < 0.2


def test_healthy_lung_needs_lung(scan: Scan) -> None:
    with pytest.raises(ScanError, match="no lung"):
        healthy_lung(scan.with_stored(np.full_like(scan.stored, 1064)))


def test_appearance_of_each_state(
    scan: Scan, healthy: HealthyLung, classifier: NoduleClassifier
) -> None:
    protected = apply_perturbations(scan, [RandomSign(8.0)], Budget(10)).scan
    where, remover = plans(scan, 10), attacker("remove")  # one batch, and another of two
    looks = appearance(volume(scan), volume(protected), where, remover, classifier, healthy=healthy)
    assert looks.n == 10
    result = looks.row()
    assert convert(to_tree(result), AppearanceRow, "here") == result
    assert tuple(result.states) == STATES
    struck: tuple[tuple[State, Scan], ...] = (
        ("tampered original", scan),
        ("tampered protected", protected),
    )
    for state, of in struck:
        cut = cut_plans(volume(of), where)
        with torch.no_grad():
            seen = cut.cubes(tamper_cut(cut, remover))
        stated = classifier.probability(seen)
        row = result.states[state]
        assert row.positions_probability == pytest.approx(stated.tolist(), abs=1e-4)
        assert row.nodule_share == pytest.approx(float((stated >= 0.5).float().mean()))
        outside = tuple(healthy.outside(seen))
        assert row.positions_abnormal == outside
        assert row.abnormal_share == sum(map(bool, outside)) / 10
        either = [bool(by) or p >= 0.5 for by, p in zip(outside, stated, strict=True)]
        assert row.seen_share == sum(either) / 10
        volumes = lumps_mm3(seen.numpy())
        assert row.positions_lump_mm3 == volumes
        assert row.lump_share == sum(volume >= 300 for volume in volumes) / 10
        left = [volume >= 300 or bool(by) for volume, by in zip(volumes, outside, strict=True)]
        failed = result.failed[state]
        assert (failed["measurement"].count, failed["measurement"].n) == (sum(left), 10)
        assert failed["classifier"].count == sum(p >= 0.5 for p in stated)
    assert tuple(result.failed) == TAMPERED
    assert result.healthy_lump_share == healthy.lump_share
    before = result.states["original"]
    untrained = result.states["tampered original"].abnormal_share
    assert before.abnormal_share is not None
    assert untrained is not None
    assert before.abnormal_share <= 0.1
    assert untrained > 0.5, "never trained"
    assert before.positions_probability != result.states["protected"].positions_probability


def test_the_variant_is_the_one_asked_for(scan: Scan, classifier: NoduleClassifier) -> None:
    where, remover = plans(scan, 3), attacker("remove")
    looks = [
        appearance(volume(scan), volume(scan), where, remover, classifier, variant=variant(name))
        for name in ("plain", "low-frequency")
    ]
    assert looks[0].looks["tampered original"] != looks[1].looks["tampered original"]
    assert looks[0].looks["original"] == looks[1].looks["original"]
    summary = looks[0].row().states["tampered original"]
    assert summary.abnormal_share is None
    assert summary.seen_share is None, "not known without healthy lung"
    failed = looks[0].row().failed["tampered original"]
    assert tuple(failed) == ("classifier",), "of a removal; without healthy lung no second judge"


def test_a_lump_that_was_there_before_is_no_injection_that_passes(
    classifier: NoduleClassifier,
) -> None:
    before, after = torch.full((2, 32, 32, 32), -850.0), torch.full((2, 32, 32, 32), -850.0)
    before[0, 10:22, 10:22, 10:22] = 20
    after[:, 10:22, 10:22, 10:22] = 20
    seen = look(after, classifier, None, before)
    assert (seen.nodule, seen.lump) == ((True, True), (False, True))
    assert seen.failures("inject") == {
        "classifier": (False, False),
        "measurement": (True, False),
    }
    assert look(after, classifier, None).lump == (True, True)


def test_when_an_attack_failed() -> None:
    nodule, lump, odd = (True, False, False, False), (False, True, False, False), (False, True) * 2
    assert failures("inject", nodule, lump, odd) == {
        "classifier": (False, True, True, True),
        "measurement": (True, False, True, True),
    }
    assert failures("remove", nodule, lump, odd) == {
        "classifier": nodule,
        "measurement": (False, True, False, True),
    }
    assert tuple(failures("inject", nodule, None, odd)) == ("classifier",)
    assert tuple(failures("remove", nodule, lump, None)) == ("classifier",)


def test_results_from_before_there_were_two_judges_are_read() -> None:
    old = to_tree(Looks((0.9,), (True,), None, (400.0,)).row())
    del old["lump_share"], old["positions_lump_mm3"]
    tree = {"n": 1, "states": dict.fromkeys(STATES, old)}
    row = convert(tree, AppearanceRow, "here")
    assert (row.failed, row.healthy_lump_share) == ({}, None)
    assert row.states["original"].lump_share is None
