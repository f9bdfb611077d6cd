"""How far an attacker's result on a protected scan is from its result on the original."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import torch
from torch import Tensor

from mitsgan.attack import Attacker, Cut, Plan, Strikes, Variant, cut_plans, tamper_cut
from mitsgan.evaluate.metrics.fidelity import psnr
from mitsgan.optimize.known import perturb_known


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
    strikes = Strikes.at(original, plans, attacker, variant=variant)
    return _measured(strikes, cut_plans(protected, plans))


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
    strikes = Strikes.at(original, plans, attacker, variant=variant)
    return _measured(strikes, perturb_known(strikes, max_hu, steps=steps, seed=seed))


def _measured(strikes: Strikes, changed: Cut) -> Disruption:
    with torch.no_grad():
        rmse, moved = strikes.rmse(changed), strikes.moved(changed)
    return Disruption(tuple(rmse.tolist()), tuple(moved.tolist()))
