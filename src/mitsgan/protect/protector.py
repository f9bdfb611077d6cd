"""What a protector is, and how one of anybody's own becomes known by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import WeightsError
from mitsgan.perturb import Budget
from mitsgan.registry import PROTECTORS_GROUP, Registry, unmakeable
from mitsgan.scan.scan import Scan

if TYPE_CHECKING:
    import torch

    from mitsgan.networks import Card


class Protector(ABC):
    """A `Perturbation` that has a name: ``--protector`` and benchmarks know it by that.

    A subclass says what it adds in `perturbation`, and is registered by ``@register``. See
    docs/extending.md.

    Attributes:
        name: by which it is asked for.
        title: for people.
        summary: one line on what it is.
        bounded: whether it keeps to its budget by construction. One that does not has a native
            form, too: as it is before the budget clips it.
        control: whether it is there for comparison only, and protects nothing.
        secret: whether it cannot be taken away again by who does not know its seed; with a key it
            is drawn from that, for each series anew.
        SHIPPED: what the weights that ship are called; None without any.
        on_device: whether it computes on a GPU where there is one; for one that does not, none is
            looked for.
        seed: of its noise; None where nothing is random.
        card: of its weights; None where it has none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    bounded: ClassVar[bool] = True
    control: ClassVar[bool] = False
    secret: ClassVar[bool] = False
    SHIPPED: ClassVar[str | None] = None
    on_device: ClassVar[bool] = True

    seed: int | None = None
    card: Card | None = None

    @property
    def computes(self) -> tuple[str, str] | None:
        """Where its network runs and in what, as ``("cpu", "float32")``; None without one."""
        return None

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        device: torch.device | str = "cpu",
        *,
        seed: int = 0,
    ) -> Self:
        """One that is ready to be applied; without weights, unless a subclass says otherwise.

        Args:
            path: of weights.
            device: where it computes.
            seed: of its noise, where it has any.

        Raises:
            WeightsError: there are no weights to be loaded, or they cannot be read.
        """
        if path is not None:
            raise WeightsError(f"{path}: {cls.name} ({cls.title}) has no weights; leave them out")
        return cls().with_seed(seed)

    def with_seed(self, seed: int) -> Self:
        """The same with another seed, if it has a field for one; itself where nothing is random."""
        has_seed = "seed" in getattr(self, "__dataclass_fields__", {})
        return replace(self, seed=seed) if has_seed else self  # type: ignore[type-var]

    @abstractmethod
    def perturbation(
        self, scan: Scan, start: int, stop: int, budget: Budget
    ) -> NDArray[np.float32]:
        """See `mitsgan.perturb.Perturbation`."""


def _fault(thing: object) -> str | None:
    if not (isinstance(thing, type) and issubclass(thing, Protector)):
        return "it is no subclass of mitsgan.protect.Protector"
    missing = [key for key in ("name", "title", "summary") if not hasattr(thing, key)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    loads_itself = thing.load.__func__ is not Protector.load.__func__  # type: ignore[attr-defined]
    return None if loads_itself else unmakeable(thing)


PROTECTORS: Registry[type[Protector]] = Registry(
    "protector",
    PROTECTORS_GROUP,
    {
        "mits-gan-waves": "mitsgan.protect.mitsgan",
        "mits-gan": "mitsgan.protect.mitsgan",
        "wave": "mitsgan.protect.wave",
        "bias-field": "mitsgan.protect.field",
        "keyed-wave": "mitsgan.protect.keyed_wave",
        "mits-gan-paper": "mitsgan.protect.baselines.paper",
        "tafim": "mitsgan.protect.baselines.tafim",
        "noise": "mitsgan.protect.controls",
        "offset": "mitsgan.protect.controls",
    },
    _fault,
)
"""All protectors by name. PGD is none of them: it needs to know attackers (`mitsgan.optimize`)."""

register = PROTECTORS.register
