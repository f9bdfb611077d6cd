"""Train the tampering detector: what attackers made of lung, beside the same lung untouched.

Every attacked place serves with and without the attack, so that nothing but the attack tells the
two apart; more of the untouched is taken where the lung is dense, since vessels are no tampering.
Half of the places are blurred a little or get noise, after the attack, as scans do that are passed
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from mitsgan.anatomy.grain import Grain, measure_grain
from mitsgan.attack import Attacker, Strikes, cut_blocks, cut_plans, paste_block, plan_attack
from mitsgan.networks.detector import (
    SIDE,
    SLICES,
    DetectorNetwork,
    TamperingDetector,
    slices_apart,
)
from mitsgan.networks.memory_format import channels_last
from mitsgan.scan.scan import Scan
from mitsgan.training.config import DetectorConfig
from mitsgan.training.data.cubes import Volume, detail, sharpened, turned, volumes
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop

_OFF_MM = 4.0
"""How far the middle of an attacked patch may lie from that of the attack, along each axis."""

_PLACES = 100
"""Places of which the densest serves as untouched lung."""

_BLUR_PIXELS = (0.3, 1.0)
_BLUR_RADIUS = 3
_NOISE_HU = 20.0
_AIR_HU = -1000.0
_LEAST_HU = 0.5


@dataclass(frozen=True, eq=False)
class _Lung:
    """A volume with its grain."""

    volume: Volume
    grain: Grain

    @classmethod
    def of(cls, volume: Volume) -> _Lung:
        return cls(volume, measure_grain(volume.hu.numpy(), volume.spacing, volume.lung))


@dataclass(frozen=True, eq=False)
class _Patches:
    """``[b, 3, 34, 34]`` in HU, the usual grain around each in HU, ``[b]``, and labels ``[b]``."""

    slices: Tensor
    grain: Tensor
    labels: Tensor

    @classmethod
    def all(cls, some: Sequence[_Patches]) -> _Patches:
        parts = ((one.slices, one.grain, one.labels) for one in some)
        slices, grain, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        return cls(slices, grain, labels)


def train_detector(
    scans: Sequence[Scan], attackers: Sequence[Attacker], config: DetectorConfig, run: Run
) -> TamperingDetector:
    """Train on lung of ``scans``, at several sharpnesses, against ``attackers`` alike."""
    thin = volumes(scans, config.thicknesses)
    lungs = [_Lung.of(volume) for volume in sharpened(thin, config.sharpness)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = channels_last(DetectorNetwork(config.width)).to(run.worker.device)
    adam = torch.optim.AdamW(network.parameters(), config.rate, weight_decay=config.decay)
    learner = Learner(network, adam, fall=config.steps, worker=run.worker)

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        patches = _Patches.all(
            [_drawn(lungs, attackers, config, random) for _ in range(config.volumes)]
        )
        device = run.worker.device
        logits = network(patches.slices.to(device), patches.grain.to(device))[:, 0, 0]
        labels = patches.labels.to(device)
        return learner.tell_apart(logits, labels)

    run_loop(step, config.steps, {"network": learner}, run, seed=config.seed)
    learner.finished()
    return TamperingDetector(network)


def detector_metrics(
    detector: TamperingDetector,
    attackers: Sequence[Attacker],
    scans: Sequence[Scan],
    *,
    places: int = 48,
    seed: int = 0,
) -> dict[str, object]:
    """How well single patches in the middle of attacks are told from the same lung untouched.

    Returns:
        ``places`` of each attacker, and ``auc`` by action, over all scans.
    """
    lungs = [_Lung.of(volume) for volume in volumes(scans, thicknesses=())]
    random = torch.Generator().manual_seed(seed)
    scores: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for attacker in attackers:
        for number in range(places):
            lung = lungs[number % len(lungs)]
            patches = _struck(lung, attacker, 1, 1, 0.0, random, off_mm=0.0)
            logits = detector.logits(patches.slices, patches.grain)[:, 0, 0]
            attacked = patches.labels > 0.5
            scores.setdefault(attacker.action, []).append((logits[attacked], logits[~attacked]))
    return {"places": places, "auc": {action: _auc(pairs) for action, pairs in scores.items()}}


def _auc(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    attacked, untouched = (torch.cat(part) for part in zip(*pairs, strict=True))
    above = (attacked[:, None] - untouched).sign()
    return round(float((above + 1).mean() / 2), 4)


def _drawn(
    lungs: Sequence[_Lung],
    attackers: Sequence[Attacker],
    config: DetectorConfig,
    random: torch.Generator,
) -> _Patches:
    """Patches of one volume, struck by one attacker, and as many of untouched dense lung."""
    pick, who = torch.randint(2**31, (2,), generator=random).tolist()
    lung, attacker = lungs[pick % len(lungs)], attackers[who % len(attackers)]
    struck = _struck(lung, attacker, config.strikes, config.patches, config.processed, random)
    dense = [
        _untouched(lung, config.patches, config.processed, random) for _ in range(config.strikes)
    ]
    return _Patches.all([struck, *dense])


def _struck(
    lung: _Lung,
    attacker: Attacker,
    strikes: int,
    patches: int,
    processed: float,
    random: torch.Generator,
    *,
    off_mm: float = _OFF_MM,
) -> _Patches:
    """Patches of attacked places, and the same ones untouched."""
    volume = lung.volume
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=random)))
    places = [volume.position(rng) for _ in range(strikes)]
    hu = volume.hu.numpy()
    plans = [plan_attack(hu, volume.spacing, p, attacker.action, in_body=True) for p in places]
    cut = cut_plans(volume.hu, plans)
    with torch.no_grad():
        blocks = torch.cat([one.tampered for one in Strikes(cut, attacker).outcomes()])
    some = []
    for plan, block in zip(plans, blocks, strict=True):
        before, corner = _region(volume, plan.position, off_mm)
        after = before.clone()
        start = [a - b for a, b in zip(plan.start, corner, strict=True)]
        paste_block(after, block, start)
        both = torch.stack([after, before])
        usual = lung.grain.usual_at(plan.position)
        both, grain = _processed(both, usual, processed, random)
        for _ in range(patches):
            pair = _patch(both, volume.spacing, off_mm, random)
            some.append(_Patches(pair, torch.full((2,), grain), torch.tensor([1.0, 0.0])))
    return _Patches.all(some)


def _untouched(lung: _Lung, patches: int, processed: float, random: torch.Generator) -> _Patches:
    """Patches around the densest of many places."""
    volume = lung.volume
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=random)))
    places = volume.lung.positions(_PLACES, rng)
    density = volume.hu[tuple(torch.from_numpy(places).long().T)]
    place = places[int(density.argmax())].tolist()
    region, _ = _region(volume, place, _OFF_MM)
    both, grain = _processed(region[None], lung.grain.usual_at(place), processed, random)
    slices = torch.cat([_patch(both, volume.spacing, _OFF_MM, random) for _ in range(patches)])
    return _Patches(slices, torch.full((patches,), grain), torch.zeros(patches))


def _region(volume: Volume, place: Sequence[int], off_mm: float) -> tuple[Tensor, list[int]]:
    """``[z, y, x]`` in HU that holds every patch around a place, and its first voxel."""
    reach = [round(off_mm / s) for s in volume.spacing]
    across = (SLICES - 1) * slices_apart(volume.spacing[0]) + 1
    size = [across + 2 * reach[0], *(SIDE + 2 * r for r in reach[1:])]
    corner = [p - n // 2 for p, n in zip(place, size, strict=True)]
    # Blocks of some odd sizes have their position one voxel behind their middle.
    z, y, x = (first + round(n / 2) for first, n in zip(corner, size, strict=True))
    return cut_blocks(volume.hu, [(z, y, x)], (size[0], size[1], size[2]))[0], corner


def _patch(
    regions: Tensor, spacing: tuple[float, float, float], off_mm: float, random: torch.Generator
) -> Tensor:
    """One place of regions ``[b, z, y, x]``, ``[b, 3, 34, 34]``, turned at random."""
    room = [2 * round(off_mm / s) for s in spacing]
    z, y, x = (int(torch.randint(n + 1, (), generator=random)) for n in room)
    apart = slices_apart(spacing[0])
    picked = regions[:, z : z + (SLICES - 1) * apart + 1 : apart, y : y + SIDE, x : x + SIDE]
    turn = int(torch.randint(8, (), generator=random))
    return torch.stack([turned(one, turn) for one in picked])


def _processed(
    regions: Tensor, usual_hu: float, share: float, random: torch.Generator
) -> tuple[Tensor, float]:
    """Blurred in plane, or with noise, the same in all; and what is usual around then."""
    chance, how, amount = torch.rand(3, generator=random).tolist()
    if chance >= share:
        return regions, usual_hu
    tissue = regions[-1] > _AIR_HU
    if not tissue.any():
        return regions, usual_hu
    before = detail(regions[-1])[tissue].abs().median()
    if how < 0.5:
        low, high = _BLUR_PIXELS
        regions = _blurred(regions, low + (high - low) * amount)
    else:
        noise = torch.randn(regions.shape[1:], generator=random)
        regions = regions + amount * _NOISE_HU * noise
    ratio = detail(regions[-1])[tissue].abs().median() / before.clamp_min(_LEAST_HU)
    return regions, usual_hu * float(ratio)


def _blurred(regions: Tensor, sigma: float) -> Tensor:
    """In plane, ``sigma`` in pixels."""
    blurred = ndimage.gaussian_filter(
        regions.numpy(), sigma, mode="nearest", radius=_BLUR_RADIUS, axes=(-2, -1)
    )
    return torch.from_numpy(blurred)
