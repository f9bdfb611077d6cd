"""LPIPS with random weights, against a statement of its arithmetic in NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.errors import WeightsError
from mitsgan.evaluate.metrics.backbone import cached_backbone
from mitsgan.evaluate.metrics.lpips import SMALLEST, Lpips
from mitsgan.evaluate.metrics.windows import WINDOWS, GreyWindow

SHAPES = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
NAMES = (0, 3, 6, 8, 10)
STRIDES, PADDINGS = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    tensors = {}
    for number, (name, (out, into, side)) in enumerate(zip(NAMES, SHAPES, strict=True)):
        kernel = rng.normal(0, (2 / (into * side * side)) ** 0.5, (out, into, side, side))
        tensors[f"features.{name}.weight"] = kernel
        tensors[f"features.{name}.bias"] = rng.normal(0, 0.1, out)
        tensors[f"lin{number}.model.1.weight"] = rng.uniform(0, 1, (1, out, 1, 1))
    return {name: torch.from_numpy(v.astype(np.float32)) for name, v in tensors.items()}


def convolved(x: Array, kernel: Array, bias: Array, stride: int, padding: int) -> Array:
    side = kernel.shape[-1]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))
    windows = windows[:, ::stride, ::stride]
    return (
        np.asarray(np.einsum("cyxij,ocij->oyx", windows, kernel, optimize=True))
        + bias[:, None, None]
    )


def pooled(x: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]
    return np.asarray(windows.max((3, 4)))


def stated(a: Array, b: Array, weights: dict[str, Tensor]) -> float:
    """Of pictures ``[3, y, x]`` in -1..1."""
    w = {name: v.numpy().astype(np.float64) for name, v in weights.items()}
    shift = np.array([-0.030, -0.088, -0.188])[:, None, None]
    scale = np.array([0.458, 0.448, 0.450])[:, None, None]
    total, features = 0.0, [(v - shift) / scale for v in (a, b)]
    for number, name in enumerate(NAMES):
        if number in (1, 2):
            features = [pooled(v) for v in features]
        features = [
            np.maximum(
                convolved(
                    v,
                    w[f"features.{name}.weight"],
                    w[f"features.{name}.bias"],
                    STRIDES[number],
                    PADDINGS[number],
                ),
                0,
            )
            for v in features
        ]
        x, y = (v / (np.sqrt((v**2).sum(0)) + 1e-10) for v in features)
        head = w[f"lin{number}.model.1.weight"][0]
        total += float((head * (x - y) ** 2).sum(0).mean())
    return total


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: w.name)
def test_the_arithmetic(weights: dict[str, Tensor], window: GreyWindow) -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(-100, 400, (1, 70, 63)).astype(np.float32)
    b = a + rng.normal(0, 60, a.shape).astype(np.float32)
    scores, places = Lpips(weights).maps(a, b, window)
    x, y = (
        np.repeat(2 * (v.astype(float).clip(window.low, window.high) - window.low), 3, 0)
        / (window.high - window.low)
        - 1
        for v in (a, b)
    )
    assert scores[0] == pytest.approx(stated(x, y, weights), rel=1e-4)
    assert places.shape == a.shape
    assert places.mean() == pytest.approx(scores[0], rel=0.1)
    same, nowhere = Lpips(weights).maps(a, a, window)
    assert same[0] == 0
    assert nowhere.max() == 0


def test_the_smallest_picture_has_a_score(weights: dict[str, Tensor]) -> None:
    a = np.zeros((1, SMALLEST, SMALLEST), np.float32)
    assert Lpips(weights).maps(a, a + 100, WINDOWS[0])[0][0] > 0
    with pytest.raises(RuntimeError):
        Lpips(weights).maps(a[:, 1:, 1:], a[:, 1:, 1:], WINDOWS[0])


def test_a_file_with_or_without_heads(weights: dict[str, Tensor], tmp_path: Path) -> None:
    whole, backbone = tmp_path / "whole.pth", tmp_path / "alexnet-owt-0.pth"
    torch.save(weights, whole)
    torch.save({k: v for k, v in weights.items() if k.startswith("features")}, backbone)
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 300, (2, 1, 64, 64)).astype(np.float32)
    own, official = (Lpips.load(p).maps(a, b, WINDOWS[0])[0][0] for p in (whole, backbone))
    assert own == pytest.approx(Lpips(weights).maps(a, b, WINDOWS[0])[0][0])
    assert own != pytest.approx(official)
    assert official > 0


def test_bad_files_are_refused(weights: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        Lpips.load(tmp_path / "none.pth")
    text = tmp_path / "text.pth"
    for content in (b"no tensors", b"NRRD0004\n", b"<!DOCTYPE html>", b""):
        text.write_bytes(content)
        with pytest.raises(WeightsError, match="not a file of tensors"):
            Lpips.load(text)
    listed = tmp_path / "list.pth"
    torch.save([1, 2], listed)
    with pytest.raises(WeightsError, match="no state dict"):
        Lpips.load(listed)
    wrong = {**weights, "features.3.bias": torch.zeros(3)}
    with pytest.raises(WeightsError, match=r"features\.3\.bias is of shape \(3,\)"):
        Lpips(wrong)
    del wrong["features.3.bias"]
    with pytest.raises(WeightsError, match=r"features\.3\.bias is missing"):
        Lpips(wrong)


def test_the_cache_is_looked_into_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert cached_backbone() is None
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "alexnet-owt-7be5be79.pth").touch()
    assert cached_backbone() == folder / "alexnet-owt-7be5be79.pth"


def test_a_cache_that_cannot_be_looked_into_holds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a home that is another user's; root may look into that, but no name is this long.
    monkeypatch.setenv("TORCH_HOME", "/" + 300 * "x")
    assert cached_backbone() is None
