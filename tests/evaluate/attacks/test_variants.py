"""Attackers who know the method: what each changes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluate.untrained import attacker
from torch import Tensor

from mitsgan.attack import Attacker, Cut, cut_plans, plan_attack, tamper_cut
from mitsgan.errors import PositionError
from mitsgan.evaluate.attacks import variants as adaptive
from mitsgan.evaluate.attacks.variants import SHIFTS, VARIANTS, VariantError, variant
from mitsgan.evaluate.purify import filters
from mitsgan.phantom.chest import chest
from mitsgan.protect.patches import PATCH
from mitsgan.protect.wave import CYCLES_PER_MM

POSITIONS = [(10, 64, 45), (10, 67, 96)]
OTHERS = [name for name in VARIANTS if name != "plain"]


@pytest.fixture(scope="module")
def cut() -> Cut:
    """Two places of lung, to be removed from; voxels of 3 x 2.5 x 2.5 mm."""
    scan = chest((20, 128, 128), (3.0, 2.5, 2.5), seed=2)
    hu = scan.hu().clip(-1024)
    plans = [plan_attack(hu, scan.spacing, p, "remove") for p in POSITIONS]
    return cut_plans(torch.from_numpy(hu), plans)


@pytest.fixture(scope="module")
def remover() -> Attacker:
    return attacker("remove")


def tampered(name: str, cut: Cut, remover: Attacker) -> Tensor:
    with torch.no_grad():
        return variant(name)(cut, remover)


def test_plain_is_the_attack_itself() -> None:
    assert VARIANTS["plain"] is tamper_cut


def test_an_unknown_variant_is_refused_with_those_that_are() -> None:
    with pytest.raises(VariantError, match="denoise-gaussian"):
        variant("denoise")


@pytest.mark.parametrize("name", OTHERS)
def test_every_variant_tampers_otherwise_and_repeats(
    name: str, cut: Cut, remover: Attacker
) -> None:
    untouched = cut.before.clone()
    result = tampered(name, cut, remover)
    assert result.shape == cut.before.shape
    assert torch.isfinite(result).all()
    assert torch.equal(result, tampered(name, cut, remover))
    assert torch.equal(cut.before, untouched)
    core = (slice(None), *cut.plans[0].core_in_block)
    assert (result - cut.before)[core].abs().mean() > 10, "really tampers"
    plain = tampered("plain", cut, remover)
    assert (result - plain)[core].abs().max() > 0.5, "and not as the plain attack does"


@pytest.mark.parametrize("name", OTHERS)
def test_every_variant_lets_a_gradient_through(name: str, cut: Cut, remover: Attacker) -> None:
    leaf = cut.before.clone().requires_grad_(True)
    core = (slice(None), *cut.plans[0].core_in_block)
    energy = variant(name)(replace(cut, before=leaf), remover)[core].square().sum()
    (gradient,) = torch.autograd.grad(energy, leaf)
    assert torch.isfinite(gradient).all()
    shell = (slice(None), *cut.plans[0].cube_in_block)
    assert gradient[shell].abs().sum() > 0


@pytest.mark.parametrize("name", ["denoise-gaussian", "denoise-median", "denoise-nlm"])
def test_denoising_takes_noise_from_what_the_generator_sees_only(
    name: str, cut: Cut, remover: Attacker
) -> None:
    noise = 10 * torch.randn(cut.before.shape, generator=torch.Generator().manual_seed(3))
    noisy = replace(cut, before=cut.before + noise)
    spread = [
        (tampered(kind, noisy, remover) - tampered(kind, cut, remover)) for kind in ("plain", name)
    ]
    core = (slice(None), *cut.plans[0].core_in_block)
    assert spread[1][core].std() < spread[0][core].std()
    # At the block's corners the remover changes nothing: there the scan keeps its noise.
    corner = (slice(None), slice(None), slice(0, 1), slice(0, 1))
    assert torch.allclose(tampered(name, noisy, remover)[corner], noisy.before[corner], atol=1e-3)


def test_the_generator_is_shown_what_the_purifiers_make(
    cut: Cut, remover: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Tensor] = []

    def seen(cut: Cut, attacker: Attacker, shift: object) -> Tensor:
        shown.append(cut.before)
        return cut.before

    monkeypatch.setattr(adaptive, "paint_cut", seen)
    z, y, x = (adaptive.DENOISE_MM * n / 32 for n in cut.plans[0].cube)
    for name, stated in (
        ("denoise-gaussian", lambda block: filters.gaussian(block, (z, y, x))),
        ("denoise-median", filters.median),
        ("denoise-nlm", lambda block: filters.non_local_means(block, adaptive.DENOISE_HU)),
    ):
        tampered(name, cut, remover)
        expected = np.stack([stated(block.numpy()) for block in cut.before])
        inner = (slice(None), slice(2, -2), slice(4, -4), slice(4, -4))  # 3 or 4 sigma apart
        np.testing.assert_allclose(shown.pop().numpy()[inner], expected[inner], atol=2)


@pytest.mark.parametrize(
    "name, what",
    [(n, n) for n in ("notch", "comb", "flatten")]
    + [("filters", n) for n in ("notch", "comb", "flatten")],
)
def test_what_is_known_of_a_protector_is_taken_away_and_little_else(
    name: str, what: str, remover: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = torch.randn((40, 100, 100), generator=torch.Generator().manual_seed(1))
    plan = plan_attack((40 * noise - 850).numpy(), (2.0, 0.7, 0.7), (20, 50, 50), "remove")
    cut = cut_plans(40 * noise - 850, [plan])
    shown: list[Tensor] = []

    def seen(cut: Cut, attacker: Attacker, shift: object) -> Tensor:
        shown.append(cut.before)
        return cut.before

    monkeypatch.setattr(adaptive, "paint_cut", seen)
    height, width = cut.before.shape[-2:]
    if what == "notch":
        rows, columns = (torch.arange(n) * 32 / cut.plans[0].cube[1] for n in (height, width))
        angles = 2 * torch.pi * CYCLES_PER_MM
        pattern = torch.sin(angles * rows + 1)[:, None] + torch.sin(angles * columns + 2)
    elif what == "flatten":
        pattern = torch.sin(2 * torch.pi * torch.arange(width) * 32 / cut.plans[0].cube[2] / 32)
    else:
        patch = torch.randn((PATCH, PATCH), generator=torch.Generator().manual_seed(0))
        repeats = (height // PATCH + 1, width // PATCH + 1)
        pattern = (patch - patch.mean()).repeat(repeats)[:height, :width]
    wave = (5 * pattern).expand_as(cut.before)
    for before in (cut.before, cut.before + wave):
        tampered(name, replace(cut, before=before), remover)
    without, with_wave = shown
    left = 0.4 if what == "flatten" else 0.15  # smoothing leaves a part of what is slow
    assert (with_wave - without).square().mean().sqrt() < left * wave.square().mean().sqrt()
    assert (without - cut.before).square().mean().sqrt() < 0.4 * finest_detail(cut)


def finest_detail(cut: Cut) -> Tensor:
    """Standard deviation of the finest detail of a block."""
    fine = cut.before - torch.nn.functional.avg_pool3d(cut.before[:, None], 3, 1, 1)[:, 0]
    return fine[..., 2:-2, 2:-2].std()


def test_shifts_are_undone_before_the_mean(
    cut: Cut, remover: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inpainter that changes nothing gives the scan back, whatever its shift."""
    asked: list[tuple[float, float, float]] = []

    def nothing(cut: Cut, attacker: Attacker, shift: tuple[float, float, float]) -> Tensor:
        asked.append(shift)
        return cut.before

    monkeypatch.setattr(adaptive, "paint_cut", nothing)
    painted = variant("shifts")(replace(cut, noise=0 * cut.noise), remover)
    where = (slice(None), *cut.plans[0].cube_in_block)
    assert torch.allclose(painted[where], cut.before[where], atol=1e-2)
    assert len(asked) == len(SHIFTS) == 9
    assert sorted(set(asked)) == [
        (-0.5, 0, 0),
        *((0, v, v) for v in (-0.5, 0, 0.5)),
        (0.5, 0, 0),
    ]


def test_low_frequency_keeps_the_fine_detail(cut: Cut, remover: Attacker) -> None:
    def fine(block: Tensor) -> Tensor:
        return block[..., 2:] - 2 * block[..., 1:-1] + block[..., :-2]

    changes = [
        fine(tampered(name, cut, remover) - cut.before).std() for name in ("plain", "low-frequency")
    ]
    assert changes[1] < 0.5 * changes[0]


@pytest.mark.parametrize("name", [n for n in OTHERS if n != "low-frequency"])
def test_a_published_plan_is_refused(name: str, cut: Cut, remover: Attacker) -> None:
    plans = tuple(replace(plan, style="published") for plan in cut.plans)
    with pytest.raises(PositionError, match="repaired style"):
        variant(name)(replace(cut, plans=plans), remover)
