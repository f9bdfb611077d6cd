"""Comparisons of real tampering on a small phantom: what is drawn is what was done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from mitsgan.anatomy.lung import find_lung
from mitsgan.attack import Action, Attacker, Equalization, Generator, TrainedAttacker
from mitsgan.evaluate.demo import PLACES, demonstrate
from mitsgan.evaluate.report.pictures.comparison import COLUMNS, Comparison, Pixels, compare
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import NODULE_LPS, chest
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def original() -> Scan:
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3)


@pytest.fixture(scope="module")
def protected(original: Scan) -> Scan:
    return apply_perturbations(original, [RandomSign(8.0)], Budget(10)).scan


@pytest.fixture(scope="module")
def attackers(original: Scan) -> list[Attacker]:
    """Untrained: they paint anything."""
    table = Equalization.fit([torch.from_numpy(original.hu()).clamp_min(-1024)])
    actions: tuple[Action, ...] = ("inject", "remove")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [TrainedAttacker(a, Generator(2).eval(), table, a) for a in actions]


@dataclass(frozen=True)
class Shown:
    """Pictures of a comparison by view and column."""

    comparison: Comparison

    def __call__(self, view: str, column: str) -> Pixels:
        (found,) = (v for v in self.comparison.views if v.name == view)
        return found.pictures[[c.key for c in COLUMNS].index(column)]


def _at(scan: Scan, world: tuple[float, float, float]) -> tuple[int, int, int]:
    z, y, x = (round(v) for v in scan.geometry.to_index(world))
    return z, y, x


@pytest.fixture(scope="module")
def removal(original: Scan, protected: Scan, attackers: list[Attacker]) -> Shown:
    return Shown(compare(original, protected, attackers[1], _at(original, NODULE_LPS), 10.0))


def test_the_nodule_is_in_the_middle_of_the_original(removal: Shown) -> None:
    for view in ("axial zoom", "coronal zoom"):
        picture = removal(view, "original")
        side = len(picture)
        middle = picture[side // 2 - 8 : side // 2 + 8, side // 2 - 8 : side // 2 + 8]
        assert middle.mean() > 1.5 * np.median(picture)


def test_both_are_tampered_with_and_marked(removal: Shown) -> None:
    for view in ("axial slice", "axial zoom", "coronal zoom"):
        for untouched, tampered in (
            ("original", "tampered_original"),
            ("protected", "tampered_protected"),
        ):
            before, after = removal(view, untouched), removal(view, tampered)
            assert before.shape == after.shape
            band = slice(-len(before) // 12, None)
            letters = after[band].astype(int)
            assert ((letters[..., 0] - letters[..., 2]) > 100).any(), "SIMULATED is missing"
            assert (before[..., 0] == before[..., 2]).mean() > 0.99, "a scan is not marked"
            assert (before != after)[: len(before) * 3 // 4].any(), "nothing was tampered with"


def test_the_perturbation_is_protected_minus_original(
    original: Scan, protected: Scan, attackers: list[Attacker]
) -> None:
    place = _at(original, NODULE_LPS)
    for scan, brightest in ((original, 40), (protected, 255)):
        shown = Shown(compare(original, scan, attackers[1], place, 10.0))
        assert shown("axial zoom", "perturbation").max() <= brightest
    assert shown("axial zoom", "perturbation").max() > 150


def test_disruption_is_that_of_the_position(
    original: Scan, attackers: list[Attacker], removal: Shown
) -> None:
    same = compare(original, original, attackers[1], _at(original, NODULE_LPS), 10.0)
    assert same.disruption_hu < 1e-3
    assert removal.comparison.disruption_hu > 0.1
    assert np.allclose(removal.comparison.world, NODULE_LPS, atol=8.0)


@pytest.mark.parametrize("index", [(2, 48, 48), (12, 48, 5), (12, 48, 93)])
def test_pictures_reach_beyond_the_border(
    original: Scan, protected: Scan, attackers: list[Attacker], index: tuple[int, int, int]
) -> None:
    z, y, x = index
    shown = compare(original, protected, attackers[0], (z, min(max(y, 5), 90), min(x, 90)), 10.0)
    for view in shown.views[1:]:
        assert {p.shape for p in view.pictures} == {(288, 288, 3)}


def test_the_injection_is_shown_in_healthy_lung() -> None:
    scan = chest((48, 128, 128), (4.0, 2.8, 2.8))
    lung = find_lung(scan).within(10.0, scan.spacing)
    assert lung.contains(_at(scan, PLACES["inject"]))
    assert np.linalg.norm(np.subtract(PLACES["inject"], NODULE_LPS)) > 50


def test_page_and_numbers_agree(original: Scan, protected: Scan, attackers: list[Attacker]) -> None:
    said: list[str] = []
    page, result = demonstrate(
        original,
        protected,
        attackers,
        max_hu=10.0,
        seed=1,
        facts={"protector": "none"},
        command="mitsgan demo OUT --seed 1",
        positions=2,
        progress=said.append,
    )
    for action in ("inject", "remove"):
        median = result["disruption"][action]["protected"]["rmse_hu"]["median"]
        assert f"<td>{median:.1f}</td>" in page
        assert result["shown"][action]["disruption_rmse_hu"] > 0
    assert "mitsgan demo OUT --seed 1" in page
    assert f"torch {torch.__version__}" in page
    assert any("pictures" in text for text in said)
    again, _ = demonstrate(
        original,
        protected,
        attackers,
        max_hu=10.0,
        seed=1,
        facts={"protector": "none"},
        command="mitsgan demo OUT --seed 1",
        positions=2,
    )
    assert again == page
