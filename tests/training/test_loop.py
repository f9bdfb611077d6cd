"""The loop: a resumed run takes the course of one that was never interrupted."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from mitsgan.errors import OutputError
from mitsgan.training.fabric import Worker
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, read_losses, run_loop


class StopError(Exception):
    pass


def train(
    folder: Path, steps: int, *, resume: bool = False, stop_at: int | None = None
) -> nn.Linear:
    torch.manual_seed(99)
    model = nn.Linear(4, 1)
    learner = Learner(model, torch.optim.Adam(model.parameters(), 1e-2), fall=20)

    def step(number: int, generator: torch.Generator) -> Mapping[str, float]:
        if number == stop_at:
            raise StopError
        x = torch.randn(8, 4, generator=generator)
        loss = nn.functional.dropout(model(x), 0.5).square().mean()
        learner.descend(loss)
        return {"loss": loss.item()}

    run_loop(step, steps, {"model": learner}, Run(folder, resume), seed=3, save_every=4)
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
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_loop(lambda *_: {"x": torch.rand(()).item()}, 3, {}, Run(tmp_path), seed=0)
    torch.testing.assert_close(torch.rand(3), expected)


def test_losses_are_told_and_the_rate_falls(tmp_path: Path) -> None:
    reported: list[tuple[object, ...]] = []
    model = nn.Linear(1, 1)
    optimiser = torch.optim.SGD(model.parameters(), 1.0)
    learner = Learner(model, optimiser, fall=2)

    def step(number: int, _: torch.Generator) -> Mapping[str, float]:
        learner.descend(model(torch.ones(1, 1)).sum())
        return {"loss": number + 0.25}

    worker = Worker(progress=lambda *said: reported.append(said))
    run_loop(step, 2, {"model": learner}, Run(tmp_path, worker=worker), seed=0)
    assert reported == [("training", 1, 2, "loss 0.25"), ("training", 2, 2, "loss 1.25")]
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0)


def test_a_long_gradient_is_cut() -> None:
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    learner = Learner(model, torch.optim.SGD(model.parameters(), 1.0))
    torch.autograd.backward(30 * model(torch.ones(1, 1)).sum())
    learner.step(longest=0.5)
    assert before - model.weight.item() == pytest.approx(0.5, abs=1e-4)


def test_a_checkpoint_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 4)
    checkpoint = torch.load(tmp_path / "checkpoint.pt")
    checkpoint["states"] = checkpoint.pop("learners")
    torch.save(checkpoint, tmp_path / "checkpoint.pt")
    with pytest.raises(OutputError, match="of an earlier version"):
        train(tmp_path, 8, resume=True)
