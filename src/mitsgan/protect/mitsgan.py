"""MITS-GAN as a protector: a trained generator applied to whole scans, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.anatomy.around import Around
from mitsgan.anatomy.body import body_box, grown
from mitsgan.anatomy.lung import find_lung, lung_box
from mitsgan.errors import ScanError
from mitsgan.networks import Card
from mitsgan.networks.golden import wave
from mitsgan.networks.precision import has_native_bfloat16
from mitsgan.perturb.budget import Budget
from mitsgan.protect.network import ANY_PHASE_MM, HALO, PATCH, TILE, PerturbationGenerator
from mitsgan.protect.protector import register
from mitsgan.protect.trained import TrainedProtector
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import AIR_HU, Scan

Extent = tuple[slice, slice, slice]
"""Slices, rows and columns."""

REACH_MM = 24.0
"""How far from the lungs voxels are perturbed."""

_MARGIN = 4
"""Voxels around the body's box, which is right to so many."""


@register
@dataclass(frozen=True, eq=False)
class MitsGan(TrainedProtector):
    """The perturbation of one generator for one seed.

    Attributes:
        network: the generator, in evaluation mode, on the device where it is to run.
        seed: of the noise that the generator is fed; same seed, same perturbation.
        card: of the weights.
    """

    name: ClassVar[str] = "mits-gan"
    title: ClassVar[str] = "MITS-GAN"
    summary: ClassVar[str] = (
        "bounded, three-dimensional, trained through the attackers at random lung positions"
    )
    SHIPPED: ClassVar[str | None] = "mitsgan"
    MEMORY: ClassVar[torch.memory_format] = torch.channels_last_3d

    network: PerturbationGenerator
    seed: int = 0
    card: Card = field(default_factory=dict)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """See `Model.from_tensors`."""
        config = card["config"]
        a, b = (int(w) for w in config["width"])
        network = PerturbationGenerator(
            (a, b), int(config.get("reach", 0)), tuple(config.get("waves", ()))
        )
        network.load_state_dict(tensors)
        return cls(network, card=card)

    def with_seed(self, seed: int) -> Self:
        """See `Protector.with_seed`."""
        return replace(self, seed=seed)

    @classmethod
    def dtype_on(cls, device: torch.device) -> torch.dtype:
        """Half the precision (bfloat16) where the device computes in it natively."""
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32

    def golden_output(self) -> Tensor:
        """The perturbation as a part of the budget, ``[3, 32, 40]``."""
        hu = wave(3 + 2 * HALO, 32, 40)
        noise = (wave(len(hu), 32 // PATCH, 40 // PATCH) + 850) / 60
        return cast(Tensor, self.network(hu, noise, (2.5, 0.7, 0.7))).tanh()

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Perturbation`; within the budget by construction: tanh times the limit."""
        everywhere = np.zeros((stop - start, *scan.shape[1:]), np.float32)
        slices, rows, columns = where_it_acts(scan)
        box = (rows, columns)
        offset, start, stop = start, max(start, slices.start), min(stop, slices.stop)
        if start >= stop:
            return everywhere
        device = self.device
        depth = scan.shape[0]
        first, last = max(start - HALO, 0), min(stop + HALO, depth)
        inside = scan.hu(first, last, box)
        if not scan.is_integer:
            np.nan_to_num(inside, copy=False, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
        height, width = inside.shape[1:]
        beyond = (first - start + HALO, stop + HALO - last)  # slices held at the scan's ends
        padding = (0, -width % TILE, 0, -height % TILE, *beyond)
        hu = torch.from_numpy(inside).to(device)
        if any(padding):
            hu = F.pad(hu[None], padding, mode="replicate")[0]
        side = (hu.shape[1] // PATCH, hu.shape[2] // PATCH)
        numbers = [min(max(z, 0), depth - 1) for z in range(start - HALO, stop + HALO)]
        noise = torch.stack([slice_noise(self.seed, z, side) for z in numbers]).to(device)
        with torch.inference_mode():
            residual = self.network(hu, noise, scan.spacing, self._phase(scan, box))
            residual = residual[:, :height, :width]
            if device.type == "cpu":
                bounded = np.tanh(residual.numpy())  # a tenth of the time that torch takes
            else:
                bounded = residual.tanh_().cpu().numpy()
        bounded *= budget.limits(scan, start, stop, box)
        near = near_lung(scan)
        if near is not None:
            bounded *= near.slab(start, stop, box)
        everywhere[start - offset : stop - offset, *box] = bounded
        return everywhere

    def _phase(self, scan: Scan, box: tuple[slice, slice]) -> tuple[float, float]:
        """Of the waves where the block begins, in mm: from the seed, and the same for all slabs."""
        y, x = np.random.default_rng(self.seed).uniform(0, ANY_PHASE_MM, 2)
        _, height, width = scan.spacing
        return float(y + box[0].start * height), float(x + box[1].start * width)


@register
@dataclass(frozen=True, eq=False)
class MitsGanWaves(MitsGan):
    """The same with a network that chooses plane waves patch by patch, trained on more.

    Attributes:
        network, seed, card: see `MitsGan`; the seed is of the waves' phase as well.
    """

    name: ClassVar[str] = "mits-gan-waves"
    title: ClassVar[str] = "MITS-GAN with waves"
    summary: ClassVar[str] = (
        "the same with waves that attackers alias, trained against diffusion as well"
    )
    SHIPPED: ClassVar[str | None] = "mitsgan-waves"


@once_per_scan
def where_it_acts(scan: Scan) -> Extent:
    """The block that the network works on: it holds the lungs, and what an attack on them sees.

    The whole body where there is no lung. Found once for a scan.
    """
    height, width = scan.shape[1:]
    rows, columns = body_box(scan)
    y, x = grown(rows, _MARGIN, TILE, height), grown(columns, _MARGIN, TILE, width)
    lung = lung_box(scan, REACH_MM)
    if lung is None:
        return slice(0, scan.shape[0]), y, x
    return lung[0], _shared(y, lung[1]), _shared(x, lung[2])


@once_per_scan
def near_lung(scan: Scan) -> Around | None:
    """What is perturbed of that block: what lies at most 24 mm from a lung; all if None.

    Attackers see 16 mm around a place in the lung to every side: the corners of that cube lie less
    than 24 mm from the lung where the place is 5 mm deep in it.
    """
    try:
        return Around.of(find_lung(scan), REACH_MM, scan.spacing)
    except ScanError:
        return None


def _shared(body: slice, lung: slice) -> slice:
    """What both hold, in whole tiles of the body's."""
    low = body.start + max(lung.start - body.start, 0) // TILE * TILE
    high = body.start - (body.start - lung.stop) // TILE * TILE
    return slice(low, min(max(high, low + TILE), body.stop))


def slice_noise(seed: int, number: int, side: tuple[int, int]) -> Tensor:
    """Standard normal noise ``[y, x]`` of one slice, the same on every device."""
    state = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    return torch.randn(side, generator=torch.Generator().manual_seed(state % 2**63))
