"""A network that learns: with its optimiser and the schedule of its rate, saved as one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.training.fabric import ALONE, Worker


class Average:
    """A moving average of a network's weights.

    Args:
        network: whose weights are averaged; where it begins.
        keep: how much of the average lasts each step. Less at first, or it would be the beginning.
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self._keep = keep
        self._steps = 0
        self._weights = {name: value.detach().clone() for name, value in _weights(network)}

    def follow(self, network: nn.Module) -> None:
        """Go a step towards the network."""
        self._steps += 1
        keep = min(self._keep, self._steps / (self._steps + _FIRST))
        for name, value in _weights(network):
            self._weights[name].lerp_(value.detach(), 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {"steps": self._steps, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._steps = int(state["steps"])
        for name, value in state["weights"].items():
            self._weights[name].copy_(value)

    def into(self, network: nn.Module) -> None:
        """Give the network the averaged weights."""
        with torch.no_grad():
            for name, value in _weights(network):
                value.copy_(self._weights[name])


class Learner:
    """A network, its optimiser, and how the learning rate falls.

    Args:
        network: lies on the worker's device.
        optimiser: of the network's parameters.
        fall: steps until the rate is zero, along a cosine; None leaves it as it is.
        worker: one of the processes that train together.
        average: of its weights; what is finished has these.

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
        average: Average | None = None,
    ) -> None:
        self.network = network
        self._average = average
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

    def tell_apart(self, logits: Tensor, labels: Tensor) -> dict[str, float]:
        """One step down the cross-entropy of two classes, ``[b]`` each: loss and accuracy."""
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        self.descend(loss)
        right = ((logits > 0) == (labels > 0.5)).float().mean()
        return {"loss": loss.item(), "accuracy": right.item()}

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
        if self._average is not None:
            self._average.follow(self.network)

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def finished(self) -> nn.Module:
        """The network, in evaluation mode, without gradients, on the CPU."""
        if self._average is not None:
            self._average.into(self.network)
        return self.network.eval().requires_grad_(False).cpu()

    def _parts(self) -> dict[str, Any]:
        more = {"schedule": self._schedule, "average": self._average}
        return {
            "network": self.network,
            "optimiser": self._optimiser,
            **{name: part for name, part in more.items() if part is not None},
        }


_FIRST = 9.0
"""Steps after which half of a moving average has been learned, however long it is to last."""


def _weights(network: nn.Module) -> list[tuple[str, Tensor]]:
    return list(network.named_parameters())
