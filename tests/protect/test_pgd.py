import torch
from torch import Tensor

from mitsgan.protect.pgd import pgd


def test_it_reaches_the_corner_of_the_box_that_a_linear_objective_wants() -> None:
    direction = torch.tensor([[1.0, -2.0, 0.5], [-1.0, 1.0, 3.0]])

    def objective(hu: Tensor) -> Tensor:
        return (hu * direction).sum(1)

    best = pgd(torch.zeros(2, 3), objective, 7.0, steps=60)
    torch.testing.assert_close(best, 7 * direction.sign())


def test_it_stays_in_budget_in_whole_hu_and_repeats_for_a_seed() -> None:
    hu = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)) * 100

    def objective(x: Tensor) -> Tensor:
        return (x / 50).sin().sum((1, 2))

    first, again = (pgd(hu, objective, 4.0, steps=10, seed=1) for _ in range(2))
    assert float(first.abs().max()) <= 4
    torch.testing.assert_close(first, first.round())
    torch.testing.assert_close(first, again)
    assert (objective(hu + first) >= objective(hu)).all()


def test_the_best_step_counts_not_the_last() -> None:
    def objective(x: Tensor) -> Tensor:
        return -(x - 3.0).abs().sum(1)

    best = pgd(torch.zeros(1, 4), objective, 10.0, steps=50)
    assert float((best - 3).abs().max()) <= 2
