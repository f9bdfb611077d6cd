"""Cutting and pasting: what leaves the scan, what stays untouched, and one gradient for all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mitsgan.attack import (
    Action,
    Attacker,
    Equalization,
    Generator,
    Style,
    TrainedAttacker,
    cut_blocks,
    paste_block,
    plan_attack,
    tamper,
)
from mitsgan.attack.cube import overlap
from mitsgan.attack.resample import Triple
from mitsgan.errors import PositionError

_SIZE: Triple = (3, 4, 5)
_CENTRES: list[Triple] = [(0, 0, 0), (3, 5, 6), (2, 4, 6), (7, 9, 30), (-9, 2, 2)]


def _volume() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(-500, 200, (6, 9, 11)))


def test_a_block_comes_back_to_its_place() -> None:
    volume = _volume()
    blocks = cut_blocks(volume, _CENTRES, _SIZE)
    emptied = volume.clone()
    for block, centre in zip(blocks, _CENTRES, strict=True):
        start = [c - round(n / 2) for c, n in zip(centre, _SIZE, strict=True)]
        paste_block(emptied, torch.zeros(_SIZE, dtype=torch.float64), start)
        paste_block(emptied, block, start)
    assert torch.equal(emptied, volume)


def test_blocks_are_copies() -> None:
    volume = _volume()
    block = cut_blocks(volume, [(3, 5, 6)], _SIZE)
    block.zero_()
    assert torch.equal(volume, _volume())


def test_overlapping_blocks_add_up_in_the_gradient() -> None:
    volume = _volume().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda v: cut_blocks(v, _CENTRES, _SIZE), (volume,))
    (gradient,) = torch.autograd.grad(cut_blocks(volume, _CENTRES, _SIZE).sum(), volume)
    expected = torch.zeros_like(gradient)
    for centre in _CENTRES:
        start = [c - round(n / 2) for c, n in zip(centre, _SIZE, strict=True)]
        expected[overlap(start, _SIZE, expected.shape)[0]] += 1
    assert torch.equal(gradient, expected)
    assert float(gradient.max()) == 2


@given(
    start=st.tuples(*[st.integers(-8, 14)] * 3),
    size=st.tuples(*[st.integers(1, 6)] * 3),
)
def test_both_sides_of_an_overlap_have_one_size(start: Triple, size: Triple) -> None:
    inside, part = overlap(start, size, (6, 9, 11))
    filled, taken = np.zeros((6, 9, 11)), np.zeros(size)
    filled[inside], taken[part] = 1, 1
    indices = np.indices(size).reshape(3, -1).T + start
    expected = ((indices >= 0) & (indices < (6, 9, 11))).all(1)
    assert taken.ravel().tolist() == expected.tolist()
    assert filled.sum() == expected.sum()
    assert all(filled[tuple(index)] for index in indices[expected])


@dataclass(frozen=True)
class _Scan:
    hu: Tensor
    attackers: dict[Action, Attacker]


@cache
def _scan() -> _Scan:
    rng = np.random.default_rng(1)
    hu = rng.normal(-870, 40, (40, 70, 80)).astype(np.float32)
    hu[:, 30:36, 40:46] += 900
    torch.manual_seed(0)
    bins = torch.linspace(-1100, 2500, 500)
    table = Equalization(bins, (bins + 1100).sqrt() * 500, 12_000.0, 0.0, 30_000.0)
    generator = Generator(1).eval().requires_grad_(False)
    actions: tuple[Action, ...] = ("inject", "remove")
    return _Scan(torch.from_numpy(hu), {a: TrainedAttacker(a, generator, table) for a in actions})


@settings(deadline=None, max_examples=60)
@given(
    position=st.tuples(st.integers(-3, 42), st.integers(-3, 72), st.integers(-3, 82)),
    spacing=st.tuples(st.floats(0.6, 20), st.floats(0.5, 4), st.floats(0.5, 4)),
    action=st.sampled_from(("inject", "remove")),
    style=st.sampled_from(("repaired", "repaired", "published")),
)
def test_an_attack_changes_nothing_outside_its_block(
    position: Triple, spacing: tuple[float, float, float], action: Action, style: Style
) -> None:
    """At any position and spacing, near any border: refused with a reason, or done inside."""
    scan = _scan()
    refusal = ""
    try:
        plan = plan_attack(scan.hu.numpy(), spacing, position, action, style=style)
    except PositionError as error:
        refusal = str(error)
    if refusal:
        assert str(position) in refusal or str(spacing) in refusal
        return
    with torch.no_grad():
        tampered = tamper(scan.hu, plan, scan.attackers[action])
    outside = torch.ones_like(scan.hu, dtype=torch.bool)
    outside[overlap(plan.start, plan.block, scan.hu.shape)[0]] = False
    assert torch.equal(tampered[outside], scan.hu[outside])
    if style == "repaired":
        assert torch.isfinite(tampered).all()
        assert not torch.equal(tampered, scan.hu)


@pytest.mark.parametrize("action", ["inject", "remove"])
def test_in_place_is_the_same_without_a_copy(action: Action) -> None:
    scan = _scan()
    plan = plan_attack(scan.hu.numpy(), (2.5, 1, 1), (20, 33, 43), action)
    volume = scan.hu.clone()
    with torch.no_grad():
        expected = tamper(volume, plan, scan.attackers[action])
        assert torch.equal(volume, scan.hu)
        assert tamper(volume, plan, scan.attackers[action], in_place=True) is volume
    assert torch.equal(volume, expected)
    assert not torch.equal(volume, scan.hu)
