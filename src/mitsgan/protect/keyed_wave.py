"""A wave and a slow field under one sign: a filter for either leaves the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mitsgan.anatomy.mask import Box
from mitsgan.protect.aerated import Array, LungPattern, Pattern
from mitsgan.protect.field import slow_field
from mitsgan.protect.protector import register
from mitsgan.protect.wave import wave_of_rows
from mitsgan.scan.scan import Scan

FIELD_PART = 0.8
"""Of the budget: how far the field moves local means. What is left of the strength is the wave's;
see docs/decisions/keyed-wave.md."""


@register
@dataclass(frozen=True)
class KeyedWave(LungPattern):
    """Plus and minus the budget by a wave whose duty follows a slow field, in aerated lung alone.

    Every voxel there moves by the whole budget, so that both patterns have room in it (pulse-width
    modulation). Phase and field are drawn from the seed. See `LungWave` and `BiasField`.
    """

    name: ClassVar[str] = "keyed-wave"
    title: ClassVar[str] = "a wave on a bias field"
    summary: ClassVar[str] = (
        "a wave that attackers alias, on a slow field: a filter for either leaves the other; "
        "no network"
    )
    secret: ClassVar[bool] = True

    seed: int = 0

    def pattern(self, scan: Scan) -> Pattern:
        """See `LungPattern.pattern`."""
        wave = wave_of_rows(scan, self.seed).astype(np.float32)[:, None]
        field = slow_field(scan, self.seed)

        def pattern(z: int, box: Box) -> Array:
            # sign(sin(a) + sin(m pi / 2)) has the mean m over all angles a.
            beneath = np.sin(np.float32(np.pi / 2 * FIELD_PART) * field(z, box))
            return np.where(wave[box[0]] < -beneath, np.float32(-1), np.float32(1))

        return pattern
