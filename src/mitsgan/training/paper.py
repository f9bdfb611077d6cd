"""Train the released MITS-GAN with the released losses: a baseline (Pasqualino et al. 2024).

L_G = BCE(D(protected), real) - 0.1 MSE(protected, tampered), the tampered slices computed outside
the graph. What differs from the release, and why, is in docs/baselines.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack import ACTIONS, Action, Attacker, Plan, plan_attack, tamper
from mitsgan.errors import DataError, PositionError
from mitsgan.protect.baselines.paper import GROUP, PAPER_SIDE, PaperGenerator
from mitsgan.protect.baselines.slices import clean_hu, stretch, to_unit
from mitsgan.scan.scan import Scan
from mitsgan.training.config import PaperConfig
from mitsgan.training.data.crops import square_around
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop

_IN_PLANE = (90 / PAPER_SIDE, 411 / PAPER_SIDE)
_TRIES = 20
_AIR = -1.0
"""What lies around a part of slices when it is judged, of real and of painted ones alike: least of
all in [-1, 1]."""


class PaperDiscriminator(nn.Module):
    """Tells protected slices from original ones: ``[n, 1, 512, 512]`` in [-1, 1] to logits ``[n]``.

    Eight convolutions of 4 x 4, stride 2 but for the last, of 1-2-4-8-8-8-8-1 channels.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 1, 2, 4, 8, 8, 8, 8)
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False))
            if number:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False))

    def forward(self, slices: Tensor) -> Tensor:
        return cast(Tensor, self.layers(slices)).flatten()


def train_paper(
    scans: Sequence[Scan],
    attackers: Sequence[Attacker],
    config: PaperConfig,
    run: Run,
) -> PaperGenerator:
    """Train on ``scans`` against one attacker per action.

    Returns:
        The generator, in evaluation mode and float32.

    Raises:
        DataError: a scan is not of 512 x 512 pixels or has no four slices, or an action has not
            exactly one attacker.
    """
    striking, device = _by_action(attackers), run.worker.device
    data = [_prepared(scan) for scan in scans]
    groups = [len(hu) // GROUP for hu, _ in data]
    volumes = [hu.to(device) for hu, _ in data]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, discriminator = PaperGenerator(config.width), PaperDiscriminator()
        for network in (generator, discriminator):
            network.apply(_initialize)
    dtype = torch.float64 if config.precision == "float64" else torch.float32
    in_half = config.precision == "bfloat16"
    # On a CPU, gradients of weights take three times as long in the layout that halves are fast in.
    fast = in_half or device.type == "cuda"
    layout = torch.channels_last if fast else torch.contiguous_format
    for network in (generator, discriminator):
        network.to(device, dtype, memory_format=layout)  # type: ignore[call-overload]
    protecting, judging = (
        Learner(network, torch.optim.Adam(network.parameters(), config.rate, betas=(0.5, 0.999)))
        for network in (generator, discriminator)
    )

    def half() -> AbstractContextManager[object]:
        return torch.autocast(device.type, torch.bfloat16) if in_half else nullcontext()

    def judged(slices: Tensor, label: float) -> Tensor:
        rest = PAPER_SIDE - slices.shape[-1]
        whole = F.pad(slices, (rest // 2, rest - rest // 2) * 2, value=_AIR) if rest else slices
        with half():
            logits = discriminator(whole)
        logits = logits.to(dtype)
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def step(number: int, random: torch.Generator) -> dict[str, float]:
        which, group = _place(number, groups, config.seed)
        hu, four = volumes[which], slice(group * GROUP, (group + 1) * GROUP)
        side = config.crop or PAPER_SIDE
        noise = torch.rand((GROUP, 1, side, side), generator=random, dtype=dtype).to(device)
        action = ACTIONS[group % 2]  # in turns
        plan = _plan(*data[which], four, action, random)
        part = (four, *_crop(plan, side, random))
        real = to_unit(hu[part], float(hu.min()), float(hu.max()))[:, None].to(dtype)
        with half():
            protected = generator(real, noise)
        discriminating = judged(real, 1.0) + judged(protected.detach(), 0.0)
        judging.descend(discriminating)
        domain, manipulation = judged(protected, 1.0), protected.new_zeros(())
        if plan is not None:
            with torch.set_grad_enabled(config.gradients_through_attack):
                target = tampered(hu, protected[:, 0], part, plan, striking[action])
            manipulation = F.mse_loss(protected[:, 0], target.to(dtype))
        protecting.descend(domain - config.manipulation_weight * manipulation)
        return {
            "domain": domain.item(),
            "manipulation": manipulation.item(),
            "discriminator": discriminating.item(),
        }

    learners = {"generator": protecting, "discriminator": judging}
    steps = config.epochs * sum(groups)
    run_loop(step, steps, learners, run, seed=config.seed, save_every=10)
    protecting.finished()
    return generator.float()


def tampered(
    hu: Tensor,
    protected: Tensor,
    part: tuple[slice, slice, slice],
    plan: Plan,
    attacker: Attacker,
) -> Tensor:
    """What the attacker makes of a protected part of four slices ``[4, y, x]``, both in [-1, 1].

    It is stretched to the range of what it replaces, tampered with inside the scan, and stretched
    back.
    """
    scan = hu.clone()
    scan[part] = stretch(protected.float(), hu[part].min(), hu[part].max())
    return stretch(tamper(scan, plan, attacker)[part], -1.0, 1.0)


def _by_action(attackers: Sequence[Attacker]) -> dict[Action, Attacker]:
    if sorted(a.action for a in attackers) != sorted(ACTIONS):
        raise DataError(
            "one attacker that injects and one that removes are needed, found "
            f"{', '.join(f'{a.name} ({a.action})' for a in attackers) or 'none'}"
        )
    return {a.action: a for a in attackers}


def _prepared(scan: Scan) -> tuple[Tensor, tuple[float, float, float]]:
    depth, *sides = scan.shape
    if depth < GROUP or set(sides) != {PAPER_SIDE}:
        raise DataError(
            f"the released network is trained on slices of {PAPER_SIDE} x {PAPER_SIDE} pixels, "
            f"{GROUP} at a time; found a scan of {scan.shape} [z, y, x]"
        )
    return clean_hu(scan, 0, depth), scan.spacing


def _place(number: int, groups: Sequence[int], seed: int) -> tuple[int, int]:
    """Which scan and which group of it a step works on: scans shuffled, groups in order."""
    epoch, rest = divmod(number, sum(groups))
    random = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    for which in torch.randperm(len(groups), generator=random).tolist():
        if rest < groups[which]:
            return which, rest
        rest -= groups[which]
    raise AssertionError("a step lies in its epoch")


def _plan(
    hu: Tensor,
    spacing: tuple[float, float, float],
    four: slice,
    action: Action,
    random: torch.Generator,
) -> Plan | None:
    """An attack in the middle of four slices; None near the ends of the scan."""
    low, high = (round(share * PAPER_SIDE) for share in _IN_PLANE)
    for _ in range(_TRIES):  # a place in the air beside the body is drawn again
        y, x = torch.randint(low, high, (2,), generator=random).tolist()
        try:
            return plan_attack(hu.numpy(), spacing, (four.start + GROUP // 2, y, x), action)
        except PositionError:
            continue
    return None


def _crop(plan: Plan | None, side: int, random: torch.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square with the attack in its middle, as far as the slice allows."""
    if side == PAPER_SIDE:
        return slice(0, side), slice(0, side)
    ends = PAPER_SIDE - side
    if plan is None:
        y, x = torch.randint(ends + 1, (2,), generator=random).tolist()
        return slice(y, y + side), slice(x, x + side)
    return square_around(plan.position, side, (PAPER_SIDE, PAPER_SIDE))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
