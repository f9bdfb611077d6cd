"""LeFusion's checkpoint: every tensor is accounted for, nothing is run, all else is refused."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.attack.import_lefusion.release import checkpoint
from torch import Tensor

from mitsgan.attack.import_lefusion import checkpoint as reader
from mitsgan.attack.import_lefusion.checkpoint import read_lesion_unet
from mitsgan.attack.import_lefusion.names import published
from mitsgan.attack.networks.lefusion.attention import Heads
from mitsgan.attack.networks.lefusion.unet import Shape
from mitsgan.errors import WeightsError

PREFIX = "denoise_fn.module."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lidc.pt"


def _saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", [PREFIX, "denoise_fn."])
def test_every_tensor_finds_its_layer(path: Path, prefix: str) -> None:
    content = checkpoint(prefix=prefix)
    network, timesteps = read_lesion_unet(_saved(path, content))
    assert timesteps == 300
    assert network.shape == Shape(8, (1, 2), Heads(2, 8))
    assert not network.training
    state = network.state_dict()
    for name, tensor in state.items():
        given = content["model"][prefix + published(name)]
        assert torch.equal(tensor, given.reshape(tensor.shape)), name
    named = {prefix + published(name) for name in state}
    rest = {name.removeprefix(prefix) for name in content["model"] if name not in named}
    of_the_network = {name for name in rest if name.endswith("freqs")} | {"null_cond_emb"}
    assert len(rest - of_the_network) == 12  # the schedule's


@pytest.mark.parametrize(
    "shape, timesteps",
    [
        (Shape(16, (1,), Heads(1, 4)), 300),
        (Shape(8, (2, 3, 3), Heads(3, 6)), 50),
    ],
)
def test_width_levels_and_heads_are_those_of_the_tensors(
    path: Path, shape: Shape, timesteps: int
) -> None:
    heads = shape.heads
    content = checkpoint(shape.width, shape.multiples, heads.count, heads.channels, steps=timesteps)
    network, found = read_lesion_unet(_saved(path, content))
    assert (network.shape, found) == (shape, timesteps)


def test_it_computes_what_the_release_computes(path: Path) -> None:
    """Numbers that the release's own network gave for the same weights, in float32."""
    network, _ = read_lesion_unet(_saved(path, checkpoint(16, (1, 2, 4), 4, 32)))
    x = torch.sin(0.1 * torch.arange(6 * 16 * 16)).reshape(1, 1, 6, 16, 16)
    with torch.no_grad():
        noise = network(x, torch.tensor([123]), torch.full((1, 16), 1 / 16))
    expected = torch.tensor(
        [
            *(0.0312621, 0.0885935, 0.0912308, -0.1099757, 0.1391816, 0.3327749),
            *(0.0645856, 0.2313769, 0.0794913, -0.1471619, 0.1202599, 0.3375878),
        ]
    )
    torch.testing.assert_close(noise[0, 0, ::5, ::7, ::9].flatten(), expected, atol=1e-5, rtol=0)


Change = Callable[[dict[str, Tensor]], object]

NORM = PREFIX + "mid_block1.block1.norm.bias"


def _without(name: str) -> Change:
    return lambda model: model.pop(name)


def _with(name: str, tensor: object) -> Change:
    return lambda model: model.update({name: tensor})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "change, message",
    [
        (_without(NORM), "lacks mid_block1.block1.norm.bias"),
        (_without(PREFIX + "downs.1.3.fn.fn.fn.rotary_emb.freqs"), r"lacks downs\.1\.3.*freqs"),
        (_without("posterior_variance"), "lacks posterior_variance"),
        (_without("betas"), "lacks betas"),
        (_without(PREFIX + "init_conv.weight"), "lacks init_conv.weight"),
        (_with("vqgan.weight", torch.ones(1)), "has vqgan.weight, which"),
        (_with(NORM, torch.zeros(17)), r"norm\.bias has the shape \(17,\), expected \(16,\)"),
        (_with(NORM, torch.full((16,), torch.nan)), "no finite numbers"),
        (_with(NORM, torch.zeros(16, dtype=torch.int64)), "no finite numbers"),
        (_with(NORM, "text"), "holds .*bias, which is no tensor"),
        (_with("denoise_fn.null_cond_emb", torch.zeros(1, 16)), "two tensors are called null_cond"),
        (_with("betas", torch.linspace(1e-4, 0.02, 300)), "betas is not that of the cosine"),
        (_with("betas", torch.ones(3, 3)), "no schedule"),
        (_with("betas", torch.ones(1)), "no schedule"),
        (_with("alphas_cumprod", torch.ones(300)), "alphas_cumprod is not that of the cosine"),
        (_with(PREFIX + "init_conv.weight", torch.ones(8, 2, 1, 7, 7)), "2 channels .* emidec.pt"),
        (_with(PREFIX + "null_cond_emb", torch.ones(1, 32)), "32 bins .* cardiac MRI"),
        (_without(PREFIX + "null_cond_emb"), "no null_cond_emb: .*diffmask"),
        (_with(PREFIX + "init_conv.weight", torch.ones(8, 1)), "expected 5 axes"),
        (_with(PREFIX + "init_conv.weight", torch.ones(9, 1, 1, 7, 7)), "multiple of 8"),
        (
            _with(PREFIX + "init_temporal_attn.fn.fn.fn.rotary_emb.freqs", torch.ones(4)),
            "holds other frequencies",
        ),
    ],
)
def test_another_model_is_refused_by_its_first_difference(
    path: Path, change: Change, message: str
) -> None:
    content = checkpoint()
    change(content["model"])
    with pytest.raises(WeightsError, match=rf"lidc\.pt: .*{message}"):
        read_lesion_unet(_saved(path, content))


@pytest.mark.parametrize(
    "content, message",
    [
        ({"state_dict": {}, "epoch": 1}, "holds epoch, state_dict; expected the checkpoint"),
        ({"model": [1, 2]}, "holds model; expected the checkpoint"),
        ([torch.ones(2)], "holds list; expected the checkpoint"),
        (dict.fromkeys("abcde", 0), "holds a, b, c and 2 more"),
    ],
)
def test_another_kind_of_checkpoint_is_refused(path: Path, content: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_lesion_unet(_saved(path, content))


@pytest.mark.parametrize("part", [0.2, 0.9, 0.999])
def test_half_a_file_is_refused(path: Path, part: float) -> None:
    data = _saved(path, checkpoint()).read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(WeightsError, match=r"not a whole checkpoint|not a checkpoint"):
        read_lesion_unet(path)


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"PK\x03\x04", bytes(999)])
def test_what_is_no_checkpoint_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"not a (whole )?checkpoint of PyTorch"):
        read_lesion_unet(path)


class _Hostile:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    for content in (b"NRRD0004\n", b"<!DOCTYPE html>", b""):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"not a whole checkpoint|not a checkpoint"):
            read_lesion_unet(path)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: _pickled(content, path)])
def test_a_hostile_checkpoint_is_refused_and_not_run(
    path: Path, tmp_path: Path, save: Callable[[object, Path], None]
) -> None:
    trace = tmp_path / "trace"
    save({**checkpoint(), "scaler": _Hostile(trace)}, path)
    with pytest.raises(WeightsError, match=r"lidc\.pt: (asks for|not a checkpoint)"):
        read_lesion_unet(path)
    assert not trace.exists()


def _pickled(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def test_a_hostile_checkpoint_is_told_by_what_it_asks_for(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    _saved(path, {**checkpoint(), "scaler": _Hostile(trace)})
    with pytest.raises(WeightsError, match=re.escape("it may be hostile and was not run")):
        read_lesion_unet(path)
    torch.load(path, weights_only=False)
    assert trace.exists(), "else this test shows nothing"


def test_a_file_that_is_not_there_or_far_too_large_is_not_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="no such file; give the lidc"):
        read_lesion_unet(path)
    monkeypatch.setattr(reader, "_LARGEST_FILE", 100)
    with pytest.raises(WeightsError, match="too many"):
        read_lesion_unet(_saved(path, checkpoint()))
