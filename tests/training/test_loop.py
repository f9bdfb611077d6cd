"""The loop: a resumed run takes the course of one that was never interrupted."""

import errno
import math
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from mitsgan.errors import OutputError, SettingsError
from mitsgan.training.fabric import Worker
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, _Record, read_losses, run_loop


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


def test_a_training_that_diverges_ends_and_says_so(tmp_path: Path) -> None:
    losses = iter([{"l1": 1.0, "fooled": 2.0}, {"l1": 1.0, "fooled": math.nan}])
    with pytest.raises(SettingsError, match="diverged: in step 2 fooled is no number"):
        run_loop(lambda number, generator: next(losses), 5, {}, Run(tmp_path), seed=0)


def files_of(run: Path) -> dict[str, bytes]:
    """What a run holds, but for what TensorBoard writes when it likes."""
    return {path.name: path.read_bytes() for path in run.iterdir() if "tfevents" not in path.name}


def test_on_a_full_disk_a_run_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole", 10)
    with pytest.raises(StopError):
        train(tmp_path / "parts", 10, stop_at=5)
    before = files_of(tmp_path / "parts")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:8])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match=r"No space left on device.*keeps what it held"):
            train(tmp_path / "parts", 10, resume=True)
    assert files_of(tmp_path / "parts") == before
    assert not list((tmp_path / "parts").glob("*.tmp"))
    resumed = train(tmp_path / "parts", 10, resume=True)
    assert torch.equal(whole.weight, resumed.weight)
    assert read_losses(tmp_path / "whole") == read_losses(tmp_path / "parts")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_losses_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    record = _Record(tmp_path, 0)
    record.add(0, {"loss": 1.0})
    record.path = Path("/dev/full")
    with pytest.raises(OutputError, match="/dev/full cannot be written: No space left"):
        record.flush()


def test_a_checkpoint_of_something_else_or_damaged_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 4)
    other = Learner(model := nn.Linear(3, 1), torch.optim.Adam(model.parameters()), fall=20)
    with pytest.raises(OutputError, match="is of a training of something else"):
        run_loop(lambda *_: {}, 8, {"model": other}, Run(tmp_path, resume=True), seed=3)
    with pytest.raises(OutputError, match="is of a training of something else"):
        run_loop(lambda *_: {}, 8, {"another": other}, Run(tmp_path, resume=True), seed=3)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    for damaged in (whole[:1000], b"", b"not a checkpoint", b"NRRD0004\n"):
        (tmp_path / "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(OutputError, match="is no checkpoint of a training, or is damaged"):
            train(tmp_path, 8, resume=True)


def test_a_run_that_was_begun_with_other_files_is_refused(tmp_path: Path) -> None:
    run_loop(lambda *_: {"x": 1.0}, 2, {}, Run(tmp_path, made_of="these"), seed=0)
    run_loop(lambda *_: {"x": 1.0}, 4, {}, Run(tmp_path, resume=True, made_of="these"), seed=0)
    with pytest.raises(OutputError, match="was begun with other files under the same names"):
        run_loop(lambda *_: {}, 6, {}, Run(tmp_path, resume=True, made_of="those"), seed=0)
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del checkpoint["made_of"]  # as earlier ones are
    torch.save(checkpoint, tmp_path / "checkpoint.pt")
    run_loop(lambda *_: {"x": 1.0}, 6, {}, Run(tmp_path, resume=True, made_of="those"), seed=0)
    assert len(read_losses(tmp_path)) == 6


def test_a_run_on_a_gpu_does_not_go_on_without_one(tmp_path: Path) -> None:
    train(tmp_path, 4)
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    checkpoint["cuda"] = torch.zeros(1, 16, dtype=torch.uint8)
    torch.save(checkpoint, tmp_path / "checkpoint.pt")
    with pytest.raises(OutputError, match="holds a run on a GPU; resume it with that"):
        train(tmp_path, 8, resume=True)


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
