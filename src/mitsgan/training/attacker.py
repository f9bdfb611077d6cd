"""Train a CT-GAN attacker: generator and discriminator on cubes of real lung.

Losses as in the release (MSE to labels, 0 for real; 100 x MAE), with the weight of the
adversarial term as a parameter: 1 as published paints smoothly, 10 paints lung texture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Discriminator, Equalization, TrainedAttacker
from mitsgan.attack.networks.architectures import ARCHITECTURES
from mitsgan.attack.surrogates import NAMES
from mitsgan.networks.memory_format import channels_last
from mitsgan.networks.precision import half_where_fast
from mitsgan.scan.scan import Scan
from mitsgan.training.config import AttackerConfig
from mitsgan.training.data.cube_file import CubeFile, Sampler, sampler_for
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop

PURPOSE = "a surrogate, to train and measure protection with; it works in memory only"
"""What every attacker's card says it is for."""

TABLE_CUBES = 600


def fit_table(sampler: Sampler, seed: int) -> Equalization:
    """The table of an attacker, of the same cubes as it is trained on."""
    random = torch.Generator().manual_seed(seed)
    return Equalization.fit(sampler.sample(TABLE_CUBES, random))


def train_attacker(
    scans: Sequence[Scan | CubeFile],
    config: AttackerConfig,
    run: Run,
    *,
    start: TrainedAttacker | None = None,
) -> TrainedAttacker:
    """Train on lung of ``scans``.

    With ``start``, of the same action, architecture and width, its generator is trained on with
    its table; the discriminator, which no attacker keeps, begins anew.

    Returns:
        The attacker, in evaluation mode, on the CPU, named ``injector`` or ``remover``.
    """
    sampler = sampler_for(scans, config.action, config.sharpness)
    equalization = fit_table(sampler, config.seed) if start is None else start.equalization
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = channels_last(ARCHITECTURES[config.architecture](config.width))
        discriminator = channels_last(Discriminator(config.width))
    if start is not None:
        generator.load_state_dict(start.network.state_dict())
    generator.to(run.worker.device)
    discriminator.to(run.worker.device)
    attacker = TrainedAttacker(config.action, generator, equalization, NAMES[config.action])
    rates = {"generator": config.generator_rate, "discriminator": config.discriminator_rate}
    learners = {
        name: Learner(
            network,
            torch.optim.Adam(network.parameters(), rates[name], betas=(0.5, 0.999)),
            fall=config.steps,
            worker=run.worker,
        )
        for name, network in (("generator", generator), ("discriminator", discriminator))
    }

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        cubes = sampler.sample(config.batch, random).to(run.worker.device)
        with half_where_fast(cubes.device):
            condition = attacker.condition(cubes)
            target = equalization.normalize(cubes)[:, None]
            fake = generator(condition)

            real_scores = discriminator(target, condition)
            fake_scores = discriminator(fake.detach(), condition)
            loss_d = (_mse(real_scores, 0) + _mse(fake_scores, 1)) / 2
        learners["discriminator"].descend(loss_d)
        with half_where_fast(cubes.device):
            fooled = _mse(discriminator(fake, condition), 0)
            l1 = (fake.float() - target).abs().mean()
        loss_g = config.adversarial_weight * fooled + config.l1_weight * l1
        learners["generator"].descend(loss_g)
        return {"discriminator": loss_d.item(), "fooled": fooled.item(), "l1": l1.item()}

    run_loop(step, config.steps, learners, run, seed=config.seed)
    learners["generator"].finished()
    return attacker


def _mse(scores: Tensor, label: float) -> Tensor:
    return F.mse_loss(scores.float(), torch.full_like(scores, label, dtype=torch.float32))
