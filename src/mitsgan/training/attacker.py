"""Train a CT-GAN attacker: generator and discriminator on cubes of real lung.

Losses as in the release (MSE to labels, 0 for real; 100 x MAE), with the weight of the
adversarial term as a parameter: 1 as published paints smoothly, 10 paints lung texture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack import Action, Attacker, Discriminator, Equalization
from mitsgan.attack.networks.architectures import ARCHITECTURES, Architecture
from mitsgan.attack.surrogates import NAMES
from mitsgan.networks.memory_format import channels_last
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cube_file import CubeFile, sampler_for
from mitsgan.training.fabric import ALONE, Worker
from mitsgan.training.loop import Progress, Stateful, run_loop

PURPOSE = "a surrogate, to train and measure protection with; it works in memory only"
"""What every attacker's card says it is for."""

_TABLE_CUBES = 600


@dataclass(frozen=True)
class AttackerConfig:
    """How an attacker is trained.

    Attributes:
        action: inject or remove.
        architecture: of the inpainting network; the discriminator is CT-GAN's always.
        width: base filters of both networks; 100 as published.
        steps: optimiser steps.
        batch: cubes a step.
        l1_weight: weight of the mean absolute error.
        adversarial_weight: weight of the adversarial term; 1 as published.
        generator_rate, discriminator_rate: Adam's learning rates (published 2e-4 and 1e-6);
            both fall to zero along a cosine.
        sharpness: amounts of unsharp masking; each scan serves once with each.
        seed: of weights and data.
    """

    action: Action
    architecture: Architecture = "ct-gan"
    width: int = 10
    steps: int = 2600
    batch: int = 16
    l1_weight: float = 100.0
    adversarial_weight: float = 10.0
    generator_rate: float = 4e-4
    discriminator_rate: float = 1e-4
    sharpness: tuple[float, ...] = (0.0,)
    seed: int = 0


def train_attacker(
    scans: Sequence[Scan | CubeFile],
    config: AttackerConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    worker: Worker = ALONE,
    start: Attacker | None = None,
) -> Attacker:
    """Train on lung of ``scans``; the run's checkpoint and losses stay in ``folder``.

    With ``start``, of the same action, architecture and width, its generator is trained on with
    its table; the discriminator, which no attacker keeps, begins anew.

    Returns:
        The attacker, in evaluation mode, on the CPU, named ``injector`` or ``remover``.
    """
    sampler = sampler_for(scans, config.action, config.sharpness)
    if start is None:
        table = torch.Generator().manual_seed(config.seed)
        equalization = Equalization.fit(sampler.sample(_TABLE_CUBES, table))
    else:
        equalization = start.equalization
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = channels_last(ARCHITECTURES[config.architecture](config.width))
        discriminator = channels_last(Discriminator(config.width))
    if start is not None:
        generator.load_state_dict(start.network.state_dict())
    generator.to(worker.device)
    discriminator.to(worker.device)
    attacker = Attacker(config.action, generator, equalization, NAMES[config.action])
    adam_g = torch.optim.Adam(generator.parameters(), config.generator_rate, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(
        discriminator.parameters(), config.discriminator_rate, betas=(0.5, 0.999)
    )
    fall_g, fall_d = (
        torch.optim.lr_scheduler.CosineAnnealingLR(adam, config.steps) for adam in (adam_g, adam_d)
    )

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        cubes = sampler.sample(config.batch, random).to(worker.device)
        with torch.autocast(cubes.device.type, torch.bfloat16):
            condition = attacker.condition(cubes)
            target = equalization.normalize(cubes)[:, None]
            fake = generator(condition)

            real_scores = discriminator(target, condition)
            fake_scores = discriminator(fake.detach(), condition)
            loss_d = (_mse(real_scores, 0) + _mse(fake_scores, 1)) / 2
        _update(adam_d, loss_d, discriminator, worker)
        with torch.autocast(cubes.device.type, torch.bfloat16):
            fooled = _mse(discriminator(fake, condition), 0)
            l1 = (fake.float() - target).abs().mean()
        loss_g = config.adversarial_weight * fooled + config.l1_weight * l1
        _update(adam_g, loss_g, generator, worker)
        fall_d.step()
        fall_g.step()
        return {"discriminator": loss_d.item(), "fooled": fooled.item(), "l1": l1.item()}

    states: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "adam_g": adam_g,
        "adam_d": adam_d,
        "fall_g": fall_g,
        "fall_d": fall_d,
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
    generator.eval().requires_grad_(False).cpu()
    return attacker


def _mse(scores: Tensor, label: float) -> Tensor:
    return F.mse_loss(scores.float(), torch.full_like(scores, label, dtype=torch.float32))


def _update(adam: torch.optim.Adam, loss: Tensor, network: nn.Module, worker: Worker) -> None:
    adam.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    worker.average_gradients(network)
    adam.step()
