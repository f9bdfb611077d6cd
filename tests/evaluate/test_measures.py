"""Fidelity, positions, disruption and the whole evaluation, on a phantom."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, Equalization, Generator, TrainedAttacker, plan_attack
from mitsgan.errors import PositionError, ScanError
from mitsgan.evaluate.attacks.disruption import disruption, pgd_disruption
from mitsgan.evaluate.attacks.positions import plan_places
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.metrics.fidelity import fidelity
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.networks.classifier import ClassifierNetwork, NoduleClassifier
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((40, 112, 112), (3.0, 3.0, 3.0), seed=2)


@pytest.fixture(scope="module")
def protected(scan: Scan) -> Scan:
    return apply_perturbations(scan, [RandomSign(6.0)], Budget(10)).scan


@pytest.fixture(scope="module")
def remover() -> Attacker:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = Generator(2).eval().requires_grad_(False)
    cubes = [torch.linspace(-1000, 400, 32**3)]
    return TrainedAttacker("remove", generator, Equalization.fit(cubes), "untrained")


def test_fidelity_of_a_known_change(scan: Scan, protected: Scan) -> None:
    figures = fidelity(scan, protected)
    assert figures.largest_hu == 6
    assert figures.rmse_hu == pytest.approx(6, rel=1e-3)  # what would become padding stays
    assert figures.psnr_db == pytest.approx(20 * math.log10(2000 / 6), abs=0.01)
    assert 0.5 < figures.ssim < 1
    same = fidelity(scan, scan)
    assert same.psnr_db == math.inf
    assert same.ssim == pytest.approx(1, abs=1e-3)


def test_no_perturbation_no_disruption(scan: Scan, protected: Scan, remover: Attacker) -> None:
    hu, moved = torch.from_numpy(scan.hu()), torch.from_numpy(protected.hu())
    plans = [plan_attack(scan.hu(), scan.spacing, p, "remove") for p in lung_positions(scan, 9, 0)]
    none = disruption(hu, hu, plans, remover)
    assert len(none.rmse_hu) == 9
    assert max(none.rmse_hu) < 1e-3
    some = disruption(hu, moved, plans, remover)
    assert some.perturbation_hu == pytest.approx([6.0] * 9)
    assert min(some.rmse_hu) > max(none.rmse_hu)
    start, known = (pgd_disruption(hu, plans, remover, 6.0, steps=n, seed=0) for n in (0, 6))
    assert np.median(known.rmse_hu) > 1.5 * np.median(start.rmse_hu)
    assert max(known.perturbation_hu) <= 6


def test_an_evaluation_is_complete_and_repeats(
    scan: Scan, protected: Scan, remover: Attacker
) -> None:
    config = EvaluationSettings(diagnostics=False, positions=3, pgd_steps=2)
    result = evaluate(scan, protected, [remover], config)
    assert Evaluation.from_json(result.to_json()) == result
    assert result == evaluate(scan, protected, [remover], config)
    assert result.unit == "HU"
    rows = result.disruption["remove"]
    assert set(rows) == {"protected", "random sign", "constant offset", "PGD, position known"}
    energy = rows["protected"].perturbation_rmse_hu
    assert rows["random sign"].perturbation_rmse_hu == pytest.approx(energy, rel=0.02)
    for row in rows.values():
        values = row.positions_rmse_hu
        assert row.rmse_hu.median == np.median(values)
        assert row.rmse_hu.worst == min(values)


def test_controls_are_as_strong_as_what_breaks_its_budget(scan: Scan, remover: Attacker) -> None:
    loud = apply_perturbations(scan, [RandomSign(30.0, 7)], Budget(30)).scan
    config = EvaluationSettings(max_hu=10, diagnostics=False, positions=2)
    rows = evaluate(scan, loud, [remover], config).disruption["remove"]
    energy = rows["protected"].perturbation_rmse_hu
    assert energy == pytest.approx(30, rel=0.02)
    for control in ("random sign", "constant offset"):
        assert rows[control].perturbation_rmse_hu == pytest.approx(energy, rel=0.03)


def test_scans_that_do_not_belong_together_are_refused(scan: Scan, remover: Attacker) -> None:
    other = replace(scan.with_slices(scan.stored[:-1], 0, len(scan.stored) - 1))
    with pytest.raises(ScanError, match="differ in shape"):
        evaluate(scan, other, [remover], EvaluationSettings(diagnostics=False, positions=2))


def test_given_places_become_plans_or_are_refused(scan: Scan) -> None:
    hu = scan.hu().clip(-1024)
    place = scan.geometry.to_world((lung_positions(scan, 1, 3))[0])
    near = (place[0] + 0.4, place[1], place[2])
    (plan,) = plan_places(scan, hu, [near], "inject")
    assert plan.position == lung_positions(scan, 1, 3)[0]
    assert plan.action == "inject"
    far = scan.geometry.to_world((5, 5, 900))
    with pytest.raises(PositionError, match=r"lies outside the scan, which reaches from \("):
        plan_places(scan, hu, [near, far], "inject")
    edge = scan.geometry.to_world((0, 40, 60))
    with pytest.raises(PositionError, match="20 mm core leaves the scan along z"):
        plan_places(scan, hu, [edge], "inject")


def test_an_evaluation_at_given_places_with_a_variant(
    scan: Scan, protected: Scan, remover: Attacker
) -> None:
    voxels = lung_positions(scan, 2, 9)
    places = tuple(scan.geometry.to_world(v) for v in voxels)
    base = EvaluationSettings(diagnostics=False, pgd_steps=1, places=places)
    results = [
        evaluate(scan, protected, [remover], replace(base, variant=name))
        for name in ("plain", "low-frequency")
    ]
    assert [p.voxel for p in results[0].positions] == voxels
    rows = [result.disruption["remove"] for result in results]
    assert len(rows[0]["protected"].positions_rmse_hu) == 2
    for name in rows[0]:
        assert rows[0][name].positions_rmse_hu != rows[1][name].positions_rmse_hu
    assert Evaluation.from_json(results[1].to_json()) == results[1]
    assert results[1].config.variant == "low-frequency"


@pytest.mark.slow
def test_a_classifier_says_what_attacked_cubes_look_like(
    scan: Scan, protected: Scan, remover: Attacker
) -> None:
    classifier = NoduleClassifier(ClassifierNetwork(2).eval())
    voxels = lung_positions(scan, 3, 9)
    known = (scan.geometry.to_world(voxels[2]), scan.geometry.to_world((0, 40, 60)))
    config = EvaluationSettings(diagnostics=False, positions=2, pgd_steps=0, nodules=known)
    result = evaluate(scan, protected, [remover], config, classifier=classifier)
    assert "20 mm core leaves the scan" in result.gaps[0], "the second nodule"
    looks = result.appearance
    assert {name: row.n for name, row in looks.items()} == {
        "remove": 2,
        "remove, at known nodules": 1,
    }
    assert looks["remove"].states["tampered protected"].abnormal_share is not None
