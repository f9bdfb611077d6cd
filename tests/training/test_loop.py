"""The loop: a resumed run takes the course of one that was never interrupted."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from mitsgan.errors import OutputError
from mitsgan.training.loop import Stateful, read_losses, run_loop


class StopError(Exception):
    pass


def train(
    folder: Path, steps: int, *, resume: bool = False, stop_at: int | None = None
) -> nn.Linear:
    torch.manual_seed(99)
    model = nn.Linear(4, 1)
    adam = torch.optim.Adam(model.parameters(), 1e-2)

    def step(number: int, generator: torch.Generator) -> Mapping[str, float]:
        if number == stop_at:
            raise StopError
        x = torch.randn(8, 4, generator=generator)
        loss = nn.functional.dropout(model(x), 0.5).square().mean()
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
        return {"loss": loss.item()}

    states: dict[str, Stateful] = {"model": model, "adam": adam}
    run_loop(step, steps, states, folder, seed=3, resume=resume, save_every=4)
    return model


def test_resuming_is_exact(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 10)
    with pytest.raises(StopError):
        train(tmp_path / "parts", 10, stop_at=7)
    resumed = train(tmp_path / "parts", 10, resume=True)
    assert torch.equal(whole.weight, resumed.weight)
    assert read_losses(tmp_path / "whole") == read_losses(tmp_path / "parts")
    assert len(read_losses(tmp_path / "whole")) == 10


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path, 4)
    with pytest.raises(OutputError, match="resume it or choose another folder"):
        train(tmp_path, 4)


def test_the_global_state_is_given_back(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_loop(lambda *_: {"x": torch.rand(()).item()}, 3, {"m": model}, tmp_path, seed=0)
    torch.testing.assert_close(torch.rand(3), expected)
