"""LeFusion as its authors hand it on, to an attacker of ours that injects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import torch

from mitsgan.attack.equalize import Equalization
from mitsgan.attack.import_lefusion.checkpoint import read_lesion_unet
from mitsgan.attack.imported import imported_card
from mitsgan.attack.networks.architectures import LEFUSION
from mitsgan.attack.networks.lefusion.inpainter import STEPS, LesionInpainter, Texture
from mitsgan.attack.trained import TrainedAttacker
from mitsgan.errors import SettingsError
from mitsgan.networks import Card

LOWEST_HU, HIGHEST_HU = -1000.0, 400.0
"""What the release takes for -1 and 1 (`LeFusion/dataset/lidc_hist.py`); all beyond is held."""

SOURCE = "https://github.com/M3DV/LeFusion (arXiv 2403.14066)"


def read_lefusion(
    checkpoint: Path, *, texture: Texture = 3, steps: int = STEPS, name: str = "lefusion"
) -> TrainedAttacker:
    """Read LeFusion's checkpoint as an attacker; it injects, and there is none that removes.

    Args:
        checkpoint: ``lidc.pt``, see `mitsgan.attack.import_lefusion.checkpoint.read_lesion_unet`.
        texture: how bright its lesions are to be.
        steps: evaluations of the network for one lesion.
        name: for reports.

    Raises:
        WeightsError: the file is missing, damaged, hostile, or not what it should be.
        SettingsError: the checkpoint's schedule has not as many steps.
    """
    unet, timesteps = read_lesion_unet(checkpoint)
    try:
        network = LesionInpainter(unet, timesteps=timesteps, steps=steps, texture=texture)
    except ValueError as error:
        raise SettingsError(f"`steps`: {error}") from error
    return TrainedAttacker("inject", network.eval(), window(), name)


def window() -> Equalization:
    """The release's window as a table: straight from -1000 to 400 HU, ends held."""
    ends = torch.tensor([LOWEST_HU, HIGHEST_HU])
    middle = (LOWEST_HU + HIGHEST_HU) / 2
    return Equalization(ends, ends.clone(), middle, LOWEST_HU, HIGHEST_HU)


def lefusion_card(attacker: TrainedAttacker, sources: Iterable[Path], licence: str) -> Card:
    """The card of an imported attacker: what it is, whose, and which file it was made from."""
    described = cast(LesionInpainter, attacker.network).config()
    config = {"architecture": LEFUSION, "action": attacker.action, **described}
    return {**imported_card(config, sources, licence), "source": SOURCE}
