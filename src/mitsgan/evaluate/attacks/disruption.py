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
class Spread:
    """Mean, median, and the worst: the least disrupted position.

    A PSNR is infinite where nothing differs; None where that was read from JSON.
    """

    mean: float | None
    median: float | None
    worst: float | None


@dataclass(frozen=True)
class DisruptionRow:
    """A `Disruption` as results hold it.

    Attributes:
        n: how many positions.
        rmse_hu, psnr_db: the disruption.
        perturbation_rmse_hu: over all 32 mm cubes together.
        positions_rmse_hu: the disruption of every position.
    """

    n: int
    rmse_hu: Spread
    psnr_db: Spread
    perturbation_rmse_hu: float
    positions_rmse_hu: tuple[float, ...]


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

    def row(self) -> DisruptionRow:
        """For results."""
        rmse, energy = self.rmse_hu, self.energy
        decibels = [psnr(v) for v in rmse]
        return DisruptionRow(
            n=len(rmse),
            rmse_hu=Spread(fmean(rmse), median(rmse), min(rmse)),
            psnr_db=Spread(fmean(decibels), median(decibels), max(decibels)),
            perturbation_rmse_hu=energy,
            positions_rmse_hu=rmse,
        )


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
