"""Whether a finding appears or disappears for the classifier, beside re-scan noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mitsgan.evaluate.diagnosis.invariant import Invariant
from mitsgan.evaluate.diagnosis.nodule_calls import (
    LUNG_PLACES,
    NULLS,
    ClassifierSites,
    ask,
    call_invariants,
    find_classifier_sites,
)
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.networks.classifier import ClassifierNetwork, NoduleClassifier
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import NODULE_LPS, chest
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan

PLACES = ClassifierSites(
    {"(1, 2, 3)": [(0, 0, 0)], "lung places": [(0, 0, 0)] * 4}, frozenset({"(1, 2, 3)"})
)


class Bright(ClassifierNetwork):
    """Calls a cube a nodule whose middle is brighter than lung."""

    def forward(self, cubes: Tensor) -> Tensor:
        return (cubes[:, 14:18, 14:18, 14:18].mean((1, 2, 3)) + 550) / 50


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((40, 88, 88), (4.0, 4.0, 4.0), seed=2)


def rows_of(after: list[float], nulls: list[list[float]]) -> dict[str, Invariant]:
    before = {"(1, 2, 3)": [0.9], "lung places": [0.1, 0.2, 0.3, 0.6]}
    others = [{"(1, 2, 3)": [0.8], "lung places": values} for values in (after, *nulls)]
    rows = call_invariants(before, others[0], others[1:], PLACES, 0.5)
    return {row.name: row for row in rows}


def test_calls_that_flip_are_counted_both_ways() -> None:
    rows = rows_of([0.6, 0.2, 0.3, 0.4], [[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.6]])
    called = rows["nodules called, 4 lung places"]
    assert (called.original, called.protected, called.change) == (1, 1, 0)
    assert called.rescan_change == -1
    flips = rows["calls that flip, 4 lung places"]
    assert (flips.change, flips.tolerance, flips.within) == (2, 1, False)
    assert f"{NULLS} re-scans" in str(flips.tolerance_source)
    moved = rows["nodule probability, mean move, 4 lung places"]
    assert moved.change == pytest.approx(0.7 / 4)
    assert moved.rescan_change == pytest.approx(0.2 / 4)
    assert rows["nodule probability (1, 2, 3)"].change == pytest.approx(-0.1)
    assert rows["calls that flip, 1 nodule (1, 2, 3)"].within is True


def test_as_many_flips_as_in_the_worst_rescan_are_within() -> None:
    rows = rows_of([0.6, 0.2, 0.3, 0.6], [[0.1, 0.2, 0.3, 0.6], [0.1, 0.7, 0.3, 0.6]])
    assert rows["calls that flip, 4 lung places"].within is True


@pytest.mark.slow
def test_places_are_asked_where_they_lie(scan: Scan) -> None:
    beyond = scan.geometry.to_world((0, 40, 40))
    places, gaps = find_classifier_sites(scan, [NODULE_LPS, beyond], 0)
    (known,) = places.nodules
    assert known.startswith("(")
    assert len(places.groups["lung places"]) == LUNG_PLACES
    assert len(gaps) == 1
    assert "no whole 32 mm cube" in gaps[0]
    answers = ask(scan, places, NoduleClassifier(Bright(1).eval()))
    assert answers[known][0] > 0.5, "the phantom's nodule, seen by coarse voxels"
    lung = torch.tensor(answers["lung places"])
    assert float((lung < 0.5).float().mean()) > 0.7, "most of the lung is dark"


@pytest.mark.slow
def test_the_rows_are_among_the_invariants(scan: Scan) -> None:
    protected = apply_perturbations(scan, [RandomSign(4.0)], Budget(10)).scan
    config = EvaluationSettings(nodules=(NODULE_LPS,))
    judge = NoduleClassifier(Bright(1).eval())
    rows = evaluate(scan, protected, [], config, classifier=judge).invariants
    names = [row.name for row in rows]
    assert f"calls that flip, {LUNG_PLACES} lung places" in names
    assert any(name.startswith("calls that flip, 1 nodule") for name in names)
    plain = evaluate(scan, protected, [], config).invariants
    assert [row.name for row in plain] == names[: len(plain)]
    assert len(plain) < len(names)
