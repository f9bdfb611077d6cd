"""What healthy lung of a scan looks like, measured on the scan itself, without a learned model.

Random lung holds vessels, airways and parts of the wall, so its cubes differ much. What lies
around a core tells most of that: each feature of the core is compared with what a straight line
expects from the same features of the shell around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from mitsgan.anatomy.lumps import are_lumps, lumps_mm3
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import cut_blocks, hu_volume
from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.plan import sizes
from mitsgan.attack.resample import zoom
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

Feature = Literal["mean", "deviation", "darkest", "brightest", "roughness"]
"""All in HU: mean, standard deviation, 1st and 99th percentile, and the RMS of the difference
between neighbours in the slice."""

FEATURES: tuple[Feature, ...] = get_args(Feature)

CUBES = 1000
"""Each range has two ends, and another healthy cube lies beyond one of them as seldom as any cube
of these is the outermost: five ranges of a thousand cubes call one in a hundred abnormal."""

_BATCH = 50
_SPARSE = 4


@dataclass(frozen=True)
class HealthyLung:
    """How far the core's features lie from what the shell lets expect, in healthy lung.

    Attributes:
        expected: ``[6, 5]``: the line from the shell's features, and 1, to the core's.
        ranges: from the smallest to the largest distance from that line, HU.
        lump_share: the part of its places where a lump stands as well: a vessel, mostly; see
            `mitsgan.anatomy.lumps`.
    """

    expected: Tensor
    ranges: Mapping[Feature, tuple[float, float]]
    lump_share: float

    def outside(self, cubes: Tensor) -> list[tuple[Feature, ...]]:
        """By which features cubes ``[b, 32, 32, 32]`` in HU are no healthy lung; none: they are."""
        low, high = torch.tensor([self.ranges[name] for name in FEATURES]).T
        core, shell = _features(cubes.float().cpu())
        apart = core - shell @ self.expected
        beyond = ~((apart >= low) & (apart <= high))  # what is no number is not healthy
        return [
            tuple(name for name, out in zip(FEATURES, row, strict=True) if out)
            for row in beyond.tolist()
        ]


@once_per_scan
def healthy_lung(scan: Scan, *, count: int = CUBES, seed: int = 0) -> HealthyLung:
    """Measure random lung cubes of an untouched scan.

    Args:
        scan: as it is before protection.
        count: how many cubes.
        seed: of their places. They are not those that `lung_positions` gives for the same seed:
            a cube that was measured here never lies outside of what was measured.

    Raises:
        PositionError: there is too little lung.
        ScanError: there is no lung.
    """
    size, _ = sizes(scan.spacing)
    positions = lung_positions(scan, count, seed + 1)
    volume = hu_volume(scan)
    features, lumps = [], 0
    for i in range(0, count, _BATCH):
        cubes = zoom(cut_blocks(volume, positions[i : i + _BATCH], size), (SIDE, SIDE, SIDE))
        features.append(_features(cubes))
        lumps += sum(are_lumps(lumps_mm3(cubes.numpy())))
    core, shell = (torch.cat(parts) for parts in zip(*features, strict=True))
    expected = torch.linalg.lstsq(shell.double(), core.double()).solution.float()
    low, high = (core - shell @ expected).aminmax(dim=0)
    ends = zip(FEATURES, low.tolist(), high.tolist(), strict=True)
    ranges = {name: (least, most) for name, least, most in ends}
    return HealthyLung(expected, ranges, lumps / count)


def _features(cubes: Tensor) -> tuple[Tensor, Tensor]:
    """Of the 20 mm core ``[b, 5]`` in the order of `FEATURES`; of the shell ``[b, 6]``, last 1."""
    core = torch.zeros(cubes.shape[1:], dtype=torch.bool, device=cubes.device)
    core[CORE, CORE, CORE] = True
    ones = torch.ones_like(cubes[:, 0, 0, :1])
    return _of(cubes, core), torch.cat((_of(cubes, ~core), ones), 1)


def _of(cubes: Tensor, where: Tensor) -> Tensor:
    values = cubes[:, where]
    ends = torch.tensor([0.01, 0.99]).to(values)
    darkest, brightest = values[:, ::_SPARSE].quantile(ends, dim=1)  # sorting takes its time
    squares, count = torch.zeros_like(darkest), 0
    for axis in (1, 2):
        size = where.shape[axis] - 1
        pairs = where.narrow(axis, 0, size) & where.narrow(axis, 1, size)
        squares = squares + cubes.diff(dim=axis + 1)[:, pairs].square().sum(1)
        count += int(pairs.sum())
    rough = (squares / count).sqrt()
    return torch.stack((values.mean(1), values.std(1), darkest, brightest, rough), 1)
