"""How convincing an attacker is to the nodule classifier, over the whole pipeline, in real lung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

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
        remover wants it to be 0.
    """
    rng = np.random.default_rng(seed)
    random = torch.Generator().manual_seed(seed)
    before, after = [], []
    lungs = volumes(scans, thicknesses=())
    for volume in lungs:
        wanted = -(-positions // len(lungs))
        for first in range(0, wanted, BATCH):
            count = min(BATCH, wanted - first)
            cut = _cut(volume, count, attacker.action, rng, random)
            with torch.no_grad():
                (outcome,) = Strikes(cut, attacker).outcomes()
            before.append(classifier.is_nodule(cut.cubes(cut.before)))
            after.append(classifier.is_nodule(outcome.cubes))
    called, still = torch.cat(before), torch.cat(after)
    return {
        "positions": float(len(called)),
        "nodule_before": float(called.float().mean()),
        "nodule_after": float(still.float().mean()),
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
