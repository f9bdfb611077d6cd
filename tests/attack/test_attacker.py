from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mitsgan.attack import Equalization, Generator, TrainedAttacker
from mitsgan.errors import WeightsError
from mitsgan.networks import Precision, load_weights, save_weights


def _attacker(width: int = 2) -> TrainedAttacker:
    torch.manual_seed(0)
    bins = torch.linspace(-1100, 1500, 200)
    table = Equalization(bins, (bins + 1100).sqrt() * 600, 15_000.0, 0.0, 30_000.0)
    return TrainedAttacker("inject", Generator(width).eval(), table, "tiny")


def _cubes(count: int = 1) -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.normal(-700, 200, (count, 32, 32, 32)).astype(np.float32))


def test_the_generator_never_sees_the_core() -> None:
    condition = _attacker().condition(_cubes())
    assert condition.shape == (1, 1, 32, 32, 32)
    assert not condition[..., 6:26, 6:26, 6:26].any()
    assert int(condition.count_nonzero()) == 24_768


def test_what_lies_in_the_core_changes_nothing() -> None:
    attacker, cubes = _attacker(), _cubes()
    other = cubes.clone()
    other[:, 6:26, 6:26, 6:26] = 3000
    with torch.no_grad():
        assert torch.equal(attacker.repaint(cubes), attacker.repaint(other))


def test_what_is_painted_stays_in_the_range_of_ct() -> None:
    attacker = _attacker()
    with torch.no_grad():
        painted = attacker.repaint(_cubes(2))
    assert painted.shape == (2, 32, 32, 32)
    assert float(painted.min()) >= -1000
    assert float(painted.max()) <= 2000


def test_saved_attackers_paint_the_same(tmp_path: Path) -> None:
    attacker, path = _attacker(), tmp_path / "injector.safetensors"
    attacker.save(path, {"config": {"width": 2, "action": "inject"}})
    loaded = TrainedAttacker.load(path)
    assert (loaded.action, loaded.name) == ("inject", "tiny")
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    assert torch.equal(loaded.equalization.cdf, attacker.equalization.cdf)
    with torch.no_grad():
        difference = loaded.repaint(_cubes()) - attacker.repaint(_cubes())
    assert float(difference.abs().max()) < 5  # kernels are stored in half precision
    again = tmp_path / "again.safetensors"
    loaded.save(again, {"config": {"width": 2, "action": "inject"}})
    assert torch.equal(TrainedAttacker.load(again).repaint(_cubes()), loaded.repaint(_cubes()))


@pytest.mark.parametrize(
    "config",
    [{"width": 3, "action": "inject"}, {"action": "inject"}, {"width": 2, "action": "erase"}],
)
def test_a_card_that_does_not_fit_the_tensors_is_refused(
    tmp_path: Path, config: dict[str, object]
) -> None:
    path = tmp_path / "injector.safetensors"
    _attacker().save(path, {"config": config})
    with pytest.raises(WeightsError, match="card and tensors do not fit") as caught:
        TrainedAttacker.load(path)
    assert str(path) in str(caught.value)


def test_an_attacker_without_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "injector.safetensors"
    _attacker().save(path, {"config": {"width": 2, "action": "inject"}})
    tensors, card = load_weights(path, "attacker")
    del tensors["cdf"]
    save_weights(path, tensors, card)
    with pytest.raises(WeightsError, match="cdf"):
        TrainedAttacker.load(path)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_a_table_of_even_bins_comes_back(precision: Precision, tmp_path: Path) -> None:
    table = Equalization.fit([-850 + 100 * torch.randn(4, 32, 32, 32)])
    attacker = TrainedAttacker("inject", Generator(2).eval(), table)
    path = tmp_path / "even.safetensors"
    attacker.save(path, {"config": {"width": 2, "action": "inject"}}, precision=precision)
    loaded = TrainedAttacker.load(path).equalization.bins
    assert len(load_weights(path, "attacker")[0]["bins"]) == (
        10_000 if precision == "float32" else 2
    )
    torch.testing.assert_close(
        loaded, table.bins, rtol=0, atol=0 if precision == "float32" else 1e-3
    )


def test_a_table_of_uneven_bins_comes_back_to_the_bit(tmp_path: Path) -> None:
    bins = torch.tensor([-1000.0, -900.0, -500.0, 300.0])
    table = Equalization(bins, torch.tensor([0.0, 2.0, 3.0, 9.0]), 4.0, 0.0, 9.0)
    path = tmp_path / "uneven.safetensors"
    attacker = TrainedAttacker("inject", Generator(2).eval(), table)
    attacker.save(path, {"config": {"width": 2, "action": "inject"}}, precision="int8")
    assert TrainedAttacker.load(path).equalization.bins.tolist() == bins.tolist()
