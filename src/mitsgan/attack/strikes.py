"""What attacks make of a scan and of changed versions of it: the one engine of disruption.

Evaluation, benchmark, optimisation, training and pictures all strike through it, so that none of
them can measure something else than the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.plan import Plan
from mitsgan.attack.resample import Shift
from mitsgan.attack.tamper import UNMOVED, Cut, cut_plans, tamper_cut
from mitsgan.scan.scan import AIR_HU, Scan

BATCH = 8
"""Attacks that are computed at a time."""

_SMALLEST = 1e-12  # HU squared; keeps the gradient finite where nothing differs


class Variant(Protocol):
    """An attack on blocks that are already cut, as `mitsgan.attack.tamper_cut`."""

    def __call__(self, cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
        """``[b, *block]`` in HU, tampered with; differentiable in ``cut.before``."""
        ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """One batch of attacks on a version of a scan, as an `Objective` sees it.

    Attributes:
        strikes: the same attacks on the scan as it was.
        changed: what they took from the version.
        tampered: what they made of that, ``[b, *block]`` in HU.
    """

    strikes: Strikes
    changed: Cut
    tampered: Tensor

    @property
    def cores(self) -> Tensor:
        """What was painted into the 20 mm cores, ``[b, z, y, x]`` in HU."""
        return self.changed.cores(self.tampered)

    @property
    def cubes(self) -> Tensor:
        """The 32 mm cubes at 1 mm, ``[b, 32, 32, 32]`` in HU."""
        return self.changed.cubes(self.tampered)

    @property
    def original_cores(self) -> Tensor:
        """The cores of the scan as it was, before any attack, ``[b, z, y, x]`` in HU."""
        return self.strikes.original.cores(self.strikes.original.before)

    @property
    def reference(self) -> Tensor:
        """What the attacks paint into the cores of the scan as it was, ``[b, z, y, x]`` in HU."""
        return self.strikes.reference


Objective = Callable[[Outcome], Tensor]
"""What a perturbation is to make large: one value per attack, ``[b]``, differentiable."""


def disruption(outcome: Outcome) -> Tensor:
    """RMSE in the core between what is painted and the reference, ``[b]`` in HU."""
    return rms(outcome.cores - outcome.reference)


def rms(difference: Tensor, smallest: float = _SMALLEST) -> Tensor:
    """Of every item of ``[b, z, y, x]``; ``smallest`` is added to the mean square."""
    return (difference.square().mean((1, 2, 3)) + smallest).sqrt()


class References:
    """Remembers what attackers made of one scan, for positions that come again.

    What is new is remembered once `settle` is called. Until then several threads may ask: which
    attacks are computed together, and so how they are rounded, does not depend on who asks first.

    Args:
        most: positions that are remembered.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._cores: dict[_Key, Tensor] = {}
        self._new: list[tuple[_Key, Tensor]] = []
        self._whose: dict[int, object] = {}  # so that no other object gets their number

    def cores(self, cut: Cut, attacker: Attacker, variant: Variant) -> Tensor:
        """What the attacks paint, ``[b, z, y, x]`` in HU; only those are made that are new."""
        self._whose |= {id(attacker): attacker, id(variant): variant}
        keys = [(id(attacker), id(variant), plan) for plan in cut.plans]
        new = [number for number, key in enumerate(keys) if key not in self._cores]
        painted: dict[_Key, Tensor] = {}
        if new:
            part = cut.part(new)
            with _exactly(part.before):
                cores = part.cores(variant(part, attacker))
            painted = {keys[number]: core for number, core in zip(new, cores, strict=True)}
            self._new += [(key, core.clone()) for key, core in painted.items()]
        return torch.stack([painted[key] if key in painted else self._cores[key] for key in keys])

    def settle(self) -> None:
        """Remember what is new."""
        for key, core in sorted(self._new, key=lambda item: item[0][2].position):
            if len(self._cores) < self._most:
                self._cores[key] = core
        self._new.clear()


_Key = tuple[int, int, Plan]


@dataclass(frozen=True, eq=False)
class Strikes:
    """The same attacks on a scan and on whatever was made of it.

    Versions of the scan are given as volumes ``[z, y, x]`` in HU, or as what was already cut from
    one by the same plans. Everything is differentiable in them, and deterministic.

    Attributes:
        original: what the attacks take from the scan as it was.
        attacker: of the plans' action.
        variant: how the attacker goes about it.
        references: remembers positions over several of these; None remembers but its own.
    """

    original: Cut
    attacker: Attacker
    variant: Variant = tamper_cut
    references: References | None = None

    @classmethod
    def at(
        cls,
        volume: Tensor,
        plans: Sequence[Plan],
        attacker: Attacker,
        *,
        variant: Variant = tamper_cut,
    ) -> Strikes:
        """Attacks on a scan ``[z, y, x]`` in HU.

        Raises:
            PositionError: the plans do not belong together; see `cut_plans`.
        """
        return cls(cut_plans(volume, plans), attacker, variant)

    def __len__(self) -> int:
        return len(self.original.plans)

    @property
    def parts(self) -> tuple[Strikes, ...]:
        """The same in batches, in order; what is computed at a time."""
        # Kept only where they are others: one that kept itself would stay until cycles are
        # looked for, with all its blocks, and a training would hold gigabytes of them.
        return (self,) if len(self) <= BATCH else self._parts

    @cached_property
    def _parts(self) -> tuple[Strikes, ...]:
        rows = [slice(first, first + BATCH) for first in range(0, len(self), BATCH)]
        return tuple(replace(self, original=self.original.part(part)) for part in rows)

    @cached_property
    def reference(self) -> Tensor:
        """What the attacks paint into the cores of the scan as it was, ``[n, z, y, x]`` in HU."""
        if len(self.parts) > 1:
            return torch.cat([part.reference for part in self.parts])
        if self.references is not None:
            return self.references.cores(self.original, self.attacker, self.variant)
        with _exactly(self.original.before):
            return self.original.cores(self.variant(self.original, self.attacker)).clone()

    def outcomes(self, changed: Tensor | Cut | None = None) -> Iterator[Outcome]:
        """Attack a version of the scan, by default the scan as it was, batch by batch.

        Raises:
            PositionError: the plans say another action than the attacker's.
        """
        cut = self._cut(changed)
        first = 0
        for part in self.parts:
            own = cut.part(slice(first, first + len(part)))
            own = replace(own, plans=part.original.plans)
            yield Outcome(part, own, self.variant(own, self.attacker))
            first += len(part)

    def of(self, changed: Tensor | Cut) -> Tensor:
        """What the attacks paint into the cores of a version, ``[n, z, y, x]`` in HU."""
        return torch.cat([outcome.cores for outcome in self.outcomes(changed)])

    def values(self, changed: Tensor | Cut, objective: Objective) -> Tensor:
        """An objective of every attack on a version, ``[n]``."""
        return torch.cat([objective(outcome) for outcome in self.outcomes(changed)])

    def rmse(self, changed: Tensor | Cut) -> Tensor:
        """Disruption of the core by what was done to the scan, ``[n]`` in HU."""
        return self.values(changed, disruption)

    def moved(self, changed: Tensor | Cut, *, core: bool = False) -> Tensor:
        """RMSE of what was done to the scan in the 32 mm cubes, or cores, ``[n]`` in HU."""
        return moved_hu(self.original, self._cut(changed), core=core)

    def _cut(self, changed: Tensor | Cut | None) -> Cut:
        if changed is None:
            return self.original
        return changed if isinstance(changed, Cut) else cut_plans(changed, self.original.plans)


@contextmanager
def _exactly(like: Tensor) -> Iterator[None]:
    """Without gradients, and in full precision whatever surrounds it: bfloat16 alone is 10 HU."""
    with torch.no_grad(), torch.autocast(like.device.type, enabled=False):
        yield


def moved_hu(before: Cut, after: Cut, *, core: bool = False) -> Tensor:
    """RMSE between two versions of a scan in the 32 mm cubes, or cores, ``[b]`` in HU."""
    plan = before.plans[0]
    where = plan.core_in_block if core else plan.cube_in_block
    return rms((after.before - before.before)[(slice(None), *where)], smallest=0.0)


def hu_volume(scan: Scan) -> Tensor:
    """A scan as attackers see it: HU ``[z, y, x]``, padding and what is no number as air."""
    hu = scan.hu()
    if not scan.is_integer:
        np.nan_to_num(hu, copy=False, nan=AIR_HU)
    return torch.from_numpy(hu.clip(AIR_HU))
