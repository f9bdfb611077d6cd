"""Devices by name, on a machine that pretends to have GPUs, or none."""

from __future__ import annotations

import pytest
import torch

from mitsgan.errors import DeviceError
from mitsgan.jobs.device import choose_device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    count = int(request.param)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    "gpus, name, chosen",
    [
        (0, "auto", "cpu"),
        (2, "auto", "cuda"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
    ],
    indirect=["gpus"],
)
def test_chooses(gpus: None, name: str, chosen: str) -> None:
    assert str(choose_device(name)) == chosen


@pytest.mark.parametrize(
    "gpus, name, said",
    [
        (0, "cuda", "give `device=cpu`"),
        (2, "cuda:2", "found cuda:0, cuda:1"),
        (2, "cuda:-1", "give auto, cpu, cuda or cuda:N"),
        (2, "", "give auto, cpu, cuda or cuda:N"),
    ],
    indirect=["gpus"],
)
def test_refuses(gpus: None, name: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        choose_device(name)
