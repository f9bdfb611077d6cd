"""Attackers that are each somewhat otherwise, as what an ascent is made against."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.benchmarks.two_strikes import strikes

from diverse import Variant, more_remainder
from mitsgan.attack import ATTACKERS, hu_volume
from mitsgan.attack.networks.ctgan import CORE
from mitsgan.errors import SettingsError
from mitsgan.networks.golden import wave
from mitsgan.scan.scan import Scan

AS_IT_IS = Variant(magnification=1.0, moved=(0.0, 0.0, 0.0), dropped=0.0, seed=0)


def test_without_anything_otherwise_it_paints_as_it_is() -> None:
    remover, cubes = ATTACKERS.get("textured").make("remove"), wave(2, 32, 32, 32)
    with torch.no_grad():
        painted = remover.paint(cubes)[:, CORE, CORE, CORE]
        torch.testing.assert_close(AS_IT_IS.cores(remover, cubes), painted, atol=0.01, rtol=0)


def test_cubes_are_magnified_about_their_middle() -> None:
    cube = torch.full((1, 32, 32, 32), -800.0)
    cube[:, 11:21, 11:21, 11:21] = 0.0
    twice = replace(AS_IT_IS, magnification=2.0).cubes(cube)
    inside = (twice > -400).nonzero()[:, 1]
    assert (int(inside.min()), int(inside.max())) == (6, 25)


def test_cubes_are_moved_by_millimetres() -> None:
    cubes = wave(1, 32, 32, 32)
    moved = replace(AS_IT_IS, moved=(2 * 3 / 32, 0.0, 0.0)).cubes(cubes)  # three columns
    torch.testing.assert_close(moved[..., :-3], cubes[..., 3:], atol=0.1, rtol=0)


def test_gaps_change_what_is_painted() -> None:
    remover, cubes = ATTACKERS.get("textured").make("remove"), wave(1, 32, 32, 32)
    with torch.no_grad():
        whole, gaps = (
            replace(AS_IT_IS, dropped=share).cores(remover, cubes) for share in (0.0, 0.3)
        )
    assert (whole - gaps).abs().max() > 10


def test_the_same_batch_meets_the_same_variant(small_chest: Scan) -> None:
    of_two = strikes(small_chest, ATTACKERS.get("textured").make("remove"))
    hu = hu_volume(small_chest)
    signs = torch.randn(hu.shape, generator=torch.Generator().manual_seed(0)).sign()
    with torch.no_grad():
        nothing, little, again, much = (
            of_two.values(hu + by * signs, more_remainder) for by in (0, 2, 2, 20)
        )
    assert (nothing == 0).all()
    assert torch.equal(little, again)
    assert (little < much).all()


def test_only_attackers_that_are_known_have_variants(small_chest: Scan) -> None:
    of_two = strikes(small_chest, ATTACKERS.get("residual").make("remove"))
    with pytest.raises(SettingsError, match="no CT-GAN"):
        of_two.values(hu_volume(small_chest) + 1, more_remainder)
