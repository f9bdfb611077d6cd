"""How far an attacker's result on a protected scan is from its result on the original."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import torch
from torch import Tensor

from mitsgan.attack import Attacker, Cut, Plan, cut_blocks, cut_plans, tamper_cut
from mitsgan.evaluate.attacks.variants import Variant
from mitsgan.evaluate.metrics.fidelity import psnr
from mitsgan.protect.pgd import pgd

BATCH = 8


@dataclass(frozen=True)
class Disruption:
    """One value per position, inside the repainted 20 mm core.

    Attributes:
        rmse_hu: disruption.
        perturbation_hu: RMSE of the perturbation in the 32 mm cube around the position.
    """

    rmse_hu: tuple[float, ...]
    perturbation_hu: tuple[float, ...]

    @property
    def energy(self) -> float:
        """RMSE of the perturbation over all cubes together, HU."""
        return math.sqrt(fmean(v**2 for v in self.perturbation_hu))

    def summary(self) -> dict[str, object]:
        """Mean, median and worst (the least disrupted position), for results."""
        rmse = self.rmse_hu
        energy = self.energy
        return {
            "n": len(rmse),
            "rmse_hu": {"mean": fmean(rmse), "median": median(rmse), "worst": min(rmse)},
            "psnr_db": {
                "mean": fmean(psnr(v) for v in rmse),
                "median": median(psnr(v) for v in rmse),
                "worst": max(psnr(v) for v in rmse),
            },
            "perturbation_rmse_hu": energy,
            "gain": median(rmse) / energy if energy else 0.0,
            "positions_rmse_hu": list(rmse),
        }


def disruption(
    original: Tensor,
    protected: Tensor,
    plans: Sequence[Plan],
    attacker: Attacker,
    *,
    variant: Variant = tamper_cut,
) -> Disruption:
    """Attack both scans ``[z, y, x]`` (HU) by the same plans, and compare the cores."""
    rmse: list[float] = []
    moved: list[float] = []
    for chunk in _chunks(plans):
        before, after = cut_plans(original, chunk), cut_plans(protected, chunk)
        with torch.no_grad():
            results = [_core(variant(cut, attacker), cut) for cut in (before, after)]
        rmse += _apart(*results).tolist()
        moved += _moved(before, after)
    return Disruption(tuple(rmse), tuple(moved))


def pgd_disruption(
    original: Tensor,
    plans: Sequence[Plan],
    attacker: Attacker,
    max_hu: float | Tensor,
    steps: int,
    seed: int,
    *,
    variant: Variant = tamper_cut,
) -> Disruption:
    """What a perturbation reaches that was optimised for each position and this attacker.

    An upper control, not a protection: whoever protects does not know where the attack comes.
    The budget ``max_hu`` is one number, or one for every voxel of ``original``.
    """
    rmse: list[float] = []
    moved: list[float] = []
    for number, chunk in enumerate(_chunks(plans)):
        before = cut_plans(original, chunk)
        with torch.no_grad():
            reference = _core(variant(before, attacker), before)

        def objective(hu: Tensor, cut: Cut = before, reference: Tensor = reference) -> Tensor:
            return _apart(_core(variant(replace(cut, before=hu), attacker), cut), reference)

        bound = max_hu
        if isinstance(max_hu, Tensor):
            bound = cut_blocks(max_hu, [p.position for p in chunk], chunk[0].block, 0.0)
        best = pgd(before.before, objective, bound, steps=steps, seed=seed + number)
        after = replace(before, before=before.before + best)
        with torch.no_grad():
            rmse += objective(after.before).tolist()
        moved += _moved(before, after)
    return Disruption(tuple(rmse), tuple(moved))


def _core(blocks: Tensor, cut: Cut) -> Tensor:
    """The 20 mm cores in blocks ``[b, *block]``."""
    return blocks[(slice(None), *cut.plans[0].core_in_block)]


def _apart(first: Tensor, second: Tensor) -> Tensor:
    """RMSE of each position, ``[b]`` in HU."""
    return ((first - second).square().mean((1, 2, 3)) + 1e-12).sqrt()


def _moved(before: Cut, after: Cut) -> list[float]:
    where = (slice(None), *before.plans[0].cube_in_block)
    moved = (after.before - before.before)[where].square().mean((1, 2, 3)).sqrt()
    return [float(v) for v in moved]


def _chunks(plans: Sequence[Plan]) -> list[Sequence[Plan]]:
    return [plans[i : i + BATCH] for i in range(0, len(plans), BATCH)]
