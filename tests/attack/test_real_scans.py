"""The attack on real scans: sizes, a source of noise, and nothing outside the block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mitsgan.attack import Equalization, Generator, TrainedAttacker, plan_attack, tamper
from mitsgan.attack.plan import LUNG, sizes
from mitsgan.attack.resample import Triple
from mitsgan.files.io import read_scan

pytestmark = pytest.mark.real_data

_MASS_LPS = (56.21, 86.34, -115.87)


@pytest.mark.parametrize(
    "name, cube",
    [
        ("lidc-0001", (13, 46, 46)),
        ("lungfcp-0001", (32, 42, 42)),
        ("lungdx-a0001", (6, 38, 38)),
    ],
)
def test_the_cube_has_32_mm_at_the_spacing_of_the_header(
    data: Path, name: str, cube: Triple
) -> None:
    scan = read_scan(data / "ct" / name)
    assert sizes(scan.spacing)[0] == cube
    for n, step in zip(cube, scan.spacing, strict=True):
        assert abs(n * step - 32) <= step / 2


def test_the_mass_of_lidc_0001_can_be_attacked(data: Path) -> None:
    scan = read_scan(data / "ct" / "lidc-0001")
    hu = scan.hu()
    z, y, x = scan.geometry.to_voxel(_MASS_LPS)
    assert np.abs(np.subtract(scan.geometry.to_world((z, y, x)), _MASS_LPS)).max() <= 1.25
    assert hu[z - 1 : z + 2, y - 3 : y + 4, x - 3 : x + 4].mean() > -100  # solid, not lung
    plan = plan_attack(hu, scan.spacing, (z, y, x), "remove")
    assert plan.noise is not None
    around = tuple(slice(p - 3, p + 4) for p in plan.noise)
    assert ((hu[around] > LUNG[0]) & (hu[around] < LUNG[1])).any()
    torch.manual_seed(0)
    bins = torch.linspace(-1050, 1500, 100)
    table = Equalization(bins, (bins + 1050) * 12, 8_000.0, 0.0, 30_000.0)
    volume = torch.from_numpy(hu)
    with torch.no_grad():
        tampered = tamper(volume, plan, TrainedAttacker("remove", Generator(2).eval(), table))
    assert torch.isfinite(tampered).all()
    changed = np.argwhere((tampered != volume).numpy())
    start, stop = np.asarray(plan.start), np.asarray(plan.start) + np.asarray(plan.block)
    assert (changed.min(0) >= start).all()
    assert (changed.max(0) < stop).all()
    core = tuple(
        slice(s + c.start, s + c.stop) for s, c in zip(plan.start, plan.core_in_block, strict=True)
    )
    assert float((tampered - volume)[core].abs().mean()) > 100
