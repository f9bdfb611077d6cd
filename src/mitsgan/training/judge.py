"""How convincing an attacker is over the whole pipeline, in real lung: to the nodule classifier,
and by the lumps that are there before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mitsgan.anatomy.lumps import are_lumps, lumps_mm3
from mitsgan.attack import BATCH, Action, Attacker, Cut, Strikes, cut_plans, plan_attack
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cubes import Volume, volumes
from mitsgan.training.data.nodule_kinds import KINDS, nodule

SMALLEST_MM, LARGEST_MM = 8.0, 16.0
"""Diameters of the nodules that a remover is to take away; the published ones go to 16 mm."""


def judge_attacker(
    attacker: Attacker,
    classifier: NoduleClassifier,
    scans: Sequence[Scan],
    *,
    positions: int = 64,
    seed: int = 0,
) -> dict[str, float]:
    """Tamper at random lung positions of unseen scans, and let the classifier say what is there.

    An injector strikes lung as it is. A remover strikes where a synthetic nodule of 8 to 16 mm
    was planted before.

    Returns:
        ``positions`` (over all scans); ``nodule_before`` and ``nodule_after``, the share of cubes
        called nodule before and after the attack. An injector wants the second to be 1; a
        remover wants it to be 0. ``lump_before`` and ``lump_after``, the share that holds a lump;
        after an injection, one that was not there before.
    """
    rng = np.random.default_rng(seed)
    random = torch.Generator().manual_seed(seed)
    before, after = [], []
    lump_before: list[bool] = []
    lump_after: list[bool] = []
    lungs = volumes(scans, thicknesses=())
    for volume in lungs:
        wanted = -(-positions // len(lungs))
        for first in range(0, wanted, BATCH):
            count = min(BATCH, wanted - first)
            cut = _cut(volume, count, attacker.action, rng, random)
            with torch.no_grad():
                (outcome,) = Strikes(cut, attacker).outcomes()
            was, cubes = cut.cubes(cut.before), outcome.cubes
            before.append(classifier.is_nodule(was))
            after.append(classifier.is_nodule(cubes))
            there = was.cpu().numpy()
            beyond = there if attacker.action == "inject" else None
            lump_before += are_lumps(lumps_mm3(there))
            lump_after += are_lumps(lumps_mm3(cubes.cpu().numpy(), beyond))
    called, still = torch.cat(before), torch.cat(after)
    return {
        "positions": float(len(called)),
        "nodule_before": float(called.float().mean()),
        "nodule_after": float(still.float().mean()),
        "lump_before": sum(lump_before) / len(called),
        "lump_after": sum(lump_after) / len(called),
    }


def _cut(
    volume: Volume, count: int, action: Action, rng: np.random.Generator, random: torch.Generator
) -> Cut:
    hu = volume.hu.numpy()
    places = [volume.position(rng) for _ in range(count)]
    cut = cut_plans(volume.hu, [plan_attack(hu, volume.spacing, place, action) for place in places])
    if action == "inject":
        return cut
    planted = [_planted(block, volume.spacing, random) for block in cut.before]
    return replace(cut, before=torch.stack(planted))


def _planted(block: Tensor, spacing: Sequence[float], random: torch.Generator) -> Tensor:
    kind = KINDS[int(torch.randint(len(KINDS), (), generator=random))]
    share = float(torch.rand((), generator=random))
    diameter = SMALLEST_MM + share * (LARGEST_MM - SMALLEST_MM)
    return nodule(block.shape, kind, diameter, random, spacing=spacing).put_into(block)
