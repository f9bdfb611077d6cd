"""Train MITS-GAN through the attackers: gradients flow from the tampered scan to the generator.

Domain loss: a discriminator cannot tell protected slices from original ones. Manipulation loss:
the tampered protected scan is far from the tampered original one, at random lung positions, for
attackers drawn from a mixture, after rounding and at times light processing of the scan. (The
release computes the tampered image outside the graph: docs/training.md.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Attacker, Strikes, tamper_cut
from mitsgan.attack.strikes import rms
from mitsgan.networks.memory_format import channels_last
from mitsgan.protect.network import PATCH, PerturbationGenerator, SliceDiscriminator
from mitsgan.scan.scan import Scan
from mitsgan.training.data.crops import Crop, CropSampler
from mitsgan.training.data.cubes import sharpened, volumes
from mitsgan.training.data.processing import light_processing
from mitsgan.training.fabric import ALONE, Worker
from mitsgan.training.loop import Progress, Stateful, run_loop

_SMALLEST = 1e-3  # HU squared: a perturbation that begins at nothing has a gradient


@dataclass(frozen=True)
class ProtectorConfig:
    """How a protector is trained.

    Attributes:
        width: channels of the generator's two levels.
        max_hu: the budget during training; others scale the same perturbation.
        steps: optimiser steps.
        crops: crops a step.
        attacks: positions per action and crop.
        domain_weight: weight of the domain loss.
        energy_weight: weight of the mean squared perturbation (as a part of the budget), so that
            voxels that protect nothing stay as they are.
        processed: share of attacks on a scan that was slightly blurred, or got more noise.
        target_hu: what the attackers are to paint instead of anatomy, everywhere in the core; None
            asks for anything that is far from what they would have painted.
        pixel_scales: every scan is trained on with its pixels that much larger.
        sharpness: amounts of unsharp masking; every scan is trained on with each.
        rate: Adam's learning rate of the generator, falling to zero along a cosine.
        discriminator_rate: the discriminator's.
        seed: of weights and data.
    """

    width: tuple[int, int] = (32, 48)
    max_hu: float = 10.0
    steps: int = 3200
    crops: int = 2
    attacks: int = 4
    domain_weight: float = 0.05
    energy_weight: float = 0.4
    processed: float = 0.3
    target_hu: float | None = None
    pixel_scales: tuple[float, ...] = (1.0,)
    sharpness: tuple[float, ...] = (0.0, 2.0, 4.0)
    rate: float = 1e-3
    discriminator_rate: float = 2e-4
    seed: int = 0


def train_protector(
    scans: Sequence[Scan],
    attackers: Sequence[Attacker],
    config: ProtectorConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    worker: Worker = ALONE,
) -> PerturbationGenerator:
    """Train on lung of ``scans`` against ``attackers``; checkpoint and losses stay in ``folder``.

    The attackers lie on the worker's device.

    Returns:
        The generator, in evaluation mode, on the CPU.
    """
    data = volumes(scans, pixel_scales=config.pixel_scales)
    sampler = CropSampler(sharpened(data, config.sharpness), attacks=config.attacks)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = channels_last(PerturbationGenerator(config.width)).to(worker.device)
        discriminator = SliceDiscriminator().to(worker.device)
    adam_g = torch.optim.Adam(generator.parameters(), config.rate, betas=(0.5, 0.99))
    adam_d = torch.optim.Adam(
        discriminator.parameters(), config.discriminator_rate, betas=(0.5, 0.99)
    )
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam_g, config.steps)

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        sums = {"disruption": 0.0, "energy": 0.0, "domain": 0.0, "discriminator": 0.0}
        adam_g.zero_grad(set_to_none=True)
        pairs = []
        for _ in range(config.crops):
            crop = sampler.sample(random).to(worker.device)
            perturbation = perturb_crop(generator, crop, config.max_hu, random)
            loss, disruption = manipulation_loss(
                crop, perturbation, attackers, random, config.processed, config.target_hu
            )
            real, fake = _slices(crop, perturbation)
            with torch.autocast(fake.device.type, torch.bfloat16):
                logits = discriminator(fake).float()
            domain = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
            energy = (perturbation / config.max_hu).square().mean()
            total = loss + config.domain_weight * domain + config.energy_weight * energy
            torch.autograd.backward(total / config.crops)
            pairs.append((real, fake.detach()))
            sums["disruption"] += disruption / config.crops
            sums["energy"] += energy.item() / config.crops
            sums["domain"] += domain.item() / config.crops
        worker.average_gradients(generator)
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        adam_g.step()
        fall.step()
        sums["discriminator"] = _train_discriminator(discriminator, adam_d, pairs, worker)
        return sums

    states: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "adam_g": adam_g,
        "adam_d": adam_d,
        "fall": fall,
    }
    run_loop(
        step,
        config.steps,
        states,
        folder,
        seed=config.seed,
        resume=resume,
        progress=progress,
        worker=worker,
    )
    return generator.eval().requires_grad_(False).cpu()


def perturb_crop(
    generator: PerturbationGenerator, crop: Crop, max_hu: float, random: torch.Generator
) -> Tensor:
    """The perturbation of a crop in whole HU, through a random flip and quarter turn."""
    turns, flip = torch.randint(4, (2,), generator=random).tolist()
    hu = torch.rot90(crop.hu, turns, (1, 2))
    hu = hu.flip(2) if flip % 2 else hu
    noise = torch.randn(len(hu), *(n // PATCH for n in hu.shape[1:]), generator=random)
    with torch.autocast(hu.device.type, torch.bfloat16):
        residual = generator(hu.contiguous(), noise.to(hu.device), crop.spacing)
    residual = residual.flip(2) if flip % 2 else residual
    smooth = torch.rot90(residual, -turns, (1, 2)).float().tanh() * max_hu
    return smooth + (smooth.round() - smooth).detach()  # as stored; gradients pass straight


def manipulation_loss(
    crop: Crop,
    perturbation: Tensor,
    attackers: Sequence[Attacker],
    random: torch.Generator,
    processed: float = 0.0,
    target_hu: float | None = None,
) -> tuple[Tensor, float]:
    """How little an attacker of each action, drawn at random, is disrupted.

    The logarithm counts a position that resists as much as one that is easily disrupted. With
    ``target_hu`` the loss is the distance of what is painted from that.

    Returns:
        The loss, and the mean disruption of the core in HU (RMSE).
    """
    disruptions, misses = [], []
    for cut in crop.cuts:
        able = [a for a in attackers if a.action == cut.plans[0].action]
        if not able:
            continue
        attacker = able[int(torch.randint(len(able), (), generator=random))]
        z, y, x = (torch.rand(3, generator=random) - 0.5).mul(8).round().div(8).tolist()
        process = light_processing(processed, random)
        before, after = (
            replace(c, before=process(c.before)) for c in (cut, crop.protected(cut, perturbation))
        )
        strikes = Strikes(before, attacker, partial(tamper_cut, shift=(z, y, x)))
        # The reference is in full precision: rounding to bfloat16 alone is 10 HU here.
        for outcome in strikes.outcomes(after):
            disruptions.append(rms(outcome.cores - outcome.reference, _SMALLEST))
            if target_hu is not None:
                misses.append(rms(outcome.cores - target_hu, _SMALLEST))
    rmse = torch.cat(disruptions)
    loss = (1 + torch.cat(misses) / 10).log().mean() if misses else -(1 + rmse / 10).log().mean()
    return loss, float(rmse.detach().mean())


def _slices(crop: Crop, perturbation: Tensor) -> tuple[Tensor, Tensor]:
    """Original and protected slices ``[z, 1, y, x]`` of a crop."""
    depth = len(perturbation)
    halo = (len(crop.hu) - depth) // 2
    real = crop.hu[halo : halo + depth, None]
    return real, real + perturbation[:, None]


def _train_discriminator(
    discriminator: SliceDiscriminator,
    adam: torch.optim.Adam,
    pairs: Sequence[tuple[Tensor, Tensor]],
    worker: Worker,
) -> float:
    loss = torch.zeros((), device=worker.device)
    for real, fake in pairs:
        with torch.autocast(fake.device.type, torch.bfloat16):
            real_logits, fake_logits = discriminator(real).float(), discriminator(fake).float()
        loss = loss + F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
        loss = loss + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    loss = loss / (2 * len(pairs))
    adam.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    worker.average_gradients(discriminator)
    adam.step()
    return loss.item()
