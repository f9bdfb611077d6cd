"""Golden outputs: what weights give on a fixed input, to find out later that they still do.

A training leaves them beside its weights, as ``NAME.golden.safetensors``.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mitsgan.errors import WeightsError
from mitsgan.networks.model import Model
from mitsgan.networks.store import load_weights, save_weights

_OUTPUT = "output"


def wave(*shape: int) -> Tensor:
    """A fixed input without any random generator: waves around the density of lung, in HU."""
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    phase = sum((0.7 + 0.3 * k) * axis for k, axis in enumerate(axes))
    return (-850 + 60 * torch.sin(torch.as_tensor(phase)) + 40 * torch.cos(axes[-1] / 3)).float()


def output_of(weights: Path, model: type[Model]) -> Tensor:
    """What weights of a model give on `wave`, in float32 on the CPU.

    Raises:
        WeightsError: see `mitsgan.networks.load_weights`.
    """
    with torch.inference_mode():
        return model.load(weights, dtype=torch.float32).golden_output()


def golden_path(weights: Path) -> Path:
    """Where the golden outputs of weights lie."""
    return weights.with_name(f"{weights.stem}.golden{weights.suffix}")


def write_golden(weights: Path, model: type[Model]) -> None:
    """Write the golden outputs of weights beside them."""
    card = {"kind": "golden", "of": load_weights(weights, model.KIND)[1]["sha256"]}
    save_weights(
        golden_path(weights), {_OUTPUT: output_of(weights, model)}, card, precision="float32"
    )


def check_golden(weights: Path, model: type[Model]) -> None:
    """Raise unless weights give what they gave at the end of their training.

    Raises:
        WeightsError: they give something else here, are other weights than the golden outputs are
            of, or one of the two files cannot be read.
    """
    path = golden_path(weights)
    tensors, card = load_weights(path, "golden")
    if card.get("of") != load_weights(weights, model.KIND)[1]["sha256"]:
        raise WeightsError(f"{path} is of other weights than {weights}; fetch both again")
    expected, actual = tensors[_OUTPUT], output_of(weights, model)
    same = actual.shape == expected.shape
    off = float((actual - expected).abs().max()) if same else float("inf")
    if not off <= model.TOLERANCE:
        raise WeightsError(
            f"{weights} does not give here what it gave when it was made: up to {off:.3g} off, "
            f"{model.TOLERANCE:g} allowed; compare torch's version with the one in constraints.txt"
        )
