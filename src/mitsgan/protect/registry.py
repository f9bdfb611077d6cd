"""The protectors by name: what each is, how it is loaded, and what a loaded one says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from mitsgan.errors import WeightsError
from mitsgan.networks import Card
from mitsgan.perturb import Perturbation
from mitsgan.protect.baselines.paper import MitsGanPaper
from mitsgan.protect.baselines.tafim import Tafim
from mitsgan.protect.controls import Offset, RandomSign
from mitsgan.protect.mitsgan import MitsGan

DEFAULT = "mits-gan"
"""The protector that is meant for use."""

NATIVE_HU = 65536.0
"""A budget that binds nothing: more than 16 bits hold. A baseline applied with it is *native*."""

_Load = Callable[[Path | None, int, torch.device | str], Perturbation]


@dataclass(frozen=True)
class Protector:
    """A kind of protector.

    Attributes:
        title: for people.
        summary: one line on what it is.
        kind: the class of its layers.
        load: from a file of weights (None: those that ship), a seed and a device.
        weights: what the shipped ones are called; None where it has none.
    """

    title: str
    summary: str
    kind: type[Perturbation]
    load: _Load
    weights: str | None = None


PROTECTORS: Mapping[str, Protector] = {
    DEFAULT: Protector(
        "MITS-GAN",
        "bounded, three-dimensional, trained through the attackers at random lung positions",
        MitsGan,
        lambda path, seed, device: MitsGan.load(path, seed=seed, device=device),
        "mitsgan",
    ),
    "mits-gan-paper": Protector(
        "MITS-GAN as released",
        "the released network and losses: repaints every slice, unbounded until clipped",
        MitsGanPaper,
        lambda path, seed, device: MitsGanPaper.load(path, seed=seed, device=device),
        "mits-gan-paper",
    ),
    "tafim": Protector(
        "TAFIM",
        "the port to CT: a U-Net on slice and global perturbation, unbounded until clipped",
        Tafim,
        lambda path, _, device: Tafim.load(path, device=device),
        "tafim",
    ),
    "noise": Protector(
        "random signs",
        "a control: plus or minus the budget, at random",
        RandomSign,
        lambda _, seed, __: RandomSign(seed=seed),
    ),
    "offset": Protector(
        "a constant offset",
        "a control: the budget added everywhere",
        Offset,
        lambda *_: Offset(),
    ),
}
"""By the name that the command line and benchmarks give them."""


def load_protector(
    name: str,
    *,
    weights: Path | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Perturbation:
    """A protector, ready to be applied.

    Args:
        name: a key of `PROTECTORS`.
        weights: a file of the protector's own kind; by default the weights that ship.
        seed: of its noise, where it has any.
        device: where it computes.

    Raises:
        WeightsError: there is no such protector, it takes no weights, or they cannot be read.
    """
    protector = PROTECTORS.get(name)
    if protector is None:
        raise WeightsError(f"there is no protector {name!r}; there are: {', '.join(PROTECTORS)}")
    if weights is not None and protector.weights is None:
        raise WeightsError(f"{weights}: {name} ({protector.title}) has no weights; leave them out")
    return protector.load(weights, seed, device)


@dataclass(frozen=True)
class Identity:
    """What a layer is, for headers and reports.

    Attributes:
        name: a key of `PROTECTORS`, or of what is optimised for a scan.
        title: for people.
        seed: of its noise; None where nothing is random.
        card: of its weights; None where there are none.
        device, precision: that its network computes on and in; None where there is none.
    """

    name: str
    title: str
    seed: int | None
    card: Card | None
    device: str | None
    precision: str | None


def identify(layer: Perturbation) -> Identity:
    """What a protector of `PROTECTORS` is.

    Raises:
        WeightsError: it is none of them.
    """
    names = [name for name, known in PROTECTORS.items() if isinstance(layer, known.kind)]
    if not names:
        known = ", ".join(PROTECTORS)
        raise WeightsError(f"{type(layer).__name__} has no name as a protector, only: {known}")
    name, title = names[0], PROTECTORS[names[0]].title
    seed = layer.seed if isinstance(layer, MitsGan | MitsGanPaper | RandomSign) else None
    if isinstance(layer, MitsGan | MitsGanPaper):
        card, weight = layer.card, layer.network.stem.weight
    elif isinstance(layer, Tafim):
        card, weight = layer.card, layer.network.perturbation
    else:
        return Identity(name, title, seed, None, None, None)
    precision = str(weight.dtype).removeprefix("torch.")
    return Identity(name, title, seed, card, str(weight.device), precision)
