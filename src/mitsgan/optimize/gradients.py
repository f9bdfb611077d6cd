"""Gradients of an objective at many positions, computed side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from mitsgan.attack import BATCH, Plan, cut_blocks
from mitsgan.attack.variety import Variety
from mitsgan.networks.precision import half_where_fast
from mitsgan.optimize.attacked_scan import AttackedScan, Threat

PROCESSED = 0.3
"""Share of varied attacks on a scan that was slightly blurred, or got more noise."""


class Gradients:
    """Attacks in batches, on all cores: one batch a thread, and each thread on one core.

    Several cores on one batch would wait for each other most of the time. The batches, and so the
    result, do not depend on how many threads there are. Networks compute in bfloat16 where the
    device does so natively: a sign needs no more.

    Args:
        scan: what is attacked.
        varied: whether each batch is attacked somewhat otherwise.
    """

    def __init__(self, scan: AttackedScan, *, varied: bool = False) -> None:
        self._scan = scan
        self._varied = varied
        self._before = torch.get_num_threads()
        self._threads = self._before if scan.hu.device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(self._threads)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._before)

    def at(
        self,
        threat: Threat,
        plans: Sequence[Plan],
        perturbation: Tensor,
        rng: np.random.Generator,
    ) -> Iterator[tuple[Plan, Tensor]]:
        """The gradient of the threat's objective at each plan, in its block ``[z, y, x]``.

        All are of the same mean size: a position counts as much as any other.
        """
        if self._pool is None:
            raise RuntimeError("gradients are computed inside a `with` block")
        batches = [plans[first : first + BATCH] for first in range(0, len(plans), BATCH)]
        seeds: list[int | None] = [None] * len(batches)
        if self._varied:
            seeds = rng.integers(2**62, size=len(batches)).tolist()

        def compute(batch: Sequence[Plan], seed: int | None) -> Tensor:
            return self._batch(threat, batch, perturbation, seed)

        for batch, blocks in zip(batches, self._pool.map(compute, batches, seeds), strict=True):
            yield from zip(batch, blocks, strict=True)
        self._scan.references.settle()

    def _batch(
        self, threat: Threat, plans: Sequence[Plan], perturbation: Tensor, seed: int | None
    ) -> Tensor:
        centres = [plan.position for plan in plans]
        # What is stored are whole numbers: the step is judged by them, and taken where they come
        # from.
        added = cut_blocks(perturbation, centres, plans[0].block, outside=0.0).round_()
        added.requires_grad_(True)
        strikes = self._scan.strikes(plans, threat.attacker)
        changed = replace(strikes.original, before=strikes.original.before + added)
        if seed is not None:
            variety = Variety.draw(torch.Generator().manual_seed(seed), PROCESSED)
            strikes = variety.strikes(strikes.original, threat.attacker)
            changed = variety.cut(changed)
        with half_where_fast(added.device):
            value = strikes.values(changed, threat.objective)
        (gradient,) = torch.autograd.grad(value.sum(), added)
        size = gradient.abs().mean((1, 2, 3), keepdim=True)
        gradient /= size.clamp_min(torch.finfo(gradient.dtype).tiny)
        return gradient
