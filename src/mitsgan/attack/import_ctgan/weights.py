"""CT-GAN's generator from the file in which its authors hand it on: a Keras HDF5 model.

Read with h5py alone: no TensorFlow, no Keras, and nothing in the file is executed. Keras holds a
kernel as ``[z, y, x, in, out]``, torch as ``[out, in, z, y, x]``; both correlate, so no axis is
turned round.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack.import_ctgan.graph import generator_layers
from mitsgan.attack.networks.ctgan import Generator
from mitsgan.errors import MissingExtraError, WeightsError

_NAMES = {
    "convolution": {"weight": "kernel", "bias": "bias"},
    "last": {"weight": "kernel", "bias": "bias"},
    "normalization": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
}
"""Our names of weights, by the last part of the module's name, to Keras' names."""


def read_keras_generator(path: Path) -> Generator:
    """Read CT-GAN's generator from a Keras HDF5 file, as `model.save` of Keras 2 or 3 wrote it.

    Args:
        path: ``.h5``, the full model: architecture and weights.

    Returns:
        The generator in float32, in evaluation mode, as wide as the file's.

    Raises:
        WeightsError: no such file, damaged, weights without architecture, another network, or
            weights that do not fit it; the message names the layer.
        MissingExtraError: h5py is not installed.
    """
    h5py = _h5py()
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the generator as model.save wrote it")
    try:
        with h5py.File(path, "r", locking=False) as file:
            width, layers = generator_layers(_config(h5py, file))
            weights = dict(_weights(h5py, file, width, layers, path.stat().st_size))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: {_unreadable(path)} ({_first_line(error)})") from error
    with torch.device("meta"):
        generator = Generator(width)
    generator.load_state_dict(weights, assign=True)
    return generator.eval().requires_grad_(False)


def _config(h5py: Any, file: Any) -> object:
    text = file.attrs.get("model_config")
    if text is None and ("layer_names" in file.attrs or "layers" in file):
        raise WeightsError(
            "holds weights alone, without the architecture that says what they mean; save the "
            "whole model with model.save('G_model.h5')"
        )
    if text is None or not isinstance(file.get("model_weights"), h5py.Group):
        raise WeightsError(
            "holds no Keras model (no model_config and model_weights); save one with "
            "model.save('G_model.h5')"
        )
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(
            "its model_config is no JSON: the file is damaged; get it again"
        ) from error


def _weights(
    h5py: Any, file: Any, width: int, layers: dict[str, str], size: int
) -> Iterator[tuple[str, Tensor]]:
    """The generator's state: our name and values of each weight."""
    least = 4 * 4**3 * (8 * width) ** 2  # bytes of one of the two widest layers
    if least > size:
        raise WeightsError(
            f"a generator of width {width} has more than {least / 1e6:.1f} MB of weights, the file "
            f"{size / 1e6:.1f} MB: it is damaged or not what it claims to be; get it again"
        )
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in Generator(width).state_dict().items()}
    for module, layer in layers.items():
        datasets = _datasets(h5py, file["model_weights"], layer)
        names = _NAMES[module.rsplit(".", 1)[-1]]
        if set(datasets) != set(names.values()):
            raise WeightsError(
                f"layer {layer} holds {', '.join(sorted(datasets)) or 'no weights'}; expected "
                f"{', '.join(names.values())}: the file is damaged; get it again"
            )
        for ours, theirs in names.items():
            if datasets[theirs].file.filename != file.filename or datasets[theirs].external:
                raise WeightsError(f"layer {layer} keeps {theirs} in another file; save one file")
            values = _read(datasets[theirs], layer, theirs, shapes[f"{module}.{ours}"])
            yield f"{module}.{ours}", torch.from_numpy(values)
        if "running_var" in names:
            yield f"{module}.num_batches_tracked", torch.tensor(0)


def _datasets(h5py: Any, weights: Any, layer: str) -> dict[str, Any]:
    """A layer's weights by their last name: Keras 2 writes ``kernel:0``, Keras 3 ``kernel``."""
    group = weights.get(layer)
    if not isinstance(group, h5py.Group):
        raise WeightsError(f"layer {layer} has no weights: the file is damaged; get it again")
    datasets: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name.rsplit("/", 1)[-1].removesuffix(":0")] = item

    group.visititems(visit)
    return datasets


def _read(dataset: Any, layer: str, name: str, expected: tuple[int, ...]) -> NDArray[np.float32]:
    shape = (*expected[2:], *expected[1::-1]) if len(expected) == 5 else expected
    if dataset.shape != shape or dataset.dtype.kind != "f":
        raise WeightsError(
            f"layer {layer} holds {name} of shape {dataset.shape}, {dataset.dtype}; expected "
            f"{shape}, floating point"
        )
    values = np.asarray(dataset[()], np.float32)
    if not np.isfinite(values).all() or (name == "moving_variance" and values.min() < 0):
        raise WeightsError(
            f"layer {layer} holds {name} that is not finite, or below 0; get the file again"
        )
    if values.ndim == 5:
        values = np.ascontiguousarray(values.transpose(4, 3, 0, 1, 2))
    return values


def _unreadable(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    if start[:4] == b"PK\x03\x04":
        return "this is Keras' .keras format; save it with model.save('G_model.h5')"
    if start != b"\x89HDF\r\n\x1a\n":
        return "not an HDF5 file; give the generator as model.save('G_model.h5') wrote it"
    return "the HDF5 file is damaged or cut short; get it again"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "reading Keras models needs h5py; install it with: pip install 'mitsgan[keras]'"
        ) from error
    return h5py
