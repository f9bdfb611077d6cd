"""Several processes that train one network together, each on data of its own.

Lightning Fabric starts them, one a GPU or several on the CPU, and carries what they tell each
other. Where one process trains alone, nothing of it is loaded.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessException

from mitsgan.errors import MissingExtraError, MitsganError
from mitsgan.progress import Progress, silent
from mitsgan.training.messages import Messages

T = TypeVar("T")
_CPU = torch.device("cpu")

for _name in ("distributed", "rank_zero"):  # they announce every process on stderr
    logging.getLogger(f"lightning_fabric.utilities.{_name}").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Worker:
    """One of the processes that train a network together, or the only one.

    Attributes:
        rank: its number; 0 alone writes, logs and prints.
        count: how many there are.
        device: what it computes on.
        fabric: carries what they tell each other; None where there is one.
        progress: told how far the training is; by process 0.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU
    fabric: Any = None
    progress: Progress = silent

    def average_gradients(self, module: nn.Module) -> None:
        """Give the parameters the mean of all processes' gradients, in place."""
        self._average([p.grad for p in module.parameters() if p.grad is not None])

    def average_buffers(self, module: nn.Module) -> None:
        """Give batch norms the mean of all processes' running statistics, in place."""
        self._average([b for b in module.buffers() if b.is_floating_point()])

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean of all processes' values of the same names."""
        tensor = torch.tensor(list(values.values()), dtype=torch.float64)
        self._average([tensor])
        return dict(zip(values, tensor.tolist(), strict=True))

    def gather(self, tensor: Tensor) -> Tensor:
        """``[count, ...]``: the tensor of every process, by rank, on the CPU."""
        if self.count == 1:
            return tensor[None]
        rows = torch.zeros(self.count, *tensor.shape, dtype=tensor.dtype, device=self.device)
        rows[self.rank] = tensor
        gathered: Tensor = self.fabric.all_reduce(rows, reduce_op="sum")
        return gathered.cpu()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            self.fabric.barrier()

    def _average(self, tensors: list[Tensor]) -> None:
        if self.count == 1 or not tensors:
            return
        # All in one message: small ones cost as much as large ones.
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        mean = self.fabric.all_reduce(flat.to(self.device), reduce_op="mean").to(flat.device)
        parts = mean.split([tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))


ALONE = Worker()
"""The one process of a training that is not shared."""


def launch(
    work: Callable[[Worker], T],
    count: int,
    device: torch.device,
    progress: Progress = silent,
) -> T:
    """Do ``work`` in ``count`` new processes at once; in this one where ``count`` is 1.

    Args:
        work: can be pickled; ends or fails in all processes alike.
        count: processes, on a GPU's machine as many GPUs.
        device: the CPU, or CUDA; processes take the first GPUs, one each.
        progress: told what the worker of process 0 tells.

    Returns:
        What ``work`` gives in process 0: something small.

    Raises:
        MissingExtraError: there are several, and Lightning Fabric is not installed.
        MitsganError: what ``work`` raised in one of them; the others are stopped.
    """
    if count == 1:
        return work(Worker(device=device, progress=progress))
    accelerator = "cpu" if device.type == "cpu" else "gpu"
    fabric = get_fabric()(accelerator=accelerator, devices=count, strategy="ddp_spawn")
    before = set(multiprocessing.active_children())

    def stop() -> None:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()

    messages = Messages(progress, stop)
    try:
        result: _Given[T] = fabric.launch(partial(_enter, work, messages.queue))
    except ProcessException:
        error = messages.close()
        if error is None:
            raise
        raise error from None
    finally:  # an interrupt ends the wait for them, not them
        stop()
        messages.close()
    return result.value


def get_fabric() -> Any:
    """The class ``Fabric``.

    Raises:
        MissingExtraError: lightning-fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingExtraError(
            "training in several processes needs lightning-fabric, which is not installed: "
            "pip install 'mitsgan[train]', or give `devices=1`"
        ) from error
    return Fabric


class _Given(Generic[T]):
    """Carries a result: Fabric looks for tensors in any dataclass, and refuses frozen ones."""

    def __init__(self, value: T) -> None:
        self.value = value


def _enter(work: Callable[[Worker], T], messages: Any, fabric: Any) -> _Given[T]:
    """What a new process starts with."""

    def tell(phase: str, done: int, total: int, note: str = "") -> None:
        messages.put((phase, done, total, note))

    rank = fabric.global_rank
    progress = tell if rank == 0 else silent
    try:
        result = work(Worker(rank, fabric.world_size, fabric.device, fabric, progress))
    except MitsganError as error:
        messages.put(error)
        raise SystemExit(1) from error
    fabric.barrier()  # nobody leaves while another still waits for a message
    torch.distributed.destroy_process_group()
    atexit.register(_leave)
    return _Given(result)


def _leave() -> None:
    """End this process as it is: its result is delivered and its files are closed.

    A thread of torch that asks for Python's lock while Python ends aborts the process now and
    then ("terminate called without an active exception").
    """
    os._exit(0)
