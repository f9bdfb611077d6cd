"""How far features of an attacker move, as the target of an ascent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from tests.benchmarks.two_strikes import strikes

from feature_target import features_moved
from mitsgan.attack import ATTACKERS, Attacker, hu_volume
from mitsgan.attack.plan import Action
from mitsgan.errors import SettingsError
from mitsgan.scan.scan import Scan


def test_the_more_is_put_in_the_farther_features_move(small_chest: Scan) -> None:
    of_two = strikes(small_chest, ATTACKERS.get("textured").make("inject"))
    hu = hu_volume(small_chest)
    signs = torch.randn(hu.shape, generator=torch.Generator().manual_seed(0)).sign()
    nothing, little, much = (of_two.values(hu + by * signs, features_moved) for by in (0, 2, 10))
    assert nothing.shape == (2,)
    assert (nothing < little - 1).all()
    assert (little < much).all()


def test_there_is_a_gradient(small_chest: Scan) -> None:
    of_two = strikes(small_chest, ATTACKERS.get("textured").make("inject"))
    cut = of_two.original
    added = torch.ones_like(cut.before).requires_grad_(True)
    changed = type(cut)(cut.before + added, cut.noise, cut.plans, cut.shape)
    (gradient,) = torch.autograd.grad(of_two.values(changed, features_moved).sum(), added)
    assert gradient.abs().sum() > 0


@dataclass
class Blank(Attacker):
    action: Action = "inject"
    name: str = "blank"

    def paint(self, cubes: torch.Tensor) -> torch.Tensor:
        return cubes


def test_an_attacker_without_a_known_encoder_is_refused(small_chest: Scan) -> None:
    of_two = strikes(small_chest, Blank())
    with pytest.raises(SettingsError, match="features are not known"):
        of_two.values(hu_volume(small_chest), features_moved)
