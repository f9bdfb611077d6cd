"""Golden outputs: what weights give on a fixed input, to find out later that they still do.

A training leaves them beside its weights, as ``NAME.golden.safetensors``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor

from mitsgan.attack import Attacker
from mitsgan.errors import WeightsError
from mitsgan.networks import load_weights, save_weights
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.protect.baselines.paper import MitsGanPaper, to_unit
from mitsgan.protect.baselines.tafim import UNIT, Tafim
from mitsgan.protect.network import HALO, PATCH, PerturbationGenerator

Kind = Literal["attacker", "protector", "classifier"]

TOLERANCE: dict[Kind, float] = {"attacker": 2.0, "protector": 0.01, "classifier": 0.01}
"""How far outputs may be off on another machine: HU, part of the budget, probability."""

_OUTPUT = "output"


def wave(*shape: int) -> Tensor:
    """A fixed input without any random generator: waves around the density of lung, in HU."""
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    phase = sum((0.7 + 0.3 * k) * axis for k, axis in enumerate(axes))
    return (-850 + 60 * torch.sin(torch.as_tensor(phase)) + 40 * torch.cos(axes[-1] / 3)).float()


def output_of(weights: Path, kind: Kind) -> Tensor:
    """What weights give on `wave`, in float32 on the CPU.

    Returns:
        Of an attacker some voxels of a repainted cube in HU, ``[8, 16, 16]``; of a protector the
        perturbation as a part of the budget, ``[3, 32, 40]``, of a baseline what its network gives
        in [-1, 1], ``[3, y, x]``; of a classifier two probabilities.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    with torch.inference_mode():
        if kind == "attacker":
            painted = Attacker.load(weights).repaint(wave(1, 32, 32, 32))
            return painted[0, ::4, ::2, ::2].contiguous()
        if kind == "classifier":
            cubes = torch.stack((wave(32, 32, 32), wave(32, 32, 32) + 600))
            return NoduleClassifier.load(weights).probability(cubes)
        tensors, card = load_weights(weights, kind)
        if card["config"].get("architecture") == "mits-gan-paper":
            slices = to_unit(wave(3, 1, 32, 40), *UNIT)
            return cast(Tensor, MitsGanPaper.load(weights).generator(slices, (slices + 1) / 2))[
                :, 0
            ]
        if card["config"].get("architecture") == "tafim":
            return cast(Tensor, Tafim.load(weights).net(to_unit(wave(3, 1, 64, 64), *UNIT)))[:, 0]
        a, b = card["config"]["width"]
        generator = PerturbationGenerator((a, b)).eval()
        generator.load_state_dict(tensors)
        hu = wave(3 + 2 * HALO, 32, 40)
        noise = (wave(len(hu), 32 // PATCH, 40 // PATCH) + 850) / 60
        return cast(Tensor, generator(hu, noise, (2.5, 0.7, 0.7))).tanh()


def golden_path(weights: Path) -> Path:
    """Where the golden outputs of weights lie."""
    return weights.with_name(f"{weights.stem}.golden{weights.suffix}")


def write_golden(weights: Path, kind: Kind) -> None:
    """Write the golden outputs of weights beside them."""
    card = {"kind": "golden", "of": load_weights(weights, kind)[1]["sha256"]}
    held = {_OUTPUT: output_of(weights, kind)}
    save_weights(golden_path(weights), held, card, precision="float32")


def check_golden(weights: Path, kind: Kind) -> None:
    """Raise unless weights give what they gave at the end of their training.

    Raises:
        WeightsError: they give something else here, are other weights than the golden outputs are
            of, or one of the two files cannot be read.
    """
    path = golden_path(weights)
    held, card = load_weights(path, "golden")
    if card.get("of") != load_weights(weights, kind)[1]["sha256"]:
        raise WeightsError(f"{path} is of other weights than {weights}; fetch both again")
    expected, found = held[_OUTPUT], output_of(weights, kind)
    off = float("inf") if found.shape != expected.shape else float((found - expected).abs().max())
    if not off <= TOLERANCE[kind]:
        raise WeightsError(
            f"{weights} does not give here what it gave when it was made: up to {off:.3g} off, "
            f"{TOLERANCE[kind]:g} allowed; compare torch's version with the one in constraints.txt"
        )
