"""Train a diffusion attacker: to draw the core of cubes of real lung out of noise, given the shell.

One network, one loss, no discriminator: the mean squared error of v in the core, at random times
(Ho et al. 2020, arXiv 2006.11239; v as in `mitsgan.attack.networks.diffusion`). What is kept is
the moving average of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mitsgan.attack import TrainedAttacker
from mitsgan.attack.networks.diffusion import DiffusionInpainter
from mitsgan.attack.surrogates import NAMES
from mitsgan.networks.memory_format import channels_last
from mitsgan.scan.scan import Scan
from mitsgan.training.attacker import fit_table
from mitsgan.training.config import DiffusionConfig
from mitsgan.training.data.cube_file import CubeFile, sampler_for
from mitsgan.training.learner import Average, Learner
from mitsgan.training.loop import Run, run_loop


def train_diffusion(
    scans: Sequence[Scan | CubeFile],
    config: DiffusionConfig,
    run: Run,
    *,
    start: TrainedAttacker | None = None,
) -> TrainedAttacker:
    """Train on lung of ``scans``.

    With ``start``, of the same width, its network is trained on with its table, whatever it does.

    Returns:
        The attacker, in evaluation mode, on the CPU, named ``injector`` or ``remover``.
    """
    sampler = sampler_for(scans, config.action, config.sharpness)
    equalization = fit_table(sampler, config.seed) if start is None else start.equalization
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = channels_last(DiffusionInpainter(config.width))
    if start is not None:
        network.load_state_dict(start.network.state_dict())
    network.to(run.worker.device)
    attacker = TrainedAttacker(config.action, network, equalization, NAMES[config.action])
    learner = Learner(
        network,
        torch.optim.Adam(network.parameters(), config.rate),
        fall=config.steps,
        worker=run.worker,
        average=Average(network, config.average),
    )

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        cubes = sampler.sample(config.batch, random).to(run.worker.device)
        unit = equalization.normalize(cubes)[:, None]
        noise = torch.randn(unit.shape, generator=random).to(unit)
        times = _times(config.batch, random).to(unit)
        loss = network.loss(unit, attacker.condition(cubes), times, noise)
        learner.forget()
        torch.autograd.backward(loss)
        learner.step(longest=1.0)
        return {"loss": loss.item()}

    run_loop(step, config.steps, {"network": learner}, run, seed=config.seed)
    learner.finished()
    return attacker


def _times(count: int, random: torch.Generator) -> Tensor:
    """``[count]``, one in each of so many equal parts of 0 to 1: the loss varies less for it."""
    return (torch.arange(count) + torch.rand(count, generator=random)) / count
