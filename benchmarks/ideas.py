"""Ideas for perturbations that need no network, as protectors of a benchmark.

    python benchmarks/ideas.py RUN_FOLDER

Strong islands: the whole strength in few places. Displacement: voxels are moved and not changed.
What is measured stands in benchmarks/ideas.toml, what came of it in docs/decisions/ideas.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

import mitsgan as mg
from measuring import exit_code
from mitsgan.perturb import Budget
from mitsgan.protect import MitsGan, Protector, register
from mitsgan.scan.scan import AIR_HU, Scan

CONFIG = Path(__file__).with_name("ideas.toml")

Array = NDArray[np.float32]

RADIUS_MM = 12.0
"""Of an island."""

APART_MM = 40.0
"""One island in each cube of this side: of all there is, they fill a ninth."""

MOST_PIXELS = 0.3
"""How far a displacement goes, in a slice."""

SMOOTH_MM = 4.0
"""Standard deviation of the Gaussian that smooths a displacement."""


@dataclass(frozen=True, eq=False)
class Islands(Protector):
    """The network's perturbation in balls at random places, nothing between them.

    Attributes:
        inside: what is put into the balls.
        seed: of where they lie.
    """

    name: ClassVar[str] = "islands"
    title: ClassVar[str] = "strong islands"
    summary: ClassVar[str] = "the network's perturbation in balls at random places only"

    inside: MitsGan = field(default_factory=MitsGan.load)
    seed: int = 0

    def with_seed(self, seed: int) -> Self:
        """See `Protector.with_seed`."""
        return replace(self, seed=seed, inside=self.inside.with_seed(seed))

    def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> Array:
        """See `mitsgan.perturb.Perturbation`."""
        strength = self.inside.perturbation(scan, start, stop, budget)
        return strength * self._islands(scan, start, stop)

    def _islands(self, scan: Scan, start: int, stop: int) -> NDArray[np.bool_]:
        """``[z, y, x]``: what lies in a ball. None reaches beyond the cube that it lies in."""
        ends = np.multiply(scan.shape, scan.spacing)
        cubes = np.floor(ends / APART_MM).astype(int) + 1
        free = APART_MM / 2 - RADIUS_MM
        rng = np.random.default_rng(self.seed)
        away = rng.uniform(-free, free, (3, *cubes))
        ranges = ((start, stop), (0, scan.shape[1]), (0, scan.shape[2]))
        along = [
            (np.arange(*ends) + 0.5) * mm for ends, mm in zip(ranges, scan.spacing, strict=True)
        ]
        cube = np.ix_(*((mm // APART_MM).astype(int) for mm in along))
        places = np.meshgrid(*along, indexing="ij", sparse=True)
        squares = sum(
            (mm - (number + 0.5) * APART_MM - away[axis][cube]) ** 2
            for axis, (mm, number) in enumerate(zip(places, cube, strict=True))
        )
        return np.asarray(squares < RADIUS_MM**2)


@dataclass(frozen=True)
class Displacement(Protector):
    """Every slice is bent a little: what is added is the bent slice minus the slice."""

    name: ClassVar[str] = "displacement"
    title: ClassVar[str] = "displacement"
    summary: ClassVar[str] = f"slices bent by a smooth random field of at most {MOST_PIXELS} pixel"
    bounded: ClassVar[bool] = False

    seed: int = 0

    def with_seed(self, seed: int) -> Self:
        """See `Protector.with_seed`."""
        return replace(self, seed=seed)

    def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> Array:
        """See `mitsgan.perturb.Perturbation`; the budget binds nothing here."""
        hu = np.nan_to_num(scan.hu(start, stop), nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
        return np.stack(
            [self._bent(one, z, scan) - one for z, one in zip(range(start, stop), hu, strict=True)]
        )

    def _bent(self, hu: Array, z: int, scan: Scan) -> Array:
        rng = np.random.default_rng((self.seed, z))
        sigma = [SMOOTH_MM / mm for mm in scan.spacing[1:]]
        ways = np.stack([gaussian_filter(rng.standard_normal(hu.shape), sigma) for _ in "yx"])
        ways *= MOST_PIXELS / np.sqrt((ways**2).sum(0)).max()
        bent: Array = map_coordinates(hu, np.indices(hu.shape) + ways, order=3, mode="nearest")
        return bent


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--config", type=Path, default=CONFIG, help="in place of ideas.toml")
    parser.add_argument("--resume", action="store_true", help="go on with what is there")
    options = parser.parse_args(argv)

    def work() -> int:
        for idea in (Islands, Displacement):
            register(idea)
        torch.set_num_threads(1)
        mg.benchmark(options.config, options.run, resume=options.resume, environment=os.environ)
        return 0

    return exit_code("ideas", work)


if __name__ == "__main__":
    sys.exit(main())
