"""The slices of attacks are those of whole tampered scans."""

import numpy as np
import pytest
import torch

from mitsgan.attack import Equalization, Generator, TrainedAttacker, plan_attack
from mitsgan.attack.tamper import tamper
from mitsgan.evaluate.attacks.slices import tampered_slices
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import RandomSign

POSITIONS = [(8, 40, 28), (9, 42, 60), (12, 40, 64)]
"""The block of the last reaches beyond the top of the scan."""


@pytest.mark.parametrize("action", ["inject", "remove"])
def test_slices_are_those_of_whole_tampered_scans(action: str) -> None:
    scan = chest((16, 88, 88), (4.0, 4.0, 4.0), seed=2)
    protected = apply_perturbations(scan, [RandomSign(6.0)], Budget(10)).scan
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(2).eval().requires_grad_(False)
    table = Equalization.fit([torch.linspace(-1000, 400, 32**3)])
    attacker = TrainedAttacker(
        "inject" if action == "inject" else "remove", generator, table, "untrained"
    )
    volumes = tuple(torch.from_numpy(s.hu().clip(-1024)) for s in (scan, protected))
    untouched = [v.clone() for v in volumes]
    plans = [plan_attack(volumes[0].numpy(), scan.spacing, p, attacker.action) for p in POSITIONS]
    pieces = list(tampered_slices(scan, (volumes[0], volumes[1]), plans, attacker))
    assert plans[-1].start[0] + plans[-1].block[0] > scan.shape[0]
    assert len(pieces) == 3
    for pair, plan in zip(pieces, plans, strict=True):
        z = plan.position[0]
        for picture, volume in zip(pair[:2], volumes, strict=True):
            with torch.no_grad():
                whole = tamper(volume, plan, attacker)[z].numpy()
            np.testing.assert_allclose(picture, whole, atol=1e-2)
            assert np.abs(picture - volume[z].numpy())[pair[3]].max() > 5, "really tampered with"
    for volume, before in zip(volumes, untouched, strict=True):
        assert torch.equal(volume, before)
