"""Memory layout: convolutions run about twice as fast with channels last."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def channels_last(module: M) -> M:
    """Lay out a module's 3-D kernels channels last, in place; returns the module."""
    module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return module
