"""How each kind of network is trained.

Nothing here needs torch: the settings of jobs and the options of commands are made of these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mitsgan.errors import SettingsError
from mitsgan.settings import Settings, a_seed, above_zero, at_least, check_choices, within

_RATES = ("rate", "generator_rate", "discriminator_rate", "decay")
_LARGEST_NODULE_MM = 30.0
_RESIDUAL_GROUP = 8
_DIFFUSION_GROUP = 4
"""Widths of these networks are multiples of so many: their channels work in groups."""

SMALLEST_CROP = 128
SLICE_SIDE = 512
"""Pixels of a part that still holds an attack and its surroundings, and of a whole slice."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """What every training has.

    Raises:
        SettingsError: a value that makes no sense; so do all that are made of this.
    """

    seed: int = 0
    """Of weights and data."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self)
        a_seed("seed", self.seed)
        for name in _RATES:
            at_least(name, getattr(self, name, 0), 0)
        for name, value in vars(self).items():
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, float) and not math.isfinite(number):
                    raise SettingsError(f"`{name}` must be finite, found {number}")


@dataclass(frozen=True, kw_only=True)
class AttackerConfig(TrainingConfig):
    """How an attacker is trained."""

    action: Literal["inject", "remove"]
    """What it is to do."""
    architecture: Literal["ct-gan", "residual"] = "ct-gan"
    """Of the inpainting network: the published U-Net, or a residual one with attention."""
    width: int = 10
    """Base filters of both networks; 100 as published."""
    steps: int = 2600
    """Optimiser steps."""
    batch: int = 16
    """Cubes a step."""
    l1_weight: float = 100.0
    """Weight of the mean absolute error."""
    adversarial_weight: float = 10.0
    """Weight of the adversarial term; 1 as published."""
    generator_rate: float = 4e-4
    """Adam's learning rate of the generator; falls to zero. Published: 2e-4."""
    discriminator_rate: float = 1e-4
    """Adam's learning rate of the discriminator; falls to zero. Published: 1e-6."""
    sharpness: tuple[float, ...] = (0.0,)
    """Amounts of unsharp masking; each scan serves once with each, as sharper kernels would."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 1)
        if self.architecture == "residual" and self.width % _RESIDUAL_GROUP:
            raise SettingsError(
                f"`width` {self.width}: the residual network needs a multiple of "
                f"{_RESIDUAL_GROUP}, such as 16"
            )
        at_least("steps", self.steps, 1)
        at_least("batch", self.batch, 2)
        _check_sharpness(self.sharpness)


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(TrainingConfig):
    """How a diffusion attacker is trained."""

    action: Literal["inject", "remove"]
    """What it is to do."""
    width: int = 16
    """Channels of the network's finest level, a multiple of 4."""
    steps: int = 4000
    """Optimiser steps."""
    batch: int = 16
    """Cubes a step."""
    rate: float = 1e-3
    """Adam's learning rate; falls to zero."""
    average: float = 0.998
    """How much of the moving average of the weights, which is what is kept, lasts each step."""
    sharpness: tuple[float, ...] = (0.0, 2.0, 4.0)
    """Amounts of unsharp masking; each scan serves once with each, as sharper kernels would."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 4)
        if self.width % _DIFFUSION_GROUP:
            raise SettingsError(
                f"`width` {self.width}: the diffusion network needs a multiple of "
                f"{_DIFFUSION_GROUP}, such as 16"
            )
        at_least("steps", self.steps, 1)
        at_least("batch", self.batch, 2)
        within("average", self.average, 0, 1)
        _check_sharpness(self.sharpness)


@dataclass(frozen=True, kw_only=True)
class ProtectorConfig(TrainingConfig):
    """How a protector is trained."""

    width: tuple[int, int] = (32, 48)
    """Channels of the generator's two levels."""
    reach: int = 0
    """Further layers of the lower level, each of which sees twice as far as the one before."""
    waves: tuple[float, ...] = ()
    """Cycles per mm of plane waves whose amplitudes the generator chooses patch by patch."""
    max_hu: float = 10.0
    """The budget during training; others scale the same perturbation."""
    steps: int = 3200
    """Optimiser steps."""
    crops: int = 2
    """Crops a step."""
    attacks: int = 4
    """Positions per action and crop."""
    domain_weight: float = 0.05
    """Weight of the domain loss."""
    energy_weight: float = 0.4
    """Weight of the mean squared perturbation, as a part of the budget: voxels that protect
    nothing stay as they are."""
    processed: float = 0.3
    """Share of attacks on a scan that was slightly blurred, or got more noise."""
    inject_goal: Literal["distance", "excess", "unchanged", "judged"] = "distance"
    """What an injection is to fail by: that something else is painted, that little is, that nothing
    changes, or that classifiers see no nodule."""
    remove_goal: Literal["distance", "remainder", "unchanged", "judged"] = "distance"
    """What a removal is to fail by: that something else is painted, that something bright is left,
    that nothing changes, or that classifiers still see a nodule."""
    target_hu: float | None = None
    """What attackers are to paint, in place of anatomy, whatever else they are to fail by."""
    augment: bool = False
    """Vary kernel, dose, slice thickness, field of view, density and shape from crop to crop, in
    place of `pixel_scales` and `sharpness`."""
    pixel_scales: tuple[float, ...] = (1.0,)
    """Every scan is trained on with its pixels that much larger."""
    sharpness: tuple[float, ...] = (0.0, 2.0, 4.0)
    """Amounts of unsharp masking; every scan is trained on with each."""
    rate: float = 1e-3
    """Adam's learning rate of the generator; falls to zero."""
    discriminator_rate: float = 2e-4
    """Adam's learning rate of the discriminator."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", min(self.width), 1)
        within("reach", self.reach, 0, 6)
        for wave in self.waves:
            above_zero("waves", wave)
        above_zero("max_hu", self.max_hu)
        at_least("steps", self.steps, 1)
        at_least("crops", self.crops, 1)
        at_least("attacks", self.attacks, 1)
        within("processed", self.processed, 0, 1)
        if not self.pixel_scales or min(self.pixel_scales) < 1:
            raise SettingsError(
                "`pixel_scales`: give at least one, none below 1; 1 changes nothing"
            )
        _check_sharpness(self.sharpness)


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(TrainingConfig):
    """How the nodule classifier is trained."""

    width: int = 12
    """Channels of the first layer."""
    steps: int = 600
    """Optimiser steps."""
    batch: int = 32
    """Cubes a step, every second one with a nodule."""
    rate: float = 1e-3
    """AdamW's learning rate; falls to zero."""
    smallest_mm: float = 6.0
    """Diameter of the smallest nodules."""
    largest_mm: float = 20.0
    """Diameter of the largest nodules."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 1)
        at_least("steps", self.steps, 1)
        at_least("batch", self.batch, 2)
        at_least("smallest_mm", self.smallest_mm, 4)
        at_least("largest_mm", self.largest_mm, self.smallest_mm)
        within("largest_mm", self.largest_mm, self.smallest_mm, _LARGEST_NODULE_MM)


@dataclass(frozen=True, kw_only=True)
class DetectorConfig(TrainingConfig):
    """How the tampering detector is trained."""

    width: int = 10
    """Channels of the first layer."""
    steps: int = 500
    """Optimiser steps."""
    volumes: int = 2
    """Volumes a step, each struck by one attacker."""
    strikes: int = 3
    """Attacked places of each volume, and as many dense ones that are not attacked."""
    patches: int = 4
    """Patches of each place."""
    rate: float = 2e-3
    """AdamW's learning rate; falls to zero."""
    decay: float = 1e-2
    """AdamW's weight decay."""
    processed: float = 0.5
    """Share of places that are blurred a little, or get noise, after the attack."""
    thicknesses: tuple[float, ...] = (2.0, 5.0)
    """Slices of so many mm are averaged from scans of thinner ones, and trained on as well."""
    sharpness: tuple[float, ...] = (0.0, 3.0)
    """Amounts of unsharp masking; each scan serves once with each, as sharper kernels would."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 1)
        at_least("steps", self.steps, 1)
        at_least("volumes", self.volumes, 1)
        at_least("strikes", self.strikes, 1)
        at_least("patches", self.patches, 1)
        within("processed", self.processed, 0, 1)
        _check_sharpness(self.sharpness)


@dataclass(frozen=True, kw_only=True)
class PaperConfig(TrainingConfig):
    """How MITS-GAN is trained as it was released."""

    width: int = 64
    """Channels of the generator; 64 as released."""
    epochs: int = 5
    """Passes over all whole groups of four slices."""
    manipulation_weight: float = 0.1
    """Weight of the mean squared difference between protected and tampered slices."""
    gradients_through_attack: bool = False
    """Let gradients flow through the attacker, as the release does not."""
    precision: Literal["bfloat16", "float32", "float64"] = "bfloat16"
    """What is multiplied in; bfloat16 is float32 with such products. The release computes in
    float64."""
    rate: float = 2e-4
    """Adam's learning rate of both networks."""
    crop: int = 0
    """Pixels along each side of the part of four slices, around the attack, that a step repaints
    and judges; 0 is all of them, as released."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 1)
        at_least("epochs", self.epochs, 1)
        _check_crop(self.crop)


@dataclass(frozen=True, kw_only=True)
class TafimConfig(TrainingConfig):
    """How TAFIM is trained."""

    width: int = 64
    """Channels of the U-Net's first level; 64 as published."""
    steps: int = 5000
    """Optimiser steps, one attack each."""
    target_hu: float = 0.0
    """What every attack is to paint."""
    perturbation_weight: float = 10.0
    """Weight of the mean squared perturbation."""
    rate: float = 1e-4
    """Adam's learning rate."""
    crop: int = 0
    """Pixels along each side of the part of the slices, around the attack, that a step sees; 0 is
    all of them."""
    whole_every: int = 0
    """With a crop, one step in so many sees whole slices: once trained, the network normalises by
    the means of those. 0: no step does."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("width", self.width, 1)
        at_least("steps", self.steps, 1)
        _check_crop(self.crop)
        at_least("whole_every", self.whole_every, 0)


def _check_crop(side: int) -> None:
    if side and not SMALLEST_CROP <= side <= SLICE_SIDE:
        raise SettingsError(
            f"`crop` {side}: give {SMALLEST_CROP} to {SLICE_SIDE} pixels, or 0 for whole slices"
        )


def _check_sharpness(amounts: tuple[float, ...]) -> None:
    if not amounts:
        raise SettingsError("`sharpness`: give at least one amount; 0 leaves scans as they are")
