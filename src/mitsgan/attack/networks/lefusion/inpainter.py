"""LeFusion as an inpainter: it draws a lesion into a mask, and leaves all around it as it is.

The known voxels, as noisy as the step wants them, take their places at every step (RePaint,
arXiv 2201.09865); the lesion comes out of noise in deterministic steps of DDIM (arXiv 2010.02502)
on the release's schedule. docs/importing-lefusion.md says in what this differs from the release.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.networks.lefusion.attention import Heads
from mitsgan.attack.networks.lefusion.unet import LesionUNet, Shape

Texture = Literal[1, 2, 3]
"""How bright a lesion is to be: the release's three, from faint and mixed to solid."""

TIMESTEPS = 300
"""Steps of the release's schedule."""

STEPS = 20
"""Evaluations of the network for one lesion, by default."""

FINER = 2
"""Samples of the network's patch for one of the cube, along rows and columns: 64 x 64 for 32 x 32,
as many as it was trained on."""

_DIAMETER_MM = (8.0, 14.0)
"""Of lesions, along each axis; drawn."""

_LEAST_SIGNAL = 0.03
"""Of the known voxels, where drawing begins: before, they are noise alone."""

_TEXTURES: Mapping[Texture, tuple[float, ...]] = {
    1: (
        *(0, 0, 0.0142, 0.0660, 0.1415, 0.1840, 0.0472, 0.1179),
        *(0.0991, 0.0849, 0.1179, 0.0802, 0.0472, 0, 0, 0),
    ),
    2: (
        *(0, 0, 0, 0.0003, 0.0066, 0.0381, 0.0664, 0.0811),
        *(0.0921, 0.1207, 0.1807, 0.3207, 0.0779, 0.0104, 0.0040, 0.0009),
    ),
    3: (
        *(0, 0, 0, 0, 0.0001, 0, 0.0006, 0.0007),
        *(0.0022, 0.0055, 0.0227, 0.2399, 0.6967, 0.0302, 0.0012, 0.0002),
    ),
}
"""Centres of the release's clusters of lesions, to four places (hist_clusters/lidc_clusters.json):
the share of voxels in sixteen bins of 87.5 HU, from -1000 to 400 HU."""


class LesionInpainter(nn.Module):
    """Draws lesions into cubes: ``[b, 1, 32, 32, 32]`` in the unit range, to the same.

    Unlike other inpainters it sees the core, all but the lesion itself.

    Args:
        unet: the network.
        timesteps: of the schedule that it was trained on.
        steps: evaluations of the network for one lesion.
        texture: how bright lesions are to be.
        finer: samples of its patch for one of the cube, along rows and columns.
    """

    def __init__(
        self,
        unet: LesionUNet,
        *,
        timesteps: int = TIMESTEPS,
        steps: int = STEPS,
        texture: Texture = 3,
        finer: int = FINER,
    ) -> None:
        super().__init__()
        if texture not in get_args(Texture):
            raise ValueError(f"there are textures 1, 2 and 3, found {texture}")
        kept = kept_signal(timesteps).sqrt().float()
        times = _times(kept, steps)
        self.unet = unet
        self.width = unet.shape.width
        self.timesteps = timesteps
        self.steps = steps
        self.texture = texture
        self.finer = finer
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("times", times)
        self.register_buffer("histogram", torch.tensor([_TEXTURES[texture]]))
        eye = torch.eye(SIDE)[None, None]
        # With `antialias` it is the cubic that keeps straight lines straight (Keys, a = -0.5).
        bands = F.interpolate(eye, scale_factor=(finer, 1), mode="bicubic", antialias=True)
        self.register_buffer("bands", bands[0, 0], persistent=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LesionInpainter:
        """What `config` says of one, without weights.

        Raises:
            KeyError, TypeError, ValueError: it says no such thing.
        """
        heads = Heads(int(config["heads"]), int(config["head_channels"]))
        shape = Shape(int(config["width"]), tuple(map(int, config["multiples"])), heads)
        return cls(
            LesionUNet(shape),
            timesteps=int(config["timesteps"]),
            steps=int(config["steps"]),
            texture=config["texture"],
            finer=int(config["finer"]),
        )

    def config(self) -> dict[str, Any]:
        """What makes it again: JSON."""
        shape = self.unet.shape
        return {
            "width": shape.width,
            "multiples": list(shape.multiples),
            "heads": shape.heads.count,
            "head_channels": shape.heads.channels,
            "timesteps": self.timesteps,
            "steps": self.steps,
            "texture": self.texture,
            "finer": self.finer,
        }

    def forward(self, cubes: Tensor, seeds: Sequence[int] | None = None) -> Tensor:
        """Draw a lesion into the middle of every cube.

        Cube by cube: a patch of the published width takes gigabytes.

        Args:
            cubes: ``[b, 1, 32, 32, 32]`` in the unit range, whole.
            seeds: one a cube, of its lesion's size and the noise that it begins as; 0 for all by
                default.

        Returns:
            The cubes with their lesions. Outside `lesions` they are as they were.
        """
        seeds = [0] * len(cubes) if seeds is None else seeds
        drawn = [self._draw(cube[None], seed) for cube, seed in zip(cubes, seeds, strict=True)]
        return torch.where(self.lesions(seeds)[:, None], torch.cat(drawn), cubes)

    def lesions(self, seeds: Sequence[int]) -> Tensor:
        """Where lesions of ``seeds`` are drawn: ``[n, 32, 32, 32]``, true or false."""
        fine = torch.cat([_lesion(seed, self.finer)[0] for seed in seeds])
        whole = F.max_pool3d(fine, (1, self.finer, self.finer))[:, 0] > 0
        return whole.to(cast(Tensor, self.histogram).device)

    def _draw(self, cube: Tensor, seed: int) -> Tensor:
        lesion, noise = (part.to(cube) for part in _lesion(seed, self.finer))
        known = self._patch(cube)
        drawn = noise
        times = cast(Tensor, self.times).tolist()
        for now, then in pairwise((*times, -1)):
            step = (drawn, known, lesion, noise, now, then)
            if cube.requires_grad and torch.is_grad_enabled():
                drawn = cast(Tensor, checkpoint(self._step, *step, use_reentrant=False))
            else:
                drawn = self._step(*step)
        return F.avg_pool3d(torch.where(lesion > 0, drawn, known), (1, self.finer, self.finer)) / 2

    def _patch(self, cube: Tensor) -> Tensor:
        """A cube of 1 mm as the network's patch: 1 x 0.5 x 0.5 mm, -1 to 1."""
        bands = cast(Tensor, self.bands).to(cube)
        with torch.autocast(cube.device.type, enabled=False):
            return (bands @ (2 * cube) @ bands.T).clamp(-1, 1)

    def _step(
        self, drawn: Tensor, known: Tensor, lesion: Tensor, noise: Tensor, now: int, then: int
    ) -> Tensor:
        """One step of the schedule, from number ``now`` to ``then``; -1 is the end."""
        signal, spread = self._share(now)
        noisy = torch.where(lesion > 0, drawn, signal * known + spread * noise)
        time = torch.full((len(noisy),), now, device=noisy.device)
        histogram = cast(Tensor, self.histogram)
        predicted: Tensor = self.unet(noisy, time, histogram.expand(len(noisy), -1)).to(noisy)
        clean = ((noisy - spread * predicted) / signal).clamp(-1, 1)
        rest = (noisy - signal * clean) / spread
        signal, spread = self._share(then)
        return signal * clean + spread * rest

    def _share(self, time: int) -> tuple[float, float]:
        """How much of the patch, and how much noise, there is at a step."""
        signal = float(cast(Tensor, self.kept)[time]) if time >= 0 else 1.0
        return signal, math.sqrt(1 - signal**2)


def noise_added(timesteps: int) -> Tensor:
    """The variance that each step of the cosine schedule adds, ``[timesteps]``, double.

    Nichol and Dhariwal 2021, arXiv 2102.09672, as the release computes it.
    """
    x = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    kept = ((x + 0.008) / 1.008 * (math.pi / 2)).cos().square()
    return (1 - kept[1:] / kept[:-1]).clamp(0, 0.9999)


def kept_signal(timesteps: int) -> Tensor:
    """The share of the variance that is signal after each step, ``[timesteps]``, double."""
    return (1 - noise_added(timesteps)).cumprod(0)


def _times(kept: Tensor, steps: int) -> Tensor:
    """Numbers of ``steps`` steps of the schedule, evenly spaced, from the noisiest to 0."""
    first = int((kept >= _LEAST_SIGNAL).sum()) - 1
    if not 1 <= steps <= first + 1:
        raise ValueError(f"the schedule has {first + 1} steps to draw in, found {steps}")
    return torch.linspace(first, 0, steps).round().long()


def _lesion(seed: int, finer: int) -> tuple[Tensor, Tensor]:
    """A lesion's mask, 0 or 1, and the noise of its patch, ``[1, 1, 32, 64, 64]`` each.

    An ellipsoid in the middle; the same on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    least, most = _DIAMETER_MM
    semiaxes = (least + (most - least) * torch.rand(3, generator=generator)) / 2
    ways = [
        _middle(SIDE * fine) / fine / axis
        for fine, axis in zip((1, finer, finer), semiaxes.tolist(), strict=True)
    ]
    z, y, x = torch.meshgrid(*ways, indexing="ij")
    mask = (z.square() + y.square() + x.square() <= 1).float()
    noise = torch.randn(1, 1, *mask.shape, generator=generator)
    return mask[None, None], noise


def _middle(n: int) -> Tensor:
    """``n`` samples one apart, counted from their middle."""
    return torch.arange(n) - (n - 1) / 2
