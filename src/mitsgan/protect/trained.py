"""Protectors that are made of a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch

from mitsgan.networks import Card, Kind, Model
from mitsgan.protect.protector import Protector


class TrainedProtector(Model, Protector):
    """A protector with weights; a subclass is a frozen dataclass.

    Attributes:
        network, card: see `Model`.
    """

    KIND: ClassVar[Kind] = "protector"
    TOLERANCE: ClassVar[float] = 0.01

    card: Card

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        device: torch.device | str = "cpu",
        *,
        dtype: torch.dtype | None = None,
        seed: int = 0,
    ) -> Self:
        """See `Model.load`; with a seed."""
        return super().load(path, device, dtype=dtype).with_seed(seed)

    @property
    def computes(self) -> tuple[str, str] | None:
        """See `Protector.computes`."""
        return str(self.device), self.precision

    @classmethod
    def called(cls) -> str:
        """See `Model.called`."""
        return cls.name
