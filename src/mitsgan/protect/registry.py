"""Protectors by name: loading one, and what a loaded one says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import SettingsError
from mitsgan.perturb import Perturbation
from mitsgan.protect.graph import mits_gan_graph
from mitsgan.protect.protector import PROTECTORS, Protector
from mitsgan.result import WeightsEntry

if TYPE_CHECKING:
    import torch

    from mitsgan.networks import Card

NATIVE_HU = 65536.0
"""A budget that binds nothing: more than 16 bits hold. A baseline applied with it is *native*."""


def load_protector(
    name: str,
    *,
    weights: Path | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Protector:
    """A protector, ready to be applied.

    Args:
        name: one of `PROTECTORS`.
        weights: a file of the protector's own kind; by default the weights that ship.
        seed: of its noise, where it has any.
        device: where it computes.

    Raises:
        SettingsError: there is no such protector.
        ExtensionError: it is one of an installed package that cannot be loaded.
        WeightsError: it takes no weights, or they cannot be read.
    """
    if weights is None and str(device) == "cpu":
        without_torch = mits_gan_graph(name, seed)
        if without_torch is not None:
            return without_torch
    return PROTECTORS.get(name).load(weights, device, seed=seed)


@dataclass(frozen=True)
class Identity:
    """What a protector is, for headers and reports.

    Attributes:
        name: in `PROTECTORS`, or of what is optimised for a scan.
        title: for people.
        seed: of its noise; None where nothing is random.
        card: of its weights; None where there are none.
        device, precision: that its network computes on and in; None where there is none.
        control: whether it protects nothing.
        shipped: what the weights that ship are called; None where there are none.
        file: what a file of other weights is called; None for those that ship.
    """

    name: str
    title: str
    seed: int | None
    card: Card | None
    device: str | None
    precision: str | None
    control: bool = False
    shipped: str | None = None
    file: str | None = None

    def weights(self, path: Path | None = None) -> WeightsEntry | None:
        """Of its weights: those that ship, or of the file ``path``; None where it has none."""
        if self.card is None:
            return None
        return WeightsEntry.of(self.card, path, self.file or self.shipped or self.name)


def identify(perturbation: Perturbation) -> Identity:
    """What a protector is.

    Raises:
        SettingsError: it is none.
    """
    if not isinstance(perturbation, Protector):
        raise SettingsError(
            f"{type(perturbation).__name__} has no name; make it a subclass of "
            "mitsgan.protect.Protector"
        )
    p = perturbation
    device, precision = p.computes or (None, None)
    return Identity(p.name, p.title, p.seed, p.card, device, precision, p.control, type(p).SHIPPED)
