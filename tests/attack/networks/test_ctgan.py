"""The networks against CTGAN.md's words, said once more in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mitsgan.attack.networks.ctgan import Discriminator, Generator, _Halving, _Same

M = TypeVar("M", bound=nn.Module)
Array = NDArray[np.float64]
State = Mapping[str, Array]


def _convolution(
    x: Array, kernel: Array, bias: Array, *, stride: int, before: int, after: int
) -> Array:
    """Direct convolution of ``[c, z, y, x]``, zeros around it."""
    padded = np.pad(x, [(0, 0)] + [(before, after)] * 3)
    side = (padded.shape[1] - 4) // stride + 1
    out = np.zeros((len(kernel), side, side, side)) + bias[:, None, None, None]
    reach = stride * (side - 1) + 1
    for k, j, i in np.ndindex(4, 4, 4):
        part = padded[:, k : k + reach : stride, j : j + reach : stride, i : i + reach : stride]
        out += np.einsum("oc,czyx->ozyx", kernel[:, :, k, j, i], part)
    return out


def _convolve(x: Array, state: State, name: str, *, stride: int) -> Array:
    after = 1 if stride == 2 else 2
    kernel, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return _convolution(x, kernel, bias, stride=stride, before=1, after=after)


def _normalise(x: Array, state: State, name: str) -> Array:
    mean, var, scale, offset = (
        state[f"{name}.{part}"][:, None, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-3) * scale + offset


def _down(x: Array, state: State, name: str, *, normalised: bool) -> Array:
    x = _convolve(x, state, f"{name}.convolution", stride=2)
    x = np.where(x > 0, x, 0.2 * x)
    return _normalise(x, state, f"{name}.normalization") if normalised else x


def _twice(x: Array) -> Array:
    return x.repeat(2, 1).repeat(2, 2).repeat(2, 3)


def _reference_generator(x: Array, state: State) -> Array:
    levels = []
    for i in range(5):
        x = _down(x, state, f"down.{i}", normalised=i > 0)
        levels.append(x)
    for i, skip in enumerate(levels[3::-1]):
        x = np.maximum(_convolve(_twice(x), state, f"up.{i}.convolution", stride=1), 0)
        x = np.concatenate([_normalise(x, state, f"up.{i}.normalization"), skip])
    return np.tanh(_convolve(_twice(x), state, "last", stride=1))


def _reference_discriminator(cube: Array, condition: Array, state: State) -> Array:
    x = np.concatenate([cube, condition])
    for i in range(4):
        x = _down(x, state, f"layers.{i}", normalised=i > 0)
    return _convolve(x, state, "layers.4", stride=1)


def _randomised(module: M) -> M:
    """With biases and statistics that differ from what any wrong order would forgive."""
    random = torch.Generator().manual_seed(5)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=random) * 0.02)
        elif value.is_floating_point() and value.ndim == 1:
            value.copy_(torch.randn(value.shape, generator=random) * 0.2 + 0.1)
    return module.double().eval()


def _state(module: nn.Module) -> State:
    return {name: value.numpy().astype(np.float64) for name, value in module.state_dict().items()}


def _cubes(count: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand((count, 1, 32, 32, 32), generator=random, dtype=torch.float64) - 0.5


def test_generator_computes_what_is_published() -> None:
    torch.manual_seed(1)
    generator = _randomised(Generator(2))
    cube = _cubes(1, 2)
    with torch.no_grad():
        ours = generator(cube)[0].numpy()
    expected = _reference_generator(cube[0].numpy(), _state(generator))
    assert ours.std() > 1e-3
    np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_discriminator_computes_what_is_published() -> None:
    torch.manual_seed(1)
    discriminator = _randomised(Discriminator(2))
    cube, condition = _cubes(1, 2), _cubes(1, 3)
    with torch.no_grad():
        ours = discriminator(cube, condition)[0].numpy()
    expected = _reference_discriminator(
        cube[0].numpy(), condition[0].numpy(), _state(discriminator)
    )
    assert ours.std() > 1e-3
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_same_padding_puts_one_before_and_two_after() -> None:
    """A kernel with a single one at its corner shows where the padding went."""
    same = Generator(1).last.double()
    with torch.no_grad():
        same.weight.zero_()
        same.bias = None
        same.weight[0, 0, 0, 0, 0] = 1
        cube = _cubes(1, 4).repeat(1, 2, 1, 1, 1)
        moved = same(cube)[0, 0]
    assert torch.equal(moved[1:, 1:, 1:], cube[0, 0, :-1, :-1, :-1])
    assert not moved[0].any()
    assert not moved[:, 0].any()
    assert not moved[:, :, 0].any()


@pytest.mark.parametrize("width", [1, 2, 4])
def test_shapes(width: int) -> None:
    cube, condition = _cubes(2, 1).float(), _cubes(2, 2).float()
    generator, discriminator = Generator(width).eval(), Discriminator(width).eval()
    with torch.no_grad():
        painted, scores = generator(condition), discriminator(cube, condition)
    assert painted.shape == (2, 1, 32, 32, 32)
    assert painted.abs().max() <= 1
    assert scores.shape == (2, 1, 2, 2, 2)


def test_parameter_count_at_the_published_width() -> None:
    """By hand from CTGAN.md: 64 weights a pair of channels, a bias, and two per normalised one."""
    f = 100
    down = [(1, f), (f, 2 * f), (2 * f, 4 * f), (4 * f, 8 * f), (8 * f, 8 * f)]
    up = [(8 * f, 8 * f), (16 * f, 4 * f), (8 * f, 2 * f), (4 * f, f)]
    weights = sum(64 * a * b + b for a, b in [*down, *up, (2 * f, 1)])
    normalised = 2 * (2 * f + 4 * f + 8 * f + 8 * f) + 2 * (8 * f + 4 * f + 2 * f + f)
    with torch.device("meta"):
        generator, discriminator = Generator(), Discriminator()
    count = sum(p.numel() for p in generator.parameters())
    assert count == weights + normalised == 162_590_401
    pairs = [(2, f), (f, 2 * f), (2 * f, 4 * f), (4 * f, 8 * f), (8 * f, 1)]
    scored = sum(64 * a * b + b for a, b in pairs) + 2 * (2 * f + 4 * f + 8 * f)
    assert sum(p.numel() for p in discriminator.parameters()) == scored


def test_parameter_names_are_those_of_the_shipped_weights() -> None:
    convolutions = [
        f"{part}.{i}.convolution" for part, n in (("down", 5), ("up", 4)) for i in range(n)
    ]
    normalised = [f"down.{i}.normalization" for i in range(1, 5)]
    normalised += [f"up.{i}.normalization" for i in range(4)]
    expected = {f"{name}.{p}" for name in [*convolutions, "last"] for p in ("weight", "bias")}
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected |= {f"{name}.{p}" for name in normalised for p in statistics}
    assert set(Generator(1).state_dict()) == expected


def test_running_statistics_move_by_keras_momentum() -> None:
    """Keras' momentum 0.8 keeps eight tenths of the old mean."""
    torch.manual_seed(0)
    generator = Generator(2)
    inputs: list[Tensor] = []
    norm = generator.get_submodule("down.1.normalization")
    norm.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    generator.train()(_cubes(3, 1).float())
    mean = inputs[0].mean((0, 2, 3, 4))
    running = norm.get_buffer("running_mean")
    assert mean.abs().min() > 0
    torch.testing.assert_close(running, 0.2 * mean)


def test_first_convolution_is_not_normalised_and_all_others_are() -> None:
    normalised = [name for name, m in Generator(1).named_modules() if isinstance(m, nn.BatchNorm3d)]
    assert normalised == [
        *(f"down.{i}.normalization" for i in range(1, 5)),
        *(f"up.{i}.normalization" for i in range(4)),
    ]


def test_dropout_acts_in_training_alone() -> None:
    torch.manual_seed(0)
    generator, cubes = Generator(2), _cubes(2, 1).float()
    with torch.no_grad():
        assert not torch.equal(generator.train()(cubes), generator(cubes))
        assert torch.equal(generator.eval()(cubes), generator(cubes))


def test_in_evaluation_a_cube_does_not_depend_on_its_batch() -> None:
    generator, cubes = _randomised(Generator(2)), _cubes(3, 6)
    with torch.no_grad():
        together = generator(cubes)
        for cube, painted in zip(cubes, together, strict=True):
            torch.testing.assert_close(generator(cube[None])[0], painted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 4), (5, 4, 7), (8, 8, 8)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_doubled_convolution_is_the_convolution_of_the_doubled(
    shape: tuple[int, int, int], outputs: int
) -> None:
    layer = _Same(2, outputs).double()
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 2, *shape, dtype=torch.float64, requires_grad=True)
    plainly = layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    folded = layer.doubled(x)
    torch.testing.assert_close(folded, plainly, rtol=0, atol=1e-12)
    weight = torch.randn_like(plainly)
    for one, other in zip(
        torch.autograd.grad((plainly * weight).sum(), (x, layer.weight)),
        torch.autograd.grad((folded * weight).sum(), (x, layer.weight)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16])
def test_a_halving_convolution_has_the_gradient_of_any(inputs: int, precision: torch.dtype) -> None:
    layer = _Halving(inputs, 5, 4, stride=2, padding=1).double().requires_grad_(False)
    x = torch.randn(3, inputs, 8, 6, 10, dtype=torch.float64, requires_grad=True)
    half = precision == torch.bfloat16
    with torch.autocast("cpu", precision, enabled=half):
        plainly = F.conv3d(x, layer.weight, layer.bias, stride=2, padding=1)
        halved = layer(x)
    assert halved.equal(plainly)
    weight = torch.randn_like(plainly)
    one, other = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (plainly, halved))
    assert other.dtype == torch.float64
    torch.testing.assert_close(other, one, rtol=0, atol=0.05 if half else 1e-12)


def test_a_halving_convolution_learns() -> None:
    layer = _Halving(1, 3, 4, stride=2, padding=1)
    layer(torch.randn(1, 1, 8, 8, 8)).square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_a_folded_kernel_is_kept_until_weights_change() -> None:
    layer = _Same(2, 3).double()
    x = torch.randn(1, 2, 5, 5, 5, dtype=torch.float64)
    layer.requires_grad_(False)
    first = layer.doubled(x)
    assert layer.doubled(x).equal(first)
    layer.weight.mul_(2)
    plainly = layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    torch.testing.assert_close(layer.doubled(x), plainly, rtol=0, atol=1e-12)
    layer.requires_grad_(True)
    (gradient,) = torch.autograd.grad(layer.doubled(x).sum(), layer.weight)
    assert gradient.abs().sum() > 0


def test_a_folded_kernel_serves_inference_and_gradients() -> None:
    layer = _Same(2, 3).double().requires_grad_(False)
    x = torch.randn(1, 2, 5, 5, 5, dtype=torch.float64, requires_grad=True)
    with torch.inference_mode():
        inferred = layer.doubled(x)
        copied = _Same(2, 3).double().requires_grad_(False)
        copied.load_state_dict(layer.state_dict())
        assert copied.doubled(x).equal(inferred)
    doubled = layer.doubled(x)
    torch.testing.assert_close(doubled, inferred.clone(), rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(doubled.sum(), x)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("half_first", [True, False])
def test_a_folded_kernel_serves_every_precision(half_first: bool) -> None:
    """An ascent takes gradients in bfloat16, and what it compares with in full."""
    layer = _Same(2, 3).requires_grad_(False)
    x = torch.randn(1, 2, 5, 5, 5)
    plainly = layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    for half in (half_first, not half_first):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            doubled = layer.doubled(x)
        tolerance = 0.05 if half else 1e-5
        torch.testing.assert_close(doubled.float(), plainly, rtol=0, atol=tolerance)
