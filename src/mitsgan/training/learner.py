"""A network that learns: with its optimiser and the schedule of its rate, saved as one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mitsgan.training.fabric import ALONE, Worker


class Learner:
    """A network, its optimiser, and how the learning rate falls.

    Args:
        network: lies on the worker's device.
        optimiser: of the network's parameters.
        fall: steps until the rate is zero, along a cosine; None leaves it as it is.
        worker: one of the processes that train together.

    Attributes:
        network: what learns.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        fall: int | None = None,
        worker: Worker = ALONE,
    ) -> None:
        self.network = network
        self._optimiser = optimiser
        self._worker = worker
        self._schedule = (
            None if fall is None else torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fall)
        )

    def descend(self, loss: Tensor) -> None:
        """One step down the gradient of a loss."""
        self.forget()
        torch.autograd.backward(loss)
        self.step()

    def forget(self) -> None:
        """Drop gradients, before new ones are added up."""
        self._optimiser.zero_grad(set_to_none=True)

    def step(self, *, longest: float | None = None) -> None:
        """One step down the gradients that were added up, of all processes together.

        Args:
            longest: norm that a longer gradient is cut to.
        """
        self._worker.average_gradients(self.network)
        if longest is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), longest)
        self._optimiser.step()
        if self._schedule is not None:
            self._schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def finished(self) -> nn.Module:
        """The network, in evaluation mode, without gradients, on the CPU."""
        return self.network.eval().requires_grad_(False).cpu()

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"network": self.network, "optimiser": self._optimiser}
        return parts if self._schedule is None else {**parts, "schedule": self._schedule}
