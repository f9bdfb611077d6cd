"""Devices by name, on a machine that pretends to have GPUs, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mitsgan.errors import DeviceError
from mitsgan.jobs.device import _loads, choose_device, may_have_gpu
from mitsgan.jobs.protect.protection import Protection
from mitsgan.jobs.protect.protection import _device as device_of
from mitsgan.jobs.protect.settings import ProtectSettings


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


def test_takes_what_torch_calls_a_device() -> None:
    given: Any = torch.device("cpu")
    assert choose_device(given) == given


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


@pytest.mark.parametrize("gpus", [0], indirect=True)
@pytest.mark.parametrize("name, said", [("cuda", "give `device=cpu`"), ("tpu", "no such device")])
def test_a_device_that_is_asked_for_is_there_even_where_nothing_computes_on_it(
    gpus: None, name: str, said: str
) -> None:
    with pytest.raises(DeviceError, match=said):
        Protection.load(ProtectSettings(protector="wave", device=name))


@pytest.mark.parametrize("gpus", [2], indirect=True)
def test_torch_is_asked_for_a_gpu_only_where_there_may_be_one(
    gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitsgan.jobs.device._loads", lambda library: False)
    monkeypatch.setattr("mitsgan.jobs.device._AMD", Path("/none"))
    assert not may_have_gpu()
    assert Protection.load(ProtectSettings()).device is None
    monkeypatch.setattr("mitsgan.jobs.device._loads", lambda library: True)
    assert may_have_gpu()
    assert str(device_of(ProtectSettings())) == "cuda"
    assert device_of(ProtectSettings(device="cpu")) is None
    assert device_of(ProtectSettings(protector="wave")) is None
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("mitsgan.jobs.device._loads", lambda library: library == "nvcuda.dll")
    assert may_have_gpu()


def test_a_driver_is_one_that_loads() -> None:
    assert not _loads("libnosuchdriver.so.1")


@pytest.mark.parametrize("gpus", [2], indirect=True)
def test_one_is_chosen_where_something_computes_on_it_alone(gpus: None) -> None:
    assert Protection.load(ProtectSettings(protector="wave")).device is None
    refined = ProtectSettings(protector="wave", refine_steps=1)
    assert str(Protection.load(refined).device) == "cuda"
    chosen = Protection.load(ProtectSettings(protector="wave", device="cuda:1")).device
    assert str(chosen) == "cuda:1"
