"""Features of an attacker as what a perturbation is to move, in place of what it paints."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mitsgan.attack import Attacker, Cut, Outcome, TrainedAttacker
from mitsgan.attack.networks.ctgan import Generator
from mitsgan.errors import SettingsError

_SMALLEST = 1e-6  # keeps ratio and gradient finite where no feature differs


def features_moved(outcome: Outcome) -> Tensor:
    """Logarithm of how far features move, ``[b]``: the mean over the depths of the encoder.

    At each depth the RMS of the change, over the RMS of the features of the scan as it was.

    Raises:
        SettingsError: the attacker has no encoder that is known.
    """
    attacker = outcome.strikes.attacker
    with torch.no_grad():
        before = list(_features(attacker, outcome.strikes.original))
    moved = [
        ((after - ref).square().mean((1, 2, 3, 4)) + _SMALLEST)
        / (ref.square().mean((1, 2, 3, 4)) + _SMALLEST)
        for ref, after in zip(before, _features(attacker, outcome.changed), strict=True)
    ]
    return torch.stack(moved).log().mean(0) / 2


def _features(attacker: Attacker, cut: Cut) -> Iterator[Tensor]:
    """What each level of the encoder makes of the cubes of a cut, the first level first."""
    if not (isinstance(attacker, TrainedAttacker) and isinstance(attacker.network, Generator)):
        raise SettingsError(f"{attacker} is no CT-GAN; its features are not known")
    level = attacker.condition(cut.cubes(cut.before))
    for down in attacker.network.down:
        level = down(level)
        yield level
