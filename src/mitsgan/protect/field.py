"""A smooth random field: the density of the lung, a little more here and a little less there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import fft

from mitsgan.anatomy.mask import Box
from mitsgan.protect.aerated import Array, LungPattern, Pattern
from mitsgan.protect.protector import register
from mitsgan.scan.once import once_per_scan
from mitsgan.scan.scan import Scan

WAVELENGTH_MM = 32.0
"""As long as the cube that attackers see, so that it differs from one side of it to the other."""

_BANDWIDTH = 0.2
"""Standard deviation of its frequencies over the one of that wavelength."""

_NODE_MM = 4.0
"""It is drawn on a grid as fine as this, and interpolated linearly."""

_STEEPNESS = 2.5
"""How soon it is at the end of the budget, in its standard deviations before it is bounded."""


@register
@dataclass(frozen=True)
class BiasField(LungPattern):
    """Plus and minus the budget over some centimetres, drawn from the seed, in aerated lung alone.

    Filters against fine patterns leave it as it is. Without the seed it cannot be told from the
    lung's own density; who takes all slow changes out of what a generator is shown takes it out
    with them. Named after the slow changes of sensitivity in magnetic resonance imaging; of an
    attack on classifiers by such a field: Tian et al., arXiv 2009.09247.
    """

    name: ClassVar[str] = "bias-field"
    title: ClassVar[str] = "a bias field"
    summary: ClassVar[str] = (
        "plus and minus the budget over centimetres, which no filter for fine patterns removes; "
        "no network"
    )
    secret: ClassVar[bool] = True

    seed: int = 0

    def pattern(self, scan: Scan) -> Pattern:
        """See `LungPattern.pattern`."""
        return slow_field(scan, self.seed)


def slow_field(scan: Scan, seed: int) -> Pattern:
    """The field over a whole scan, before it is held to aerated lung."""
    nodes = _nodes(scan, seed)
    depth, down, right = (
        _between(n, mm, count)
        for n, mm, count in zip(scan.shape, scan.spacing, nodes.shape, strict=True)
    )

    def pattern(z: int, box: Box) -> Array:
        rows, columns = box
        return np.asarray(down[rows] @ np.tensordot(depth[z], nodes, 1) @ right[columns].T)

    return pattern


@once_per_scan
def _nodes(scan: Scan, seed: int) -> Array:
    """``[z, y, x]`` in -1 to 1: the field every `_NODE_MM`, from the scan's first voxel on."""
    # It repeats beyond its ends: two more nodes, and the last voxel lies between two of them.
    counts = [int(n * mm / _NODE_MM) + 2 for n, mm in zip(scan.shape, scan.spacing, strict=True)]
    noise = np.random.default_rng(seed).standard_normal(counts, np.float32)
    z, y = (fft.fftfreq(n, _NODE_MM) for n in counts[:2])
    x = fft.rfftfreq(counts[2], _NODE_MM)
    cycles = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) * WAVELENGTH_MM
    band = np.exp(-0.5 * ((cycles - 1) / _BANDWIDTH) ** 2)
    field = fft.irfftn(fft.rfftn(noise) * band, counts)
    bounded: Array = np.tanh(_STEEPNESS * field / field.std()).astype(np.float32)
    return bounded


def _between(length: int, mm: float, count: int) -> Array:
    """``[voxel, node]``: weights of linear interpolation along an axis.

    Args:
        length: of the axis, in voxels.
        mm: from one voxel to the next.
        count: of nodes.
    """
    places = np.arange(length) * (mm / _NODE_MM)
    apart = np.abs(places[:, None] - np.arange(count))
    weights: Array = np.maximum(1 - apart, 0).astype(np.float32)
    return weights
