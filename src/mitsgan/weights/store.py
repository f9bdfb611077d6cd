"""Weights as safetensors whose metadata carry a card and a checksum over the tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mitsgan.errors import WeightsError

Card = dict[str, Any]
"""What a model is: kind, configuration, licence, training data, seed, metrics; JSON values."""

_KEY = "mitsgan"
_FORMAT = 1


def shipped(name: str) -> Path:
    """The path of weights that ship with the package, such as ``mitsgan`` or ``injector``."""
    return Path(__file__).parent / f"{name}.safetensors"


def save_weights(path: Path, tensors: Mapping[str, Tensor], card: Card) -> None:
    """Write tensors with their card; matrices and kernels are rounded to half precision.

    The checksum in the card covers the tensors' names, shapes and bytes as stored.
    """
    held = {
        name: (t.half() if t.is_floating_point() and t.ndim > 1 else t).detach().cpu().contiguous()
        for name, t in tensors.items()
    }
    full = {**card, "format": _FORMAT, "sha256": _checksum(held)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(held, metadata={_KEY: json.dumps(full, sort_keys=True)}))


def load_weights(path: Path, kind: str) -> tuple[dict[str, Tensor], Card]:
    """Read tensors (half precision becomes float32) and their card.

    Args:
        path: a safetensors file that `save_weights` wrote.
        kind: what the card must say, ``attacker`` or ``protector``.

    Raises:
        WeightsError: no such file, not such a file, of another kind, or damaged.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; give the path of a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error}); fetch or build the weights again"
        ) from error
    try:
        card = json.loads(metadata[_KEY])
        found, expected = card["kind"], card["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: carries no mitsgan card; give weights made by `mitsgan train`"
        ) from error
    if found != kind:
        raise WeightsError(f"{path}: these are weights of a {found}; a {kind} is needed here")
    if card.get("format") != _FORMAT:
        raise WeightsError(
            f"{path}: format {card.get('format')}, this version reads {_FORMAT}; update mitsgan"
        )
    actual = _checksum(tensors)
    if actual != expected:
        raise WeightsError(
            f"{path}: checksum is {actual[:12]}..., the card says {str(expected)[:12]}...; "
            "the file is damaged or was changed: fetch or build the weights again"
        )
    return {n: t.float() if t.dtype == torch.float16 else t for n, t in tensors.items()}, card


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
