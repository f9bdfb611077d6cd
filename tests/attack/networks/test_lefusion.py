"""LeFusion's network as an inpainter: what it draws, what it leaves, and what it has seen."""

from __future__ import annotations

import math

import pytest
import torch

from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.networks.lefusion.attention import (
    Heads,
    LinearWithinSlices,
    buckets,
    turned,
)
from mitsgan.attack.networks.lefusion.inpainter import (
    LesionInpainter,
    Texture,
    kept_signal,
    noise_added,
)
from mitsgan.attack.networks.lefusion.unet import PATCH, LesionUNet, Shape

SHAPE = Shape(8, (1, 1), Heads(1, 4))


@pytest.fixture(scope="module")
def network() -> LesionInpainter:
    """Untrained, of two steps, and at the cube's own voxels, which takes a quarter of the time."""
    torch.manual_seed(0)
    inpainter = LesionInpainter(LesionUNet(SHAPE), steps=2, finer=1)
    return inpainter.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def cubes() -> torch.Tensor:
    return torch.rand(2, 1, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) - 0.5


def test_the_lesion_is_drawn_and_all_else_is_kept_to_the_bit(
    network: LesionInpainter, cubes: torch.Tensor
) -> None:
    painted = network(cubes, [5, 6])
    lesions = network.lesions([5, 6])[:, None]
    assert torch.equal(painted[~lesions], cubes[~lesions])
    assert float(painted.abs().max()) <= 0.5
    assert float((painted - cubes)[lesions].abs().mean()) > 0.05


def test_lesions_lie_in_the_core_and_have_the_size_that_is_said(network: LesionInpainter) -> None:
    lesions = network.lesions(list(range(40)))
    outside = lesions.clone()
    outside[:, CORE, CORE, CORE] = False
    assert not outside.any()
    volumes = lesions.sum((1, 2, 3)).tolist()
    assert min(volumes) >= 0.9 * math.pi / 6 * 8**3
    assert max(volumes) <= 1.1 * math.pi / 6 * 14**3
    assert len(set(volumes)) > 10
    assert bool(lesions[:, 15:17, 15:17, 15:17].all())


def test_a_seed_decides_what_is_drawn_whatever_is_drawn_beside_it(
    network: LesionInpainter, cubes: torch.Tensor
) -> None:
    both = network(cubes, [5, 6])
    assert torch.equal(both[1:], network(cubes[1:], [6]))
    assert not torch.equal(network.lesions([5]), network.lesions([6]))


def test_what_lies_in_the_lesion_is_not_seen_and_what_lies_beside_it_is(
    network: LesionInpainter, cubes: torch.Tensor
) -> None:
    painted = network(cubes[:1], [5])
    inside, beside = cubes[:1].clone(), cubes[:1].clone()
    inside[..., 14:18, 14:18, 14:18] = 0.5  # 2 mm from the border of the least lesion
    beside[..., 3:5, 14:18, 14:18] = 0.5
    where = network.lesions([5])[:, None]
    assert torch.equal(network(inside, [5]), painted)
    assert float((network(beside, [5]) - painted)[where].abs().max()) > 1e-5


@pytest.mark.slow
def test_the_gradient_goes_through_every_step(cubes: torch.Tensor) -> None:
    """Along one direction, checked against a difference; in double precision."""
    torch.manual_seed(0)
    exact = LesionInpainter(LesionUNet(SHAPE), steps=2, finer=1)
    exact.double().eval().requires_grad_(False)
    start = cubes[:1].double()
    way = torch.randn(start.shape, generator=torch.Generator().manual_seed(2)).double()
    where = exact.lesions([3])[:, None]
    way[where] = 0
    shown = start.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(exact(shown, [3])[where].mean(), shown)
    more, less = (exact(start + h * way, [3])[where].mean() for h in (1e-5, -1e-5))
    expected = float((more - less) / 2e-5)
    assert float((gradient * way).sum()) == pytest.approx(expected, rel=1e-3)
    assert abs(expected) > 1e-6
    assert not gradient[..., 14:18, 14:18, 14:18].any()


def test_the_patch_has_the_cube_at_half_the_voxels_and_gives_it_back() -> None:
    """Straight lines stay straight, away from the border."""
    inpainter = LesionInpainter(LesionUNet(SHAPE), steps=1)
    slope = torch.linspace(-0.4, 0.4, SIDE).expand(1, 1, SIDE, SIDE, SIDE)
    patch = inpainter._patch(slope)
    assert patch.shape == (1, 1, *PATCH)
    along = patch[0, 0, 16, 32]
    torch.testing.assert_close(along[8:-8].diff(), torch.full((47,), 0.8 / 31))
    back = torch.nn.functional.avg_pool3d(patch, (1, 2, 2)) / 2
    torch.testing.assert_close(back[..., 4:-4], slope[..., 4:-4])


def test_a_network_that_knows_the_noise_finds_the_patch() -> None:
    """Were the lesion's noise known, drawing would end at what is there: the steps are right."""
    inpainter = LesionInpainter(LesionUNet(SHAPE), steps=4).eval()
    cube = torch.full((1, 1, SIDE, SIDE, SIDE), 0.2)

    class Knowing(torch.nn.Module):
        def forward(
            self, x: torch.Tensor, time: torch.Tensor, histogram: torch.Tensor
        ) -> torch.Tensor:
            signal = float(kept_signal(300)[int(time)].sqrt())
            return (x - signal * 0.4) / math.sqrt(1 - signal**2)

    inpainter.unet = Knowing()  # type: ignore[assignment]
    with torch.no_grad():
        torch.testing.assert_close(inpainter(cube, [1]), cube, atol=1e-5, rtol=0)


def test_brighter_textures_tell_the_network_of_brighter_lesions() -> None:
    centres = torch.linspace(-1000, 400, 17).unfold(0, 2, 1).mean(1)
    means = []
    textures: tuple[Texture, ...] = (1, 2, 3)
    for texture in textures:
        inpainter = LesionInpainter(LesionUNet(SHAPE), texture=texture)
        (histogram,) = inpainter.state_dict()["histogram"]
        assert float(histogram.sum()) == pytest.approx(1, abs=0.005)
        means.append(float((histogram * centres).sum()))
    assert means == sorted(means)
    assert means[0] < -200 < 50 < means[2] < 120


def test_its_configuration_makes_it_again(network: LesionInpainter) -> None:
    again = LesionInpainter.from_config(network.config())
    again.load_state_dict(network.state_dict())
    assert again.config() == network.config()
    assert again.unet.shape == SHAPE


def test_the_schedule_is_a_cosine() -> None:
    kept = kept_signal(300)
    assert float(kept[149]) == pytest.approx(
        math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2, rel=1e-3
    )
    assert bool((kept.diff() < 0).all())
    assert float(noise_added(300).max()) <= 0.9999


@pytest.mark.parametrize("steps", [0, 300])
def test_steps_that_the_schedule_does_not_have_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=r"has 29\d steps to draw in"):
        LesionInpainter(LesionUNet(SHAPE), steps=steps)


def test_a_texture_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="textures 1, 2 and 3"):
        LesionInpainter(LesionUNet(SHAPE), texture=4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "width, multiples, heads, message",
    [
        (12, (1,), Heads(), "multiple of 8"),
        (8, (), Heads(), "every level"),
        (8, (1, 0), Heads(), "every level"),
        (8, (1,) * 8, Heads(), "halve"),
        (8, (1,), Heads(1, 7), "even number"),
        (8, (1,), Heads(0, 8), "even number"),
        (8, (1,), Heads(1, 34), "up to 32"),
    ],
)
def test_a_shape_it_cannot_have_is_refused(
    width: int, multiples: tuple[int, ...], heads: Heads, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Shape(width, multiples, heads)


def test_near_slices_have_a_bias_each_and_far_ones_share() -> None:
    rows = buckets(64)
    assert rows[:9, 0].tolist() == list(range(9))  # the key before the query
    assert rows[0, 1:9].tolist() == list(range(17, 25))  # and after it
    assert rows[31, 0] == rows[63, 0] == 15
    assert rows[0, 63] == 31
    assert rows[16, 0] == 12  # halfway from 8 to 32 slices, on a scale of ratios


def test_turned_tokens_agree_by_how_far_apart_they_are() -> None:
    tokens = torch.randn(1, 8, generator=torch.Generator().manual_seed(0)).expand(5, 8)
    products = turned(tokens) @ turned(tokens).T
    for apart in range(5):
        diagonal = products.diagonal(apart)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    pair = torch.view_as_complex(tokens[0].reshape(4, 2).contiguous())
    rates = 10_000.0 ** -(torch.arange(4) / 4)
    expected = torch.view_as_real(pair * torch.polar(torch.ones(4), 3 * rates)).flatten()
    torch.testing.assert_close(turned(tokens)[3], expected)


def test_linear_attention_is_what_its_loops_say() -> None:
    torch.manual_seed(0)
    attention = LinearWithinSlices(8, Heads(2, 4)).requires_grad_(False)
    x = torch.randn(1, 8, 2, 3, 3)
    for z in range(2):
        voxels = attention.norm(x)[0, :, z].flatten(1)
        q, k, v = (attention.qkv.weight @ voxels).chunk(3)
        mixed = torch.empty(8, 9)
        for head in (slice(0, 4), slice(4, 8)):
            weights = k[head].softmax(1)
            for n in range(9):
                taken = q[head, n].softmax(0) / 2
                mixed[head, n] = sum(taken[d] * (weights[d] * v[head]).sum(1) for d in range(4))
        painted = attention.out.weight @ mixed + attention.out.bias[:, None]
        expected = x[0, :, z] + painted.reshape(8, 3, 3)
        torch.testing.assert_close(attention(x)[0, :, z], expected)
