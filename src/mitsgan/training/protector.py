"""Train MITS-GAN through the attackers: gradients flow from the tampered scan to the generator.

Domain loss: a discriminator cannot tell protected slices from original ones. Manipulation loss:
the tampered protected scan is far from the tampered original one, at random lung positions, for
attackers drawn from a mixture, after rounding and at times light processing of the scan. (The
release computes the tampered image outside the graph: docs/training.md.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Attacker
from mitsgan.attack.strikes import rms
from mitsgan.attack.variety import Variety
from mitsgan.networks.memory_format import channels_last
from mitsgan.protect.network import PATCH, PerturbationGenerator, SliceDiscriminator
from mitsgan.scan.scan import Scan
from mitsgan.training.config import ProtectorConfig
from mitsgan.training.data.crops import Crop, CropSampler
from mitsgan.training.data.cubes import sharpened, volumes
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop

_SMALLEST = 1e-3  # HU squared: a perturbation that begins at nothing has a gradient


def train_protector(
    scans: Sequence[Scan],
    attackers: Sequence[Attacker],
    config: ProtectorConfig,
    run: Run,
) -> PerturbationGenerator:
    """Train on lung of ``scans`` against ``attackers``, which lie on the worker's device.

    Returns:
        The generator, in evaluation mode, on the CPU.
    """
    device = run.worker.device
    data = volumes(scans, pixel_scales=config.pixel_scales)
    sampler = CropSampler(sharpened(data, config.sharpness), attacks=config.attacks)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = channels_last(PerturbationGenerator(config.width)).to(device)
        discriminator = SliceDiscriminator().to(device)
    protecting = Learner(
        generator,
        torch.optim.Adam(generator.parameters(), config.rate, betas=(0.5, 0.99)),
        fall=config.steps,
        worker=run.worker,
    )
    judging = Learner(
        discriminator,
        torch.optim.Adam(discriminator.parameters(), config.discriminator_rate, betas=(0.5, 0.99)),
        worker=run.worker,
    )

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        sums = {"disruption": 0.0, "energy": 0.0, "domain": 0.0, "discriminator": 0.0}
        protecting.forget()
        pairs = []
        for _ in range(config.crops):
            crop = sampler.sample(random).to(device)
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
        protecting.step(longest=1.0)
        sums["discriminator"] = _judge(judging, pairs)
        return sums

    learners = {"generator": protecting, "discriminator": judging}
    run_loop(step, config.steps, learners, run, seed=config.seed)
    protecting.finished()
    return generator


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
        variety = Variety.draw(random, processed)
        strikes, after = variety.strikes(cut, attacker), crop.protected(cut, perturbation)
        # The reference is in full precision: rounding to bfloat16 alone is 10 HU here.
        for outcome in strikes.outcomes(variety.cut(after)):
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


def _judge(judging: Learner, pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Let the discriminator learn from original and protected slices; its loss."""
    discriminator, loss = judging.network, pairs[0][0].new_zeros(())
    for real, fake in pairs:
        with torch.autocast(fake.device.type, torch.bfloat16):
            real_logits, fake_logits = discriminator(real).float(), discriminator(fake).float()
        loss = loss + F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
        loss = loss + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    loss = loss / (2 * len(pairs))
    judging.descend(loss)
    return loss.item()
