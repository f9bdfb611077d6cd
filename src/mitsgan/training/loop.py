"""The loop that every training shares: seeds, checkpoints, a record of losses, resumption."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mitsgan.errors import OutputError, SettingsError
from mitsgan.networks import DAMAGED
from mitsgan.training.fabric import ALONE, Worker
from mitsgan.training.learner import Learner

LOSSES = "losses.jsonl"
"""What a run's folder calls the losses of its steps."""

Step = Callable[[int, torch.Generator], Mapping[str, float]]


@dataclass(frozen=True)
class Run:
    """Where a training leaves what it makes, and who does it.

    Attributes:
        folder: of its checkpoint and losses.
        resume: go on with what the folder holds.
        worker: one of the processes that train together; its progress is told the losses.
        made_of: a hash of what is trained on and with; a checkpoint of another is refused.
    """

    folder: Path
    resume: bool = False
    worker: Worker = ALONE
    made_of: str = ""


def run_loop(
    step: Step,
    steps: int,
    learners: Mapping[str, Learner],
    run: Run,
    *,
    seed: int,
    save_every: int = 100,
) -> None:
    """Call ``step`` ``steps`` times; leave ``losses.jsonl`` and ``checkpoint.pt`` in the folder.

    All randomness comes from the generator handed to ``step`` and from torch's global state,
    which is seeded here and given back afterwards; both are in the checkpoint, so that a resumed
    run takes the same course as one that was never interrupted. Of several workers each draws data
    of its own (its seed is ``seed`` plus its rank), and worker 0 alone writes; the losses are
    their mean.

    Raises:
        SettingsError: the training diverged.
        OutputError: the folder holds a run already and the run is not to be resumed, or what it
            holds is damaged, was made of something else, by another number of workers, or on
            another kind of device; or it cannot be written.
    """
    worker, folder = run.worker, run.folder
    checkpoint = checkpoint_of(folder)
    if checkpoint.exists() and not run.resume:
        raise OutputError(f"{folder} holds a training run; resume it or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    gpu = [worker.device] if worker.device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpu):
        torch.manual_seed(seed + worker.rank)
        random = _Random(torch.Generator().manual_seed(seed + worker.rank), worker)
        first = _restore(run, checkpoint, learners, random) if checkpoint.exists() else 0
        record = _Record(folder, first) if worker.rank == 0 else None
        for number in range(first, steps):
            losses = worker.mean(step(number, random.generator))
            _check_numbers(losses, number)
            for learner in learners.values():
                worker.average_buffers(learner.network)
            if record is not None:
                record.add(number, losses)
                worker.progress("training", number + 1, steps, in_words(losses))
            if (number + 1) % save_every == 0 or number + 1 == steps:
                states = random.state()  # of all workers, so all of them come here
                if record is not None:
                    record.flush()
                    about = {"step": number + 1, "made_of": run.made_of}
                    _save(checkpoint, about, learners, states)
        worker.wait()  # none is done before the run is on disk


def _check_numbers(losses: Mapping[str, float], number: int) -> None:
    """What has become no number stays none: the rest of a training would change nothing."""
    for name, value in losses.items():
        if math.isnan(value):
            raise SettingsError(
                f"the training has diverged: in step {number + 1} {name} is no number any more; "
                "begin another with lower rates"
            )


def in_words(losses: Mapping[str, float]) -> str:
    """Losses for people, in one line."""
    return ", ".join(f"{name} {value:.3g}" for name, value in losses.items())


def read_losses(folder: Path) -> list[dict[str, float]]:
    """The losses of a run, one row a step."""
    with (folder / LOSSES).open() as lines:
        return [json.loads(line) for line in lines]


def checkpoint_of(folder: Path) -> Path:
    """Where a run in a folder keeps its checkpoint."""
    return folder / "checkpoint.pt"


def last_losses(folder: Path, steps: int = 100) -> dict[str, float]:
    """The mean of each loss over the last ``steps`` of the run in ``folder``."""
    rows = read_losses(folder)[-steps:]
    names = [name for name in rows[0] if name != "step"]
    return {name: float(f"{sum(row[name] for row in rows) / len(rows):.4g}") for name in names}


class _Random:
    """All that a worker's course hangs on besides its data: generators, as a checkpoint's part."""

    def __init__(self, generator: torch.Generator, worker: Worker) -> None:
        self.generator = generator
        self.worker = worker

    def state(self) -> dict[str, Tensor]:
        """``[count, bytes]`` of each kind, all workers' states by rank."""
        own = {"generator": self.generator.get_state(), "global": torch.get_rng_state()}
        if self.worker.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.worker.device)
        return {name: self.worker.gather(state) for name, state in own.items()}

    def restore(self, states: Mapping[str, Tensor], path: Path) -> None:
        """Take this worker's part of what `state` gave."""
        mine = {}
        now = self.state()
        if ("cuda" in states) != ("cuda" in now):
            on = "a GPU" if "cuda" in states else "the CPU"
            raise OutputError(f"{path.parent} holds a run on {on}; resume it with that")
        for name, state in now.items():
            rows = states[name].view(-1, state.shape[1])
            if len(rows) != self.worker.count:
                raise OutputError(
                    f"{path.parent} holds a run of {len(rows)} process(es), and this is one of "
                    f"{self.worker.count}; resume it with `devices={len(rows)}`"
                )
            # A copy: torch crashes on a state that begins inside another tensor.
            mine[name] = rows[self.worker.rank].clone()
        self.generator.set_state(mine["generator"])
        torch.set_rng_state(mine["global"])
        if "cuda" in mine:
            torch.cuda.set_rng_state(mine["cuda"], self.worker.device)


def _save(
    path: Path,
    about: Mapping[str, object],
    learners: Mapping[str, Learner],
    random: Mapping[str, Tensor],
) -> None:
    checkpoint = {
        **about,
        **random,
        "learners": {name: learner.state_dict() for name, learner in learners.items()},
    }
    whole = io.BytesIO()  # torch tells a full disk as an error of its own, without its reason
    torch.save(checkpoint, whole)
    _replace(path, whole.getvalue())


def _replace(path: Path, content: bytes) -> None:
    """Write a file of a run beside its place first: on a full disk it stays as it was."""
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written: {error.strerror or error}; the run keeps what it held before: "
        "free space, and go on with `resume`"
    )


def _restore(run: Run, path: Path, learners: Mapping[str, Learner], random: _Random) -> int:
    try:
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    except DAMAGED as error:
        raise OutputError(
            f"{path} is no checkpoint of a training, or is damaged; delete the run, or begin "
            "another with another `run`"
        ) from error
    if "learners" not in checkpoint:
        raise OutputError(
            f"{path.parent} holds a run of an earlier version, whose checkpoint is written "
            "otherwise; go on with it by that version, or begin another"
        )
    if checkpoint.get("made_of", run.made_of) != run.made_of:  # earlier ones do not say it
        raise OutputError(
            f"{path.parent} holds a run that was begun with other files under the same names: "
            "scans, attackers or other weights have changed since; go on with those, or begin "
            "another with another `run`"
        )
    random.restore(checkpoint, path)
    try:
        for name, learner in learners.items():
            learner.load_state_dict(checkpoint["learners"][name])
    except (RuntimeError, ValueError, KeyError) as error:  # ours are told apart by their settings
        raise OutputError(
            f"{path} is of a training of something else; begin another with another `run`"
        ) from error
    return int(checkpoint["step"])


class _Record:
    """Losses as JSON lines, and to TensorBoard where it is installed."""

    def __init__(self, folder: Path, first: int) -> None:
        self.path = folder / LOSSES
        kept = self.path.read_text().splitlines()[:first] if self.path.exists() else []
        _replace(self.path, "".join(f"{line}\n" for line in kept).encode())
        self.pending: list[str] = []
        self.board = _tensorboard(folder)

    def add(self, number: int, losses: Mapping[str, float]) -> None:
        rounded = {name: float(f"{value:.6g}") for name, value in losses.items()}
        self.pending.append(json.dumps({"step": number, **rounded}) + "\n")
        if self.board is not None:
            for name, value in rounded.items():
                self.board.add_scalar(name, value, number)

    def flush(self) -> None:
        try:
            with self.path.open("a") as file:
                file.writelines(self.pending)
        except OSError as error:  # what was begun is cut off when the run is resumed
            raise _unwritten(self.path, error) from error
        self.pending.clear()
        if self.board is not None:
            self.board.flush()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
