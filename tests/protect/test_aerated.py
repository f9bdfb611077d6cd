"""What all patterns in aerated lung have in common."""

import numpy as np
import pytest

from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect.aerated import LungPattern
from mitsgan.protect.field import BiasField
from mitsgan.protect.keyed_wave import KeyedWave
from mitsgan.protect.wave import LungWave
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize("kind", [LungWave, BiasField, KeyedWave])
def test_a_scan_without_lung_stays_as_it_is(kind: type[LungPattern]) -> None:
    head = np.full((4, 64, 64), -1000, np.int16)
    head[:, 8:-8, 8:-8] = 1200
    head[:, 12:-12, 12:-12] = 40
    scan = Scan.from_hu(head, (5.0, 1.0, 1.0))
    assert apply_perturbations(scan, [kind()], Budget(10)).largest_hu == 0
