"""SIMULATED in the voxels of what an attacker had a hand in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mitsgan.scan import Scan
from mitsgan.scan.canonical import reordered
from mitsgan.scan.order import AxisOrder
from mitsgan.scan.simulated import Simulated, band_rows, burn_in_hu, burnt


@pytest.fixture
def scan() -> Scan:
    hu = np.full((3, 64, 96), 40, np.int16)
    hu[0, 0, 0] = -1000
    tampered = Scan.from_hu(hu, (2.0, 1.0, 1.0))
    return replace(tampered, source=Simulated("dicom|1.2.3|4|5"))


def test_letters_stand_in_every_slice_along_the_lower_edge(scan: Scan) -> None:
    marked = burnt(scan)
    rows = band_rows(96)
    assert (marked.stored[:, :-rows] == scan.stored[:, :-rows]).all()
    for z in range(3):
        assert (marked.hu()[z] == burn_in_hu(scan.hu().astype(np.int16))[z]).all()
        band = marked.hu()[z, -rows:]
        assert (band.min(), band.max()) == (-1000, 1000)
    assert marked.source == scan.source


def test_letters_stand_in_axial_slices_whatever_the_order(scan: Scan) -> None:
    sagittal = reordered(scan, AxisOrder((2, 0, 1), (False, True, False)))
    assert sagittal.shape == (96, 3, 64)
    assert (burnt(sagittal).stored == burnt(scan).stored).all()


def test_letters_are_written_over_padding_and_in_stored_units(scan: Scan) -> None:
    stored = replace(
        scan,
        stored=(scan.stored // 2).astype(np.int16),
        slope=np.full(3, 2.0),
        padding=(20, 20),
    )
    band = burnt(stored).hu()[:, -band_rows(96) :]
    assert (band.min(), band.max()) == (-1000, 1000)
