"""The weights that ship, their cards, and what they must give on a fixed input.

The expected outputs lie beside the weights in ``golden.safetensors``. After new weights:
``python tests/networks/test_golden.py`` writes them anew.
"""

import json
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mitsgan.attack import (
    ACTIONS,
    HELD_OUT,
    SURROGATES,
    Surrogate,
    TrainedAttacker,
    surrogate_path,
)
from mitsgan.networks import Model, load_weights, shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.golden import check_golden, output_of
from mitsgan.protect import MitsGan
from mitsgan.protect.baselines.paper import MitsGanPaper
from mitsgan.protect.baselines.tafim import Tafim
from mitsgan.protect.mitsgan import MitsGanWaves

ATTACKERS = {surrogate_path(s, a).stem: (s, a) for s in SURROGATES for a in ACTIONS}
MODELS: dict[str, type[Model]] = {
    "mitsgan": MitsGan,
    "mitsgan-waves": MitsGanWaves,
    "mits-gan-paper": MitsGanPaper,
    "tafim": Tafim,
    "classifier": NoduleClassifier,
    **dict.fromkeys(ATTACKERS, TrainedAttacker),
}
GOLDEN = shipped("golden")
BESIDE = Path(__file__).parents[2] / "benchmarks" / "weights"
"""Attackers that do not ship in the wheel."""
MOST_BYTES = 10_000_000
"""Of all weights as a wheel holds them, which is compressed."""


def outputs() -> dict[str, Tensor]:
    """What the shipped weights give on a fixed input, in float32 on the CPU."""
    return {name: output_of(shipped(name), model) for name, model in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_shipped_weights_give_what_they_gave(name: str) -> None:
    expected, model = load_file(GOLDEN)[name], MODELS[name]
    actual = output_of(shipped(name), model)
    torch.testing.assert_close(actual, expected, atol=model.TOLERANCE, rtol=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_weights_say_what_they_are(name: str) -> None:
    card = MODELS[name].load(shipped(name)).card
    assert card["licence"].startswith("MIT")
    scans = ["lidc-0001", "lungfcp-0001"]
    if name.endswith(("-diffusion", "-waves")):
        scans += ["lidc-0003", "cmb-crc-01068"]
    assert [scan["name"] for scan in card["data"]] == scans
    assert "lungdx-a0001" in json.dumps(card["metrics"])
    assert card["config"]["seed"] == card["seed"]
    assert card["version"]


@pytest.mark.parametrize("name", ATTACKERS)
def test_attackers_say_how_good_they_are_and_what_for(name: str) -> None:
    surrogate, action = ATTACKERS[name]
    _, card = load_weights(shipped(name), "attacker")
    assert card["name"] == name
    assert card["config"]["action"] == action
    assert card["held_out"] == (surrogate in HELD_OUT)
    assert "surrogate" in card["purpose"]
    losses = {"loss"} if surrogate == "diffusion" else {"discriminator", "fooled", "l1"}
    assert set(card["losses"]) == losses
    judged = card["metrics"]["classifier"]
    assert judged["sha256"] == load_weights(shipped("classifier"), "classifier")[1]["sha256"]
    assert 0 <= judged["nodule_after"] <= 1
    assert card["metrics"]["core_mae_hu"] > 0


def test_the_pairs_differ_in_what_makes_transfer_worth_measuring() -> None:
    def config(surrogate: Surrogate) -> dict[str, object]:
        configuration: dict[str, object] = load_weights(
            surrogate_path(surrogate, "remove"), "attacker"
        )[1]["config"]
        return configuration

    textured, smooth, narrow, residual, diffusion = configs = [config(s) for s in SURROGATES]
    assert len({c["width"] for c in (textured, smooth, narrow)}) == 3
    assert smooth["adversarial_weight"] == 1
    assert residual["architecture"] == "residual"
    assert "adversarial_weight" not in diffusion
    assert len({c["seed"] for c in configs}) == len(SURROGATES)


@pytest.mark.parametrize("name", ["mitsgan", "mitsgan-waves"])
def test_protectors_were_trained_against_known_attackers_and_none_held_out(name: str) -> None:
    _, card = load_weights(shipped(name), "protector")
    for entry in card["attackers"]:
        path = BESIDE / f"{entry['name']}.safetensors"
        if not path.is_file():
            surrogate, _ = ATTACKERS[entry["name"]]
            assert surrogate not in HELD_OUT
            path = shipped(entry["name"])
        attacker = load_weights(path, "attacker")[1]
        assert not attacker["held_out"]
        assert entry["sha256"] == attacker["sha256"]
    assert any("diffusion" in entry["name"] for entry in card["attackers"]) == (name != "mitsgan")


def test_the_baseline_that_was_trained_for_longer_gives_what_it_gave() -> None:
    path = BESIDE / "mits-gan-paper-long.safetensors"
    check_golden(path, MitsGanPaper)
    card = MitsGanPaper.load(path).card
    assert card["steps"] == 2691
    assert card["metrics"]["lungdx-a0001"]["protected_vs_real_rmse_hu"]["slice"] < 200


def test_all_that_ships_is_small(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "wheel", "w", ZIP_DEFLATED) as wheel:
        for weights in Path(shipped("mitsgan")).parent.glob("*.safetensors"):
            wheel.write(weights, weights.name)
        assert sum(one.compress_size for one in wheel.infolist()) < MOST_BYTES


if __name__ == "__main__":
    save_file(outputs(), GOLDEN)
