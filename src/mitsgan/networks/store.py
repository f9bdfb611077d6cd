"""Weights as safetensors whose metadata carry a card and a checksum over the tensors."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mitsgan.errors import WeightsError

Card = dict[str, Any]
"""What a model is: kind, configuration, licence, training data, seed, metrics; JSON values."""

Precision = Literal["float32", "float16", "int8"]
"""How matrices and kernels are stored; everything else always is as it comes."""

FILE_IN_FOLDER = "model.safetensors"
"""What a folder of weights calls them, as on Hugging Face."""

DAMAGED = (
    *(UnpicklingError, AssertionError, AttributeError, EOFError, LookupError),
    *(RuntimeError, TypeError, ValueError, struct.error),
)
"""What `torch.load`, asked for tensors alone, raises where a file holds whatever bytes."""

_KEY = "mitsgan"
_FORMAT = 1
_SCALE = ".scale"


def shipped(name: str) -> Path:
    """The path of weights that ship with the package, such as ``mitsgan`` or ``injector``."""
    return Path(__file__).parent / "pretrained" / f"{name}.safetensors"


def save_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    card: Card,
    *,
    precision: Precision = "float16",
) -> None:
    """Write tensors with their card.

    Args:
        path: the file.
        tensors: by name.
        card: JSON values; ``precision`` and the checksum are added.
        precision: of matrices and kernels. int8 rounds each output channel (the first axis) to
            127 steps of its own, kept as ``<name>.scale``.

    The checksum in the card covers the tensors' names, shapes and bytes as stored.

    Raises:
        WeightsError: a tensor holds values that are no numbers, as where a training diverged.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(
                f"{name} holds values that are no numbers, so these weights are worth nothing and "
                "are not written; train anew with lower rates"
            )
    stored = _all_stored(tensors, precision)
    full = {**card, "format": _FORMAT, "precision": precision, "sha256": _checksum(stored)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(stored, metadata={_KEY: json.dumps(full, sort_keys=True)}))


def as_stored(tensors: Mapping[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """What `load_weights` will give of tensors that were saved: rounded, to measure that."""
    return _restored(_all_stored(tensors, precision))


def _all_stored(tensors: Mapping[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stored.update(_stored(name, tensor.detach().cpu(), precision))
    return stored


def _stored(name: str, tensor: Tensor, precision: Precision) -> dict[str, Tensor]:
    tensor = tensor.contiguous()
    if not tensor.is_floating_point() or tensor.ndim < 2 or precision == "float32":
        return {name: tensor}
    if precision == "float16":
        return {name: tensor.half()}
    largest = tensor.abs().flatten(1).amax(1)
    scale = torch.where(largest > 0, largest / 127, torch.ones_like(largest))
    steps = (tensor / _per_channel(scale, tensor)).round().to(torch.int8)
    return {name: steps, name + _SCALE: scale}


def _restored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    restored = {}
    for name, tensor in tensors.items():
        scale = tensors.get(name + _SCALE)
        if tensor.dtype == torch.int8 and scale is not None:
            restored[name] = tensor.float() * _per_channel(scale, tensor)
        elif not (name.endswith(_SCALE) and name.removesuffix(_SCALE) in tensors):
            restored[name] = tensor.float() if tensor.dtype == torch.float16 else tensor
    return restored


def _per_channel(scale: Tensor, like: Tensor) -> Tensor:
    return scale.reshape(-1, *[1] * (like.ndim - 1))


def with_article(noun: str) -> str:
    """A noun with its indefinite article."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def load_weights(path: Path, kind: str) -> tuple[dict[str, Tensor], Card]:
    """Read tensors (as float32, however they are stored) and their card.

    Args:
        path: a safetensors file that `save_weights` wrote, or a folder that `mitsgan weights
            export` did.
        kind: what the card must say, ``attacker`` or ``protector``.

    Raises:
        WeightsError: no such file, not such a file, of another kind, or damaged.
    """
    if path.is_dir():
        path = path / FILE_IN_FOLDER
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
        actual_kind, expected = card["kind"], card["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: carries no mitsgan card; give weights made by `mitsgan train`"
        ) from error
    if actual_kind != kind:
        found, wanted = with_article(str(actual_kind)), with_article(kind)
        raise WeightsError(f"{path}: these are weights of {found}; {wanted} is needed here")
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
    return _restored(tensors), card


def read_card(path: Path) -> Card | None:
    """The card alone, unchecked; None where the file carries none.

    Raises:
        WeightsError: not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            card: Card | None = json.loads((file.metadata() or {}).get(_KEY, "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error
    return card


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
