import pytest
import torch

from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.networks.diffusion import DiffusionInpainter

WHERE = (slice(None), slice(None), CORE, CORE, CORE)


@pytest.fixture(scope="module")
def network() -> DiffusionInpainter:
    """Untrained, but for a last layer that is no longer zero."""
    torch.manual_seed(0)
    inpainter = DiffusionInpainter(4)
    for parameter in inpainter.last.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.05)
    return inpainter.eval()


@pytest.fixture(scope="module")
def condition() -> torch.Tensor:
    cubes = torch.rand(2, 1, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) - 0.5
    cubes[WHERE] = 0
    return cubes


def test_the_core_is_drawn_in_the_unit_range_and_the_shell_is_kept(
    network: DiffusionInpainter, condition: torch.Tensor
) -> None:
    with torch.no_grad():
        painted = network(condition, [5, 6])
    assert float(painted[WHERE].abs().max()) <= 0.5
    assert float(painted[WHERE].std()) > 0.05
    painted[WHERE] = 0
    assert torch.equal(painted, condition)


def test_a_seed_decides_what_is_drawn_whatever_is_drawn_beside_it(
    network: DiffusionInpainter, condition: torch.Tensor
) -> None:
    with torch.no_grad():
        both = network(condition, [5, 6])
        alone = network(condition[1:], [6])
        other = network(condition[1:], [7])
    assert float((both[1:] - alone).abs().max()) < 1e-4
    assert float((other - alone)[WHERE].abs().mean()) > 0.05


@pytest.mark.slow
def test_the_gradient_goes_through_every_step(
    network: DiffusionInpainter, condition: torch.Tensor
) -> None:
    """Along one direction, checked against a difference; in double precision."""
    exact = DiffusionInpainter(4)
    exact.load_state_dict(network.state_dict())
    exact.double().eval().requires_grad_(False)
    start = condition[:1].double()
    way = torch.randn(start.shape, generator=torch.Generator().manual_seed(2)).double()
    way[WHERE] = 0
    shown = start.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(exact(shown, [3])[WHERE].mean(), shown)
    with torch.no_grad():
        more, less = (exact(start + h * way, [3])[WHERE].mean() for h in (1e-5, -1e-5))
    expected = float((more - less) / 2e-5)
    assert float((gradient * way).sum()) == pytest.approx(expected, rel=1e-3)
    assert abs(expected) > 1e-6


def test_the_right_answer_has_no_loss() -> None:
    """v of a core that is known: the loss compares the core alone."""
    torch.manual_seed(0)
    network = DiffusionInpainter(4).requires_grad_(False)  # its last layer is zero, and so is v
    cubes = torch.zeros(1, 1, SIDE, SIDE, SIDE)
    time = torch.tensor([0.5])
    noise = torch.zeros_like(cubes)
    noise[..., 0, 0, 0] = 100.0  # in the shell, where nothing counts
    assert float(network.loss(cubes, cubes, time, noise)) == 0
    noise[..., 16, 16, 16] = 1.0
    expected = 0.5 / (CORE.stop - CORE.start) ** 3  # signal squared is a half there
    assert float(network.loss(cubes, cubes, time, noise)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("width", [0, 2, 6])
def test_a_width_it_cannot_have_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        DiffusionInpainter(width)
