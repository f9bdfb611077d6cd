"""A learner with a moving average of its weights."""

import pytest
import torch
from torch import nn

from mitsgan.training.learner import Average, Learner


def weight(network: nn.Module | None) -> float:
    assert network is not None
    return float(next(network.parameters()).detach())


def learner(start: float, keep: float) -> Learner:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, start)
    optimiser = torch.optim.SGD(network.parameters(), 1.0)
    return Learner(network, optimiser, average=Average(network, keep))


def descend(to: Learner, steps: int) -> None:
    for _ in range(steps):
        to.descend(to.network(torch.ones(1, 1)).sum())  # a step of one down, every time


def test_the_average_follows_the_weights_more_slowly_the_longer_it_lasts() -> None:
    quick, slow = learner(10.0, 0.1), learner(10.0, 0.9)
    for one in (quick, slow):
        descend(one, 3)
    assert weight(quick.network) == 7
    ends = [weight(one.finished()) for one in (quick, slow)]
    # Kept: a tenth, then 0.1 (quick) or 2/11 and 3/12 (slow, still learning how long to last).
    assert ends[0] == pytest.approx(7 + 0.1 + 0.01 + 0.001, abs=1e-5)
    assert ends[1] == pytest.approx(((10 * 0.1 + 9 * 0.9) * 2 / 11 + 8 * 9 / 11) / 4 + 7 * 3 / 4)
    assert ends[1] > ends[0]


def test_a_checkpoint_goes_on_with_the_average() -> None:
    whole, first, second = learner(10.0, 0.9), learner(10.0, 0.9), learner(0.0, 0.9)
    descend(whole, 4)
    descend(first, 2)
    second.load_state_dict(first.state_dict())
    descend(second, 2)
    assert weight(second.finished()) == weight(whole.finished())
