"""What networks are fine-tuned from, and on: weights that are there, and protected scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from mitsgan.attack import TrainedAttacker
from mitsgan.attack.networks.architectures import ARCHITECTURES
from mitsgan.errors import SettingsError
from mitsgan.jobs.entries import weights_entry
from mitsgan.jobs.train.inputs import Source, whole_scans
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import PROTECTORS, MitsGan
from mitsgan.scan import Scan
from mitsgan.settings import DEFAULT_PROTECTOR
from mitsgan.training.config import AttackerConfig, DiffusionConfig, ProtectorConfig

_DIFFUSION = "diffusion"

SEEDS = 2
"""Protected versions of each scan: another seed gives another perturbation."""

_APART = 1000
"""From the training's seed: the seeds that a user protects with, 0 by default, stay unseen."""


def begin_with(path: Path) -> tuple[TrainedAttacker, dict[str, object]]:
    """An attacker, and its name for a card.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    attacker = TrainedAttacker.load(path)
    return attacker, weights_entry(attacker.card, path, path.stem)


def config_like(start: TrainedAttacker, config: AttackerConfig) -> AttackerConfig:
    """The configuration with the architecture and width of what training begins with.

    Raises:
        SettingsError: that does something else than what is to be trained, is a diffusion
            attacker, or of an architecture that is not trained here.
    """
    if start.action != config.action:
        raise SettingsError(
            f"`init`: these weights {start.action}, and `action` says {config.action}"
        )
    known = start.card["config"]
    architecture = known.get("architecture", "ct-gan")
    if architecture == _DIFFUSION:
        raise SettingsError("`init`: these are weights of a diffusion attacker; train diffusion")
    if architecture not in ARCHITECTURES:
        raise SettingsError(f"`init`: attackers of the architecture {architecture} are not trained")
    return replace(config, architecture=architecture, width=int(known["width"]))


def drawing_like(start: TrainedAttacker, config: DiffusionConfig) -> DiffusionConfig:
    """The configuration with the width of the diffusion attacker that training begins with.

    Raises:
        SettingsError: it is none.
    """
    known = start.card["config"]
    if known.get("architecture") != _DIFFUSION:
        raise SettingsError("`init`: these weights are of no diffusion attacker")
    return replace(config, width=int(known["width"]))


def protector_to_begin_with(
    path: Path, config: ProtectorConfig
) -> tuple[MitsGan, ProtectorConfig, dict[str, object]]:
    """A protector in float32, the configuration of a network like it, and its name for a card.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    protector = MitsGan.load(path, dtype=torch.float32)
    network = protector.network
    config = replace(config, width=network.width, reach=network.reach, waves=network.waves)
    return protector, config, weights_entry(protector.card, path, path.stem)


def protectors(path: Path | None, seed: int) -> list[MitsGan]:
    """A protector of weights, by default the one that protects by default, with several seeds.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    kind = cast(type[MitsGan], PROTECTORS.get(DEFAULT_PROTECTOR))
    return [kind.load(path, seed=seed + _APART + number) for number in range(SEEDS)]


def protected_versions(
    sources: Sequence[Source], layers: Sequence[MitsGan], budget: Budget
) -> list[Scan]:
    """Every scan protected by each of ``layers``, in memory."""
    return [
        apply_perturbations(scan, [layer], budget).scan
        for scan in whole_scans(sources)
        for layer in layers
    ]
