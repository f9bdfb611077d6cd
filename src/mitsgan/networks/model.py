"""A network with its weights and their card: loaded, saved and checked in one way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from mitsgan.errors import WeightsError
from mitsgan.networks.store import (
    Card,
    Precision,
    load_weights,
    save_weights,
    shipped,
    with_article,
)

Kind = Literal["attacker", "protector", "classifier", "detector"]
"""What the card of weights says that they are of."""


class Model(ABC):
    """A trained network and the card of its weights.

    A subclass is a frozen dataclass that says how network and tensors belong together; reading,
    checking, placing and writing are the same for all.

    Attributes:
        network: in evaluation mode, on the device where it is to run.
        card: of the weights that were loaded; empty where there were none.
        KIND: what the card has to say.
        SHIPPED: the name of the weights that ship; None where a file has to be named.
        STORED: the precision of matrices and kernels in files.
        MEMORY: layout of the kernels; convolutions run about twice as fast with channels last.
        TOLERANCE: how far `golden_output` may be off on another machine.
    """

    KIND: ClassVar[Kind]
    SHIPPED: ClassVar[str | None] = None
    STORED: ClassVar[Precision] = "float16"
    MEMORY: ClassVar[torch.memory_format] = torch.preserve_format
    TOLERANCE: ClassVar[float]

    network: nn.Module
    card: Card

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: dict[str, Tensor], card: Card) -> Self:
        """The model of tensors, on the CPU.

        Where tensors and card do not fit, KeyError, TypeError, ValueError or RuntimeError may leave
        it: `load` says which file it is about.
        """

    @abstractmethod
    def golden_output(self) -> Tensor:
        """What it gives on the fixed input `mitsgan.networks.golden.wave`, see `TOLERANCE`."""

    def to_tensors(self, precision: Precision) -> Mapping[str, Tensor]:
        """What `from_tensors` reads, to be stored in a precision."""
        return self.network.state_dict()

    def entries(self) -> Card:
        """What the card must say besides what whoever saves says."""
        return {}

    @classmethod
    def called(cls) -> str:
        """What messages call what the weights are of."""
        return with_article(cls.KIND)

    @classmethod
    def dtype_on(cls, device: torch.device) -> torch.dtype:
        """What the network computes in there."""
        return torch.float32

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        device: torch.device | str = "cpu",
        *,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Read what `save` wrote.

        Args:
            path: a safetensors file; by default the weights that ship with the package.
            device: where it computes.
            dtype: what it computes in, by default what suits the device.

        Raises:
            WeightsError: see `mitsgan.networks.load_weights`.
        """
        if path is None:
            if cls.SHIPPED is None:
                raise WeightsError(f"no weights of {cls.called()} ship; name a file of weights")
            path = shipped(cls.SHIPPED)
        tensors, card = load_weights(path, cls.KIND)
        try:
            # Layers draw first values, which the weights replace; the caller's must not move by it.
            with torch.random.fork_rng(devices=[]):
                model = cls.from_tensors(tensors, card)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            why = " ".join(str(error).split("\n")[:2])  # torch lists every tensor
            raise WeightsError(
                f"{path}: these are not weights of {cls.called()}; card and tensors do not fit: "
                f"{why}"
            ) from error
        device = torch.device(device)
        model.network.eval().requires_grad_(False)
        return model.to(device, dtype or cls.dtype_on(device))

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same on a device, in a precision and the layout that is fastest; in place."""
        self.network.to(device, dtype)
        self.network.to(memory_format=self.MEMORY)  # type: ignore[call-overload]
        return self

    def save(self, path: Path, card: Card, *, precision: Precision | None = None) -> None:
        """Write the weights as safetensors with their card.

        Args:
            path: the file.
            card: holds at least ``config``, which `from_tensors` builds the network from.
            precision: of matrices and kernels, by default `STORED`.
        """
        precision = precision or self.STORED
        full = {**card, **self.entries(), "kind": self.KIND}
        save_weights(path, self.to_tensors(precision), full, precision=precision)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.network.parameters()).device

    @property
    def precision(self) -> str:
        """What the network computes in, such as ``float32``."""
        return str(next(self.network.parameters()).dtype).removeprefix("torch.")
