import pytest
import torch

from mitsgan.attack.networks.ctgan import CORE, SIDE
from mitsgan.attack.networks.residual import ResidualInpainter


def test_a_cube_in_a_cube_of_the_unit_range_out() -> None:
    torch.manual_seed(0)
    network = ResidualInpainter(8)
    with torch.no_grad():
        painted = network(torch.randn(2, 1, SIDE, SIDE, SIDE))
    assert painted.shape == (2, 1, SIDE, SIDE, SIDE)
    assert float(painted.abs().max()) <= 1


def test_every_corner_of_the_shell_reaches_the_centre() -> None:
    torch.manual_seed(0)
    network = ResidualInpainter(8).double()
    condition = torch.zeros(1, 1, SIDE, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    (seen,) = torch.autograd.grad(network(condition)[0, 0, 16, 16, 16], condition)
    corners = seen[0, 0, :: SIDE - 1, :: SIDE - 1, :: SIDE - 1]
    assert bool((corners != 0).all())


def test_the_core_is_told_from_tissue_that_happens_to_be_zero() -> None:
    torch.manual_seed(0)
    network = ResidualInpainter(8)
    with torch.no_grad():
        painted = network(torch.zeros(1, 1, SIDE, SIDE, SIDE))[0, 0]
    centre = painted[CORE, CORE, CORE][9:11, 9:11, 9:11].mean()
    assert abs(float(centre - painted[1:3, 14:18, 14:18].mean())) > 1e-4


@pytest.mark.parametrize("width", [0, 4, 12])
def test_a_width_it_cannot_have_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        ResidualInpainter(width)
