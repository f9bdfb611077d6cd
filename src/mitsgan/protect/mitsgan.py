"""MITS-GAN as a protector: a trained generator applied to whole scans, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mitsgan.errors import WeightsError
from mitsgan.layout import channels_last
from mitsgan.protect.budget import Budget
from mitsgan.protect.networks import HALO, TILE, PerturbationGenerator
from mitsgan.scan.scan import Scan
from mitsgan.weights import Card, load_weights, save_weights, shipped


@dataclass(frozen=True)
class MitsGan:
    """The perturbation of one generator for one seed; a `Layer`.

    Attributes:
        generator: in evaluation mode, on the device where it is to run.
        seed: of the noise that the generator is fed; same seed, same perturbation.
        card: of the weights.
    """

    generator: PerturbationGenerator
    seed: int
    card: Card

    @classmethod
    def load(
        cls, path: Path | None = None, *, seed: int = 0, device: torch.device | str = "cpu"
    ) -> MitsGan:
        """Read a protector, by default the one that ships with the package.

        In half the precision (bfloat16) where the device computes in it natively.

        Raises:
            WeightsError: see `mitsgan.weights.load_weights`.
        """
        path = path or shipped("mitsgan")
        tensors, card = load_weights(path, "protector")
        try:
            a, b, c = (int(w) for w in card["config"]["width"])
            generator = PerturbationGenerator((a, b, c))
            generator.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: card and tensors do not fit: {error}") from error
        generator.eval().requires_grad_(False)
        dtype = torch.bfloat16 if has_native_bfloat16(torch.device(device)) else torch.float32
        return cls(channels_last(generator.to(device, dtype)), seed, card)

    def save(self, path: Path, card: Card) -> None:
        """Write the generator as safetensors; ``card`` holds at least ``config``."""
        save_weights(path, self.generator.state_dict(), {**card, "kind": "protector"})

    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `Layer.perturbation`; within the budget by construction (tanh)."""
        device = self.generator.stem.weight.device
        depth, height, width = scan.shape
        first, last = max(start - HALO, 0), min(stop + HALO, depth)
        hu = torch.from_numpy(scan.hu(first, last)).to(device)
        hu = F.pad(hu[None, None], _padding(height, width), mode="replicate")[0, 0]
        numbers = [min(max(z, 0), depth - 1) for z in range(start - HALO, stop + HALO)]
        hu = hu[[z - first for z in numbers]]
        side = (hu.shape[1] // 2, hu.shape[2] // 2)
        noise = torch.stack([slice_noise(self.seed, z, side) for z in numbers]).to(device)
        with torch.inference_mode():
            residual = self.generator(hu, noise, scan.spacing)
            bounded = residual.tanh_().mul_(budget.max_hu)[:, :height, :width]
        return np.asarray(bounded.cpu().numpy())


def slice_noise(seed: int, number: int, side: tuple[int, int]) -> Tensor:
    """Standard normal noise ``[y, x]`` of one slice, the same on every device."""
    state = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    return torch.randn(side, generator=torch.Generator().manual_seed(state % 2**63))


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is fast there; elsewhere it is emulated, and slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # new in 2.9
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _padding(height: int, width: int) -> tuple[int, ...]:
    return (0, -width % TILE, 0, -height % TILE, 0, 0)
