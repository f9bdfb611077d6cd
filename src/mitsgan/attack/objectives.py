"""What a perturbation can be made for: each says how badly attacks fail, the larger the worse.

All but the first are directed: they ask for one outcome, the same for all positions, where a
distance lets every position choose its own way, and neighbours that share voxels cancel each
other. They need no attack on the scan as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from mitsgan.attack.strikes import Objective, Outcome, disruption, rms
from mitsgan.errors import SettingsError

Goal: TypeAlias = Literal["distance", "excess", "unchanged", "remainder", "judged"]
"""What objectives are called in settings.

- ``distance``: what is painted is far from what is painted into the scan as it was.
- ``excess``: little is painted that is brighter than the scan: the nodule shrinks.
- ``unchanged``: what is painted is what was there: neither nodule nor its removal.
- ``remainder``: something bright is left where a nodule was taken away.
- ``judged``: judges do not believe it: no nodule where one was painted, one where it was removed.
"""

_SCALE_HU = 10.0
"""From here on it is the ratio that counts, so that positions that resist weigh as much as others
do."""


def logarithm(hu: Tensor) -> Tensor:
    """Of differences in HU: 0 where there is none, and nearly in proportion to small ones."""
    return torch.log1p(hu / _SCALE_HU)


def brighter_hu(cores: Tensor, reference: Tensor) -> Tensor:
    """By how much cores ``[b, z, y, x]`` are brighter: mean of what is, over the core, ``[b]``."""
    return (cores - reference).relu().mean((1, 2, 3))


def distance(outcome: Outcome) -> Tensor:
    """Logarithm of the disruption, ``[b]``."""
    return logarithm(disruption(outcome))


def excess_hu(outcome: Outcome) -> Tensor:
    """What is painted beyond the scan: the mean over the core of its brighter part, ``[b]``, HU."""
    return brighter_hu(outcome.cores, outcome.original_cores)


def less_excess(outcome: Outcome) -> Tensor:
    """Minus the logarithm of `excess_hu`, ``[b]``: shrink what is painted."""
    return -logarithm(excess_hu(outcome))


def unchanged(outcome: Outcome) -> Tensor:
    """Minus the logarithm of the RMSE from the scan as it was, ``[b]``: the attack does nothing."""
    return -logarithm(rms(outcome.cores - outcome.original_cores))


def remainder_hu(outcome: Outcome) -> Tensor:
    """What is brighter than the attack on the scan as it was left it: mean over the core, HU."""
    return brighter_hu(outcome.cores, outcome.reference)


def more_remainder(outcome: Outcome) -> Tensor:
    """Logarithm of `remainder_hu`, ``[b]``: a removal leaves something to see."""
    return logarithm(remainder_hu(outcome))


def painted_as(target_hu: float) -> Objective:
    """Minus the logarithm of the RMSE from one density: attackers are to paint that, anywhere."""

    def objective(outcome: Outcome) -> Tensor:
        return -logarithm(rms(outcome.cores - target_hu))

    return objective


Judge: TypeAlias = Callable[[Tensor], Tensor]
"""The logit of a nodule in cubes ``[b, 32, 32, 32]`` in HU at 1 mm, ``[b]``; differentiable."""


def unconvincing(judges: Sequence[Judge]) -> Objective:
    """Judges do not believe what is painted: minus their mean logit; plus it, for a removal."""

    def objective(outcome: Outcome) -> Tensor:
        cubes = outcome.cubes
        logit = torch.stack([judge(cubes) for judge in judges]).mean(0)
        return logit if outcome.strikes.attacker.action == "remove" else -logit

    return objective


OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        "distance": distance,
        "excess": less_excess,
        "unchanged": unchanged,
        "remainder": more_remainder,
    }
)
"""Those that need nobody's judgement, by `Goal`."""


def objective_of(goal: Goal, judges: Sequence[Judge] = ()) -> Objective:
    """The objective of that name; ``judges`` are asked where it is ``judged``.

    Raises:
        SettingsError: it is judged, and there are no judges.
    """
    if goal != "judged":
        return OBJECTIVES[goal]
    if not judges:
        raise SettingsError("whether attacks convince needs somebody to judge; name classifiers")
    return unconvincing(judges)
