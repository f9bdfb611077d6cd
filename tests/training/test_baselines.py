"""Both baselines on phantoms, with tiny networks: the released losses, and that they learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch

from mitsgan.attack import ACTIONS, Equalization, Generator, TrainedAttacker, plan_attack
from mitsgan.errors import DataError
from mitsgan.protect.baselines.paper import GROUP, PaperGenerator
from mitsgan.protect.baselines.slices import clean_hu, to_unit
from mitsgan.protect.baselines.tafim import TafimNet
from mitsgan.scan.scan import Geometry, Scan
from mitsgan.training.config import PaperConfig, TafimConfig
from mitsgan.training.loop import Run, read_losses
from mitsgan.training.paper import (
    PaperDiscriminator,
    _crop,
    _place,
    tampered,
    train_paper,
)
from mitsgan.training.tafim import train_tafim


@pytest.fixture(scope="module")
def attackers(training_chest: Scan) -> list[TrainedAttacker]:
    """An injector and a remover that were never trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        table = Equalization.fit([torch.from_numpy(training_chest.hu()).clamp_min(-1024)])
        pair = [TrainedAttacker(action, Generator(2).eval(), table, action) for action in ACTIONS]
    for attacker in pair:
        attacker.network.requires_grad_(False)
    return pair


@pytest.fixture(scope="module")
def wide_chest(small_chest: Scan) -> Scan:
    """Ten slices of 512 x 512 from the middle of the coarse chest, each pixel 8 x 8 times."""
    stored = small_chest.stored[11:21].repeat(8, 1).repeat(8, 2)
    ten = slice(11, 21)
    z, y, x = small_chest.spacing
    return replace(
        small_chest,
        stored=stored,
        slope=small_chest.slope[ten],
        intercept=small_chest.intercept[ten],
        geometry=Geometry((z, y / 8, x / 8)),
    )


def test_the_discriminator_is_as_released() -> None:
    net = PaperDiscriminator()
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [1, 2, 4, 8, 8, 8, 8, 1]
    assert {c.kernel_size for c in convolutions} == {(4, 4)}
    assert net(torch.zeros(2, 1, 512, 512)).shape == (2,)


@pytest.mark.slow
def test_trains_the_released_network_as_released_or_through_the_attack(
    wide_chest: Scan, attackers: list[TrainedAttacker], tmp_path: Path
) -> None:
    config = PaperConfig(width=2, epochs=1, rate=1e-2)
    heads = []
    for through in (False, True):
        other = replace(config, gradients_through_attack=through)
        generator = train_paper([wide_chest], attackers, other, Run(tmp_path / str(through)))
        assert not generator.training
        assert {p.dtype for p in generator.parameters()} == {torch.float32}
        heads.append(generator.head.weight)
        assert all(row["manipulation"] > 0 for row in read_losses(tmp_path / str(through)))
    assert not torch.equal(*heads)


@pytest.mark.slow
def test_trains_the_released_network_on_crops(
    wide_chest: Scan, attackers: list[TrainedAttacker], tmp_path: Path
) -> None:
    config = PaperConfig(width=2, epochs=2, rate=1e-2, crop=131, precision="float32")
    generator = train_paper([wide_chest], attackers, config, Run(tmp_path))
    assert generator(*torch.zeros(2, 1, 1, 40, 48)).shape == (1, 1, 40, 48)
    rows = read_losses(tmp_path)
    assert len(rows) == 2 * (wide_chest.shape[0] // GROUP)
    assert all(row["manipulation"] > 0 for row in rows)


def test_an_attack_lies_in_the_crop_that_is_judged(
    wide_chest: Scan, attackers: list[TrainedAttacker]
) -> None:
    hu = clean_hu(wide_chest, 0, wide_chest.shape[0])
    plan = plan_attack(hu.numpy(), wide_chest.spacing, (6, 256, 180), "remove")
    random = torch.Generator().manual_seed(0)
    part = (slice(4, 8), *_crop(plan, 128, random))
    assert part[1:] == (slice(192, 320), slice(116, 244))
    protected = to_unit(hu[part], float(hu[part].min()), float(hu[part].max()))
    result = tampered(hu, protected, part, plan, attackers[1])
    assert result.shape == (4, 128, 128)
    rows, columns = np.nonzero((result - protected).abs().amax(0).numpy() > 1e-3)
    assert abs(rows.mean() - 64) < 10
    assert abs(columns.mean() - 64) < 10
    nowhere = _crop(None, 128, random)
    assert all(side.start >= 0 and side.stop - side.start == 128 for side in nowhere)
    assert _crop(plan, 512, random) == (slice(0, 512), slice(0, 512))


def test_tampering_touches_the_four_slices_and_no_range(
    wide_chest: Scan, attackers: list[TrainedAttacker]
) -> None:
    hu = clean_hu(wide_chest, 0, wide_chest.shape[0])
    four, whole = slice(4, 8), (slice(None), slice(None))
    plan = plan_attack(hu.numpy(), wide_chest.spacing, (6, 256, 180), "inject")
    protected = to_unit(hu[four], float(hu[four].min()), float(hu[four].max()))
    result = tampered(hu, protected, (four, *whole), plan, attackers[0])
    assert float(result.min()) == -1
    assert float(result.max()) == pytest.approx(1)
    changed = (result - protected).abs().amax(0) > 1e-3
    rows, columns = np.nonzero(changed.numpy())
    reach = plan.block[1] // 2 + 1
    assert rows.size
    assert abs(rows - 256).max() <= reach
    assert abs(columns - 180).max() <= reach


def test_every_whole_group_of_every_scan_is_met_once_an_epoch() -> None:
    groups = [3, 2]
    for epoch in range(6):
        met = [_place(epoch * 5 + n, groups, seed=1) for n in range(5)]
        assert sorted(met) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
        assert [g for scan, g in met if scan == 0] == [0, 1, 2]
    assert len({_place(5 * epoch, groups, seed=1)[0] for epoch in range(6)}) == 2


def test_training_the_released_network_is_refused_on_other_sizes(
    training_chest: Scan, wide_chest: Scan, attackers: list[TrainedAttacker], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="512 x 512 pixels"):
        train_paper([training_chest], attackers, PaperConfig(), Run(tmp_path))
    with pytest.raises(DataError, match=r"found inject \(inject\)"):
        train_paper([wide_chest], attackers[:1], PaperConfig(), Run(tmp_path))
    assert GROUP == 4
    assert sum(p.numel() for p in PaperGenerator().parameters()) > 200_000


@pytest.mark.slow
def test_tafim_learns_to_do_as_much_with_less(
    training_chest: Scan, attackers: list[TrainedAttacker], tmp_path: Path
) -> None:
    config = TafimConfig(width=2, steps=30, rate=2e-2, target_hu=-900)
    net = train_tafim([training_chest], attackers, config, Run(tmp_path))
    rows = read_losses(tmp_path)
    assert not net.training
    for name in ("net_perturbation", "global_perturbation"):
        assert fmean(r[name] for r in rows[-4:]) < 0.7 * fmean(r[name] for r in rows[:4])
    assert {"net", "global"} <= set(rows[0])


@pytest.mark.slow
def test_tafim_sees_a_part_of_the_slices_and_now_and_then_all(
    wide_chest: Scan,
    attackers: list[TrainedAttacker],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, ...]] = []
    forward = TafimNet.forward

    def watched(net: TafimNet, slices: torch.Tensor, universal: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(slices.shape[2:]))
        return forward(net, slices, universal)

    monkeypatch.setattr(TafimNet, "forward", watched)
    config = TafimConfig(width=2, steps=3, crop=192, whole_every=3)
    net = train_tafim([wide_chest], attackers, config, Run(tmp_path))
    assert seen == [(192, 192), (192, 192), (512, 512)]
    unit = torch.zeros(1, 1, 512, 512)
    assert torch.equal(forward(net, unit), forward(net, unit, net.universal(512, 512)))


@pytest.mark.slow
def test_tafim_draws_the_attack_to_its_target(
    training_chest: Scan, attackers: list[TrainedAttacker], tmp_path: Path
) -> None:
    config = TafimConfig(width=2, steps=30, rate=2e-2, target_hu=200, perturbation_weight=0.0)
    train_tafim([training_chest], attackers[1:], config, Run(tmp_path))
    rows = read_losses(tmp_path)
    assert fmean(r["net"] for r in rows[-6:]) < 0.8 * fmean(r["net"] for r in rows[:6])
