"""The loop that every training shares: seeds, checkpoints, a record of losses, resumption."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from mitsgan.errors import OutputError

Step = Callable[[int, torch.Generator], Mapping[str, float]]
Progress = Callable[[int, int, Mapping[str, float]], None]


class Stateful(Protocol):
    """A network, an optimiser or a schedule."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> object: ...


def run_loop(
    step: Step,
    steps: int,
    states: Mapping[str, Stateful],
    folder: Path,
    *,
    seed: int,
    resume: bool = False,
    save_every: int = 100,
    progress: Progress | None = None,
) -> None:
    """Call ``step`` ``steps`` times; leave ``losses.jsonl`` and ``checkpoint.pt`` in ``folder``.

    All randomness comes from the generator handed to ``step`` and from torch's global state,
    which is seeded here and given back afterwards; both are in the checkpoint, so that a resumed
    run takes the same course as one that was never interrupted.

    Raises:
        OutputError: the folder holds a run already and ``resume`` was not asked for.
    """
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise OutputError(f"{folder} holds a training run; resume it or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = _restore(checkpoint, states, generator) if checkpoint.exists() else 0
        record = _Record(folder, first)
        for number in range(first, steps):
            losses = step(number, generator)
            record.add(number, losses)
            if progress is not None:
                progress(number + 1, steps, losses)
            if (number + 1) % save_every == 0 or number + 1 == steps:
                record.flush()
                _save(checkpoint, number + 1, states, generator)
        record.flush()


def read_losses(folder: Path) -> list[dict[str, float]]:
    """The losses of a run, one row a step."""
    with (folder / "losses.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def last_losses(folder: Path, steps: int = 100) -> dict[str, float]:
    """The mean of each loss over the last ``steps`` of the run in ``folder``."""
    rows = read_losses(folder)[-steps:]
    names = [name for name in rows[0] if name != "step"]
    return {name: float(f"{sum(row[name] for row in rows) / len(rows):.4g}") for name in names}


def _save(
    path: Path, number: int, states: Mapping[str, Stateful], generator: torch.Generator
) -> None:
    held = {
        "step": number,
        "generator": generator.get_state(),
        "global": torch.get_rng_state(),
        "states": {name: state.state_dict() for name, state in states.items()},
    }
    temporary = path.with_suffix(".tmp")
    torch.save(held, temporary)
    temporary.replace(path)


def _restore(path: Path, states: Mapping[str, Stateful], generator: torch.Generator) -> int:
    held = torch.load(path, weights_only=True)
    for name, state in states.items():
        state.load_state_dict(held["states"][name])
    generator.set_state(held["generator"])
    torch.set_rng_state(held["global"])
    return int(held["step"])


class _Record:
    """Losses as JSON lines, and to TensorBoard where it is installed."""

    def __init__(self, folder: Path, first: int) -> None:
        self.path = folder / "losses.jsonl"
        kept = self.path.read_text().splitlines()[:first] if self.path.exists() else []
        self.path.write_text("".join(f"{line}\n" for line in kept))
        self.pending: list[str] = []
        self.board = _tensorboard(folder)

    def add(self, number: int, losses: Mapping[str, float]) -> None:
        rounded = {name: float(f"{value:.6g}") for name, value in losses.items()}
        self.pending.append(json.dumps({"step": number, **rounded}) + "\n")
        if self.board is not None:
            for name, value in rounded.items():
                self.board.add_scalar(name, value, number)

    def flush(self) -> None:
        with self.path.open("a") as file:
            file.writelines(self.pending)
        self.pending.clear()
        if self.board is not None:
            self.board.flush()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
