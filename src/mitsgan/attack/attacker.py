"""What an attacker is: it repaints cubes of lung, to inject a nodule or to remove one."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor

from mitsgan.attack.overflow import repair
from mitsgan.attack.plan import Action
from mitsgan.errors import ExtensionError
from mitsgan.networks import Card

__all__ = ["Action", "Attacker"]


class Attacker(ABC):
    """Repaints the core of a cube: steps 3 to 5 of the pipeline; the rest is the same for all.

    A subclass says what it paints in `paint`, differentiable where protectors are to be optimised
    against it. See docs/extending.md.

    Attributes:
        action: what it does.
        name: for reports.
        card: of its weights; None where it has none.
        held_out: whether no protector may be trained against it.
    """

    action: Action
    name: str
    card: Card | None = None
    held_out: ClassVar[bool] = False

    @classmethod
    def make(cls, action: Action, device: torch.device | str = "cpu") -> Self:
        """The one of a pair that does ``action``; without weights, unless a subclass says so."""
        return cls(action)  # type: ignore[call-arg]

    @property
    def device(self) -> torch.device:
        """Where it computes, and wants its cubes."""
        return torch.device("cpu")

    @property
    def width(self) -> int | None:
        """Channels of its network; None without one."""
        return None

    @property
    def checksum(self) -> str:
        """SHA-256 of the file of its weights; without one, its `digest`."""
        return str((self.card or {}).get("sha256") or self.digest())

    @abstractmethod
    def paint(self, cubes: Tensor) -> Tensor:
        """Cubes ``[b, 32, 32, 32]`` in HU at 1 mm, to the same as it paints them.

        All of the cube is used; what an attack is about is the core of 20 mm in its middle.
        """

    def repaint(
        self,
        cubes: Tensor,
        repair: Callable[[Tensor], Tensor] = repair,
        seeds: Sequence[int] | None = None,
    ) -> Tensor:
        """As `paint`; ``repair`` mends what is outside the range of a CT.

        ``seeds`` has one a cube, for those that draw at random; this one draws nothing.

        Raises:
            ExtensionError: what it painted are no such cubes.
        """
        # A copy: where the scan has voxels of 1 mm, these are a view of what is compared with.
        painted = self.paint(cubes.clone())
        self._check(painted, cubes)
        return repair(painted)

    def _check(self, painted: object, cubes: Tensor) -> None:
        """Raise where cubes of another shape would be stretched to fit, or NaN be disruption."""
        who = f"the attacker {self.name!r}"
        if not isinstance(painted, Tensor) or painted.shape != cubes.shape:
            found = list(getattr(painted, "shape", ()))
            raise ExtensionError(
                f"{who} painted a {type(painted).__name__} of shape {found}; paint() must return "
                f"whole cubes as it gets them, a Tensor of shape {list(cubes.shape)}"
            )
        if not bool(painted.detach().isfinite().all()):
            raise ExtensionError(
                f"{who} painted values that are no finite numbers; an attacker that fails is no "
                "protection: let paint() return HU"
            )

    def digest(self) -> str:
        """Changes with whatever changes what it paints, as far as that can be told."""
        kind = type(self)
        text = f"{kind.__module__}.{kind.__qualname__} {self.name} {self.action}"
        return hashlib.sha256(text.encode()).hexdigest()
