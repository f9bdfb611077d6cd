"""Train TAFIM (Aneja et al. 2022) through the attackers: a baseline.

``MSE(M(x + d_net), y) + MSE(M(x + d_global), y) + 10 (|d_net|^2 + |d_global|^2)``: what an attacker
M paints is to become one constant density y. What differs from the release is in docs/baselines.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from mitsgan.attack import Attacker, Cut, cut_blocks, cut_plans, plan_attack, tamper_cut
from mitsgan.attack.cube import overlap
from mitsgan.attack.resample import Triple
from mitsgan.protect.baselines.slices import UNIT, UNIT_HU, to_unit
from mitsgan.protect.baselines.tafim import TafimNet, added_hu
from mitsgan.scan.scan import Scan
from mitsgan.training.config import TafimConfig
from mitsgan.training.data.crops import square_around
from mitsgan.training.data.cubes import volumes
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop


def train_tafim(
    scans: Sequence[Scan],
    attackers: Sequence[Attacker],
    config: TafimConfig,
    run: Run,
) -> TafimNet:
    """Train at random lung positions of ``scans``.

    Returns:
        The net, in evaluation mode.
    """
    data = volumes(scans, thicknesses=())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = TafimNet(config.width)
        net.apply(_initialize)
    device = run.worker.device
    net.train().to(device)
    learner = Learner(net, torch.optim.Adam(net.parameters(), config.rate))

    def step(number: int, random: torch.Generator) -> dict[str, float]:
        pick, seed = torch.randint(2**31, (2,), generator=random).tolist()
        volume, attacker = data[pick % len(data)], attackers[number % len(attackers)]
        position = volume.position(np.random.default_rng(seed))
        plan = plan_attack(volume.hu.numpy(), volume.spacing, position, attacker.action)
        cut = cut_plans(volume.hu, [plan]).to(device)
        seen = overlap(
            [
                first + part.start
                for first, part in zip(plan.start, plan.cube_in_block, strict=True)
            ],
            plan.cube,
            volume.hu.shape,
        )[0][0]
        shape = volume.hu.shape[1:]
        whole = not config.crop or (config.whole_every and (number + 1) % config.whole_every == 0)
        part = square_around(position, max(shape) if whole else config.crop, shape)
        unit = to_unit(volume.hu[(seen, *part)].to(device), *UNIT)[:, None]
        universal = net.universal(*shape)[(..., *part)]
        start = (seen.start, part[0].start, part[1].start)
        losses = {}
        for name, output in (("net", net(unit, universal)), ("global", universal)):
            added = added_hu(unit, output)
            painted = _painted(cut, added[:, 0], start, attacker)
            losses[name] = ((painted - config.target_hu) / UNIT_HU).square().mean()
            losses[f"{name}_perturbation"] = (added / UNIT_HU).square().mean()
        total = losses["net"] + losses["global"]
        moved = losses["net_perturbation"] + losses["global_perturbation"]
        learner.descend(total + config.perturbation_weight * moved)
        return {name: loss.item() for name, loss in losses.items()}

    run_loop(step, config.steps, {"net": learner}, run, seed=config.seed)
    learner.finished()
    return net


def _painted(cut: Cut, added: Tensor, start: Triple, attacker: Attacker) -> Tensor:
    """The core that is painted after ``added`` HU ``[z, y, x]``, whose first voxel is ``start``."""
    (plan,) = cut.plans
    z, y, x = (at - first for at, first in zip(plan.position, start, strict=True))
    moved = cut_blocks(added, [(z, y, x)], plan.block, outside=0.0)
    after = tamper_cut(replace(cut, before=cut.before + moved), attacker)
    return after[(slice(None), *plan.core_in_block)]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
