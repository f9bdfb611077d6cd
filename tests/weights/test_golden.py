"""The weights that ship, their cards, and what they must give on a fixed input.

The expected outputs lie beside the weights in ``golden.safetensors``. After new weights:
``python tests/weights/test_golden.py`` writes them anew.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mitsgan.attack import Attacker
from mitsgan.protect.networks import HALO, PATCH, PerturbationGenerator
from mitsgan.weights import load_weights, shipped

KINDS = {"mitsgan": "protector", "injector": "attacker", "remover": "attacker"}
GOLDEN = shipped("golden")
MOST_BYTES = 10_000_000


def wave(*shape: int) -> Tensor:
    """A fixed input without any random generator: waves around the density of lung, in HU."""
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    phase = sum((0.7 + 0.3 * k) * axis for k, axis in enumerate(axes))
    return (-850 + 60 * torch.sin(torch.as_tensor(phase)) + 40 * torch.cos(axes[-1] / 3)).float()


def outputs() -> dict[str, Tensor]:
    """What the shipped weights give on that input, in float32 on the CPU."""
    found = {}
    tensors, card = load_weights(shipped("mitsgan"), "protector")
    a, b = card["config"]["width"]
    generator = PerturbationGenerator((a, b)).eval()
    generator.load_state_dict(tensors)
    hu = wave(3 + 2 * HALO, 32, 40)
    noise = (wave(len(hu), 32 // PATCH, 40 // PATCH) + 850) / 60
    with torch.inference_mode():
        found["mitsgan"] = generator(hu, noise, (2.5, 0.7, 0.7)).tanh()
        for name in ("injector", "remover"):
            painted = Attacker.load(shipped(name)).repaint(wave(1, 32, 32, 32))
            found[name] = painted[0, ::4, ::2, ::2].contiguous()
    return found


@pytest.mark.parametrize("name", KINDS)
def test_shipped_weights_give_what_they_gave(name: str) -> None:
    expected = load_file(GOLDEN)[name]
    atol = 0.01 if name == "mitsgan" else 2.0  # HU for attackers, part of the budget else
    torch.testing.assert_close(outputs()[name], expected, atol=atol, rtol=0.01)


@pytest.mark.parametrize("name", KINDS)
def test_shipped_weights_say_what_they_are(name: str) -> None:
    _, card = load_weights(shipped(name), KINDS[name])
    assert card["licence"].startswith("MIT")
    assert [scan["name"] for scan in card["data"]] == ["lidc-0001", "lungfcp-0001"]
    assert "lungdx-a0001" in json.dumps(card["metrics"])
    assert card["config"]["seed"] == card["seed"]
    assert card["version"]


def test_the_protector_was_trained_against_the_shipped_attackers() -> None:
    _, card = load_weights(shipped("mitsgan"), "protector")
    against = {entry["name"]: entry["sha256"] for entry in card["attackers"]}
    for name in ("injector", "remover"):
        assert against[name] == load_weights(shipped(name), "attacker")[1]["sha256"]


def test_all_that_ships_is_small() -> None:
    folder = Path(shipped("mitsgan")).parent
    assert sum(f.stat().st_size for f in folder.glob("*.safetensors")) < MOST_BYTES


if __name__ == "__main__":
    save_file(outputs(), GOLDEN)
