"""Which device a job computes on."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import DeviceError

if TYPE_CHECKING:
    import torch


_AMD = Path("/dev/kfd")
"""Its driver's device."""


def full_memory() -> tuple[type[Exception], ...]:
    """What is raised where the memory of a device is full: nothing, as long as nobody uses torch.

    To be caught; torch is not imported for it.
    """
    torch = sys.modules.get("torch")
    return () if torch is None else (torch.OutOfMemoryError,)


def may_have_gpu() -> bool:
    """Whether torch could find a GPU here: asked of the drivers, for torch takes long to import."""
    if sys.platform == "win32":
        return _loads("nvcuda.dll")
    return _loads("libcuda.so.1") or _AMD.exists()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def choose_device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``; what torch calls
            a device will do.

    Raises:
        DeviceError: not such a name, or no such device in this machine.
    """
    name = str(name)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise DeviceError(f"`device` {name}: no such device; give auto, cpu, cuda or cuda:N")
    import torch

    if name == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if not count:
        raise DeviceError(
            f"`device` {name}: torch {torch.__version__} finds no CUDA GPU here; "
            "give `device=cpu`, or install a torch build for your GPU and its driver"
        )
    device = torch.device(name)
    if (device.index or 0) >= count:
        known = ", ".join(f"cuda:{n}" for n in range(count))
        raise DeviceError(f"`device` {name}: there is no such GPU, found {known}")
    return device
