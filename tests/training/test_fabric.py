"""Two processes on the CPU train as one would that averages both halves' gradients itself."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import mitsgan.training.attacker as attacker_training
from mitsgan.errors import DataError, MissingExtraError, OutputError
from mitsgan.scan.scan import Scan
from mitsgan.training.attacker import train_attacker
from mitsgan.training.config import AttackerConfig
from mitsgan.training.fabric import ALONE, Worker, get_fabric, launch
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, read_losses, run_loop

CPU = torch.device("cpu")
SEED, STEPS = 7, 6

needs_fabric = pytest.mark.usefixtures("fabric")
# Processes that wait for each other are slow where others run too.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def fabric() -> None:
    pytest.importorskip("lightning_fabric", reason="needs lightning-fabric (extra train)")


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # No bias before the normalisation: its gradient is rounding, which Adam would follow.
        first = nn.Linear(5, 8, bias=False)
        return nn.Sequential(first, nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))


def loss_of(model: nn.Module, generator: torch.Generator) -> Tensor:
    x = torch.randn(16, 5, generator=generator)
    return F.mse_loss(model(x)[:, 0], x.sum(1))


def train(folder: Path, steps: int, resume: bool, worker: Worker) -> None:
    """Train a small network; every process leaves its result in the folder."""
    model = network()
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    learner = Learner(model, adam, worker=worker)

    def step(_: int, generator: torch.Generator) -> dict[str, float]:
        loss = loss_of(model, generator)
        learner.descend(loss)
        return {"loss": loss.item()}

    run = Run(folder, resume, worker)
    run_loop(step, steps, {"model": learner}, run, seed=SEED, save_every=2)
    torch.save(model.state_dict(), folder / f"rank{worker.rank}.pt")


def one_process(steps: int) -> tuple[nn.Module, list[float]]:
    """The same by hand: both processes' data in turn, and the mean of gradients and buffers."""
    model = network()
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    generators = [torch.Generator().manual_seed(SEED + rank) for rank in (0, 1)]
    losses = []
    for _ in range(steps):
        adam.zero_grad()
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        total, after = 0.0, []
        for generator in generators:
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
            loss = loss_of(model, generator)
            torch.autograd.backward(loss / 2)
            total += loss.item() / 2
            after.append({name: buffer.clone() for name, buffer in model.named_buffers()})
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_((after[0][name] + after[1][name]) / 2)
        adam.step()
        losses.append(total)
    return model, losses


def train_whole_and_in_parts(folder: Path, worker: Worker) -> None:
    """The second time resumed from a checkpoint in the middle."""
    train(folder / "whole", STEPS, False, worker)
    train(folder / "parts", STEPS - 2, False, worker)
    train(folder / "parts", STEPS, True, worker)


@pytest.mark.slow
@needs_fabric
def test_two_processes_are_one_with_averaged_gradients(tmp_path: Path) -> None:
    launch(partial(train_whole_and_in_parts, tmp_path), 2, CPU)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected, losses = one_process(STEPS)
    first = torch.load(whole / "rank0.pt")
    assert set(first) == set(expected.state_dict())
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(first[name], tensor, atol=1e-5, rtol=1e-5)
        for other in (whole / "rank1.pt", parts / "rank0.pt", parts / "rank1.pt"):
            assert torch.equal(first[name], torch.load(other)[name]), (name, other)
    assert [row["loss"] for row in read_losses(whole)] == pytest.approx(losses, rel=1e-4)
    assert read_losses(parts) == read_losses(whole)
    with pytest.raises(OutputError, match=r"run of 2 process\(es\).*`devices=2`"):
        train(parts, STEPS, True, ALONE)  # its random states are two processes'


def train_on_phantom(scan: Scan, folder: Path, worker: Worker) -> float:
    """Train an attacker; its results and the largest difference between the processes'."""
    attacker_training.TABLE_CUBES = 8  # in this process, which ends with the training
    config = AttackerConfig(action="remove", width=2, steps=2, batch=2)
    attacker = train_attacker([scan], config, Run(folder, worker=worker))
    parts = [p.flatten() for p in attacker.network.state_dict().values()]
    gathered = worker.gather(torch.cat([p.double() for p in parts]))
    assert gathered.shape[0] == 2
    return float((gathered[0] - gathered[1]).abs().max())


@pytest.mark.slow
@needs_fabric
def test_two_processes_train_one_attacker(training_chest: Scan, tmp_path: Path) -> None:
    assert launch(partial(train_on_phantom, training_chest, tmp_path), 2, CPU) == 0
    assert len(read_losses(tmp_path)) == 2


def tell(worker: Worker) -> int:
    """Both tell, the first is heard."""
    worker.progress(f"of {worker.rank}", 1, 2, "half")
    worker.wait()
    return worker.rank


@pytest.mark.slow
@needs_fabric
def test_progress_of_the_first_process_is_told_here() -> None:
    reported: list[tuple[object, ...]] = []
    assert launch(tell, 2, CPU, lambda *said: reported.append(said)) == 0
    assert reported == [("of 0", 1, 2, "half")]


class StopError(Exception):
    pass


def go_on(worker: Worker) -> None:
    for number in range(10_000):
        worker.progress("waiting", number, 10_000)
        worker.mean({"waits": 1.0})


@pytest.mark.slow
@needs_fabric
def test_who_watches_may_end_it() -> None:
    def stop(phase: str, done: int, total: int, note: str = "") -> None:
        raise StopError

    with pytest.raises(StopError):
        launch(go_on, 2, CPU, stop)


def fail(worker: Worker) -> None:
    if worker.rank == 1:
        raise DataError("nothing to train on here")
    worker.mean({"waits": 1.0})  # for ever, were it not stopped


@pytest.mark.slow
@needs_fabric
def test_what_one_process_cannot_do_is_said_as_by_one_alone() -> None:
    with pytest.raises(DataError, match="nothing to train on here"):
        launch(fail, 2, CPU)


def test_one_process_needs_no_fabric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    assert launch(lambda worker: worker, 1, CPU) == ALONE
    with pytest.raises(MissingExtraError, match=r"'mitsgan\[train\]', or give `devices=1`"):
        get_fabric()


def test_alone_nothing_is_averaged() -> None:
    model = network()
    torch.autograd.backward(loss_of(model, torch.Generator().manual_seed(0)))
    before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    ALONE.average_gradients(model)
    assert all(
        torch.equal(p.grad, g)
        for p, g in zip(model.parameters(), before, strict=True)
        if p.grad is not None
    )
    assert ALONE.mean({"a": 0.1, "b": 2.0}) == {"a": 0.1, "b": 2.0}
