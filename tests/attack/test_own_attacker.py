"""An attacker of anybody's own: what it may not do to the figures, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from mitsgan.attack import ATTACKERS, Attacker, Strikes, plan_attack
from mitsgan.attack.plan import Action
from mitsgan.errors import ExtensionError

CORE = slice(6, 26)


@dataclass(frozen=True, eq=False)
class Own(Attacker):
    """Paints what a function says."""

    painter: Callable[[Tensor], Tensor]
    action: Action = "inject"
    name: str = "own"

    def paint(self, cubes: Tensor) -> Tensor:
        return self.painter(cubes)


def cubes() -> Tensor:
    return torch.full((2, 32, 32, 32), -800.0)


@pytest.mark.parametrize(
    "painter, found",
    [
        (lambda c: c[:, CORE, CORE, CORE], r"Tensor of shape \[2, 20, 20, 20\]"),
        (lambda c: c[:, None], r"Tensor of shape \[2, 1, 32, 32, 32\]"),
        (lambda c: c.numpy(), r"ndarray of shape \[2, 32, 32, 32\]"),
        (lambda c: None, "NoneType"),
        (lambda c: c * float("nan"), "no finite numbers"),
        (lambda c: c / 0, "no finite numbers"),
    ],
)
def test_what_is_no_cube_is_refused_and_not_stretched_to_fit(
    painter: Callable[[Tensor], Tensor], found: str
) -> None:
    with pytest.raises(ExtensionError, match=f"the attacker 'own' painted .*{found}"):
        Own(painter).repaint(cubes())


def test_one_that_paints_in_place_changes_nothing_that_it_is_compared_with() -> None:
    def in_place(c: Tensor) -> Tensor:
        c[:, CORE, CORE, CORE] = 40
        return c

    rng = np.random.default_rng(0)
    hu = rng.normal(-850, 30, (64, 64, 64)).astype(np.float32)  # 1 mm: the cube is a view of it
    hu[:, :4] = hu[:, -4:] = 40
    volume = torch.from_numpy(hu)
    plans = [plan_attack(hu, (1.0, 1.0, 1.0), (32, 32, 32), "inject", in_body=True)]
    strikes = Strikes.at(volume, plans, Own(in_place))
    before = strikes.original.before.clone()
    (outcome,) = strikes.outcomes()
    assert torch.equal(strikes.original.before, before)
    assert float((outcome.cores - outcome.original_cores).mean()) > 200


class Actionless(Attacker):
    """Forgot that it is made for an action."""

    name = "actionless"

    def paint(self, cubes: Tensor) -> Tensor:
        return cubes


@dataclass(frozen=True, eq=False)
class Misspelt(Attacker):
    """Paints under another name."""

    action: Action
    name = "misspelt"

    def pant(self, cubes: Tensor) -> Tensor:
        return cubes


@pytest.mark.parametrize(
    "kind, found",
    [
        (Actionless, r"Actionless\(action\) makes none: too many positional arguments"),
        (Misspelt, r"it has no paint\(\)"),
    ],
)
def test_what_could_not_be_made_by_its_name_is_refused_at_once(
    kind: type[Attacker], found: str
) -> None:
    with pytest.raises(ExtensionError, match=f"cannot be registered as an attacker: {found}"):
        ATTACKERS.register(kind)  # type: ignore[arg-type]
