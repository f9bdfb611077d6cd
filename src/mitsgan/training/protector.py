"""Train MITS-GAN through the attackers: gradients flow from the tampered scan to the generator.

Domain loss: a discriminator cannot tell protected slices from original ones. Manipulation loss:
attacks on the protected scan fail, by one of `mitsgan.attack.objectives`, at random lung positions,
for attackers drawn from a mixture, after rounding and at times light processing of the scan. (The
release computes the tampered image outside the graph: docs/training.md.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import ACTIONS, Action, Attacker, Objective
from mitsgan.attack.objectives import Goal, objective_of, painted_as
from mitsgan.attack.variety import Variety
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.memory_format import channels_last
from mitsgan.networks.precision import half_where_fast
from mitsgan.protect.network import (
    PerturbationGenerator,
    SliceDiscriminator,
)
from mitsgan.protect.patches import ANY_PHASE_MM, PATCH
from mitsgan.scan.scan import Scan
from mitsgan.training.config import ProtectorConfig
from mitsgan.training.data.crops import Crop, CropSampler
from mitsgan.training.data.cubes import sharpened, volumes
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop


def train_protector(
    scans: Sequence[Scan],
    attackers: Sequence[Attacker],
    config: ProtectorConfig,
    run: Run,
    *,
    classifiers: Sequence[NoduleClassifier] = (),
    start: PerturbationGenerator | None = None,
) -> PerturbationGenerator:
    """Train on lung of ``scans`` against ``attackers``, which lie on the worker's device.

    Args:
        scans, attackers, config, run: what is trained on, against whom, how and where.
        classifiers: who judges, where a goal of the configuration is to be judged; on the same
            device.
        start: to go on from, of the same width, reach and waves; its discriminator begins anew.

    Returns:
        The generator, in evaluation mode, on the CPU. The losses say of each action how badly it
        fails, on average over positions, as its objective measures it.

    Raises:
        SettingsError: see `objectives_of`.
    """
    device = run.worker.device
    objectives = objectives_of(config, classifiers)
    sampler = _sampler(scans, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = PerturbationGenerator(config.width, config.reach, config.waves)
        generator = channels_last(network).to(device)
        discriminator = SliceDiscriminator().to(device)
    if start is not None:
        generator.load_state_dict(start.state_dict())
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
        sums: defaultdict[str, float] = defaultdict(float)
        protecting.forget()
        pairs = []
        for _ in range(config.crops):
            crop = sampler.sample(random).to(device)
            perturbation = perturb_crop(generator, crop, config.max_hu, random)
            values = attack_values(
                crop, perturbation, attackers, objectives, random, config.processed
            )
            loss = -torch.cat(list(values.values())).mean()
            real, fake = _slices(crop, perturbation)
            with half_where_fast(fake.device):
                logits = discriminator(fake).float()
            domain = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
            energy = (perturbation / config.max_hu).square().mean()
            total = loss + config.domain_weight * domain + config.energy_weight * energy
            torch.autograd.backward(total / config.crops)
            pairs.append((real, fake.detach()))
            terms: dict[str, Tensor] = {"energy": energy, "domain": domain}
            for action, value in values.items():
                terms[action] = value.mean()
            for name, value in terms.items():
                sums[name] += value.item() / config.crops
        protecting.step(longest=1.0)
        return {**sums, "discriminator": _judge(judging, pairs)}

    learners = {"generator": protecting, "discriminator": judging}
    run_loop(step, config.steps, learners, run, seed=config.seed)
    protecting.finished()
    return generator


def _sampler(scans: Sequence[Scan], config: ProtectorConfig) -> CropSampler:
    if config.augment:
        data = volumes(scans, thicknesses=())
        return CropSampler(data, attacks=config.attacks, augment=True)
    data = sharpened(volumes(scans, pixel_scales=config.pixel_scales), config.sharpness)
    return CropSampler(data, attacks=config.attacks)


def perturb_crop(
    generator: PerturbationGenerator, crop: Crop, max_hu: float, random: torch.Generator
) -> Tensor:
    """The perturbation of a crop in whole HU, through a random flip and quarter turn."""
    turns, flip = torch.randint(4, (2,), generator=random).tolist()
    hu = torch.rot90(crop.hu, turns, (1, 2))
    hu = hu.flip(2) if flip % 2 else hu
    noise = torch.randn(len(hu), *(n // PATCH for n in hu.shape[1:]), generator=random)
    phase = (0.0, 0.0)
    if generator.waves:  # without any nothing is drawn: trainings take the course they took
        y, x = (ANY_PHASE_MM * torch.rand(2, generator=random)).tolist()
        phase = (y, x)
    with half_where_fast(hu.device):
        residual = generator(hu.contiguous(), noise.to(hu.device), crop.spacing, phase)
    residual = residual.flip(2) if flip % 2 else residual
    smooth = torch.rot90(residual, -turns, (1, 2)).float().tanh() * max_hu
    return smooth + (smooth.round() - smooth).detach()  # as stored; gradients pass straight


def attack_values(
    crop: Crop,
    perturbation: Tensor,
    attackers: Sequence[Attacker],
    objectives: Mapping[Action, Objective],
    random: torch.Generator,
    processed: float = 0.0,
) -> dict[Action, Tensor]:
    """How badly an attacker of each action, drawn at random, fails at each position of a crop."""
    values: dict[Action, Tensor] = {}
    for cut in crop.cuts:
        action = cut.plans[0].action
        able = [attacker for attacker in attackers if attacker.action == action]
        if not able:
            continue
        attacker = able[int(torch.randint(len(able), (), generator=random))]
        variety = Variety.draw(random, processed)
        strikes, after = variety.strikes(cut, attacker), crop.protected(cut, perturbation)
        values[action] = strikes.values(variety.cut(after), objectives[action])
    return values


def objectives_of(
    config: ProtectorConfig, classifiers: Sequence[NoduleClassifier] = ()
) -> dict[Action, Objective]:
    """What is made large, by action.

    Raises:
        SettingsError: classifiers are to judge, and there are none.
    """
    if config.target_hu is not None:
        return dict.fromkeys(ACTIONS, painted_as(config.target_hu))
    judges = [classifier.network for classifier in classifiers]
    goals: dict[Action, Goal] = {"inject": config.inject_goal, "remove": config.remove_goal}
    return {action: objective_of(goal, judges) for action, goal in goals.items()}


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
        with half_where_fast(fake.device):
            real_logits, fake_logits = discriminator(real).float(), discriminator(fake).float()
        loss = loss + F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
        loss = loss + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    loss = loss / (2 * len(pairs))
    judging.descend(loss)
    return loss.item()
