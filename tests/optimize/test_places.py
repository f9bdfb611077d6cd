"""Positions are drawn from where they are said to be."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from mitsgan.errors import PositionError
from mitsgan.optimize import Around

SPACING = (2.5, 0.7, 0.7)


def draws(places: Around, count: int, seed: int = 0) -> np.ndarray:
    return np.asarray(list(islice(places.draw(np.random.default_rng(seed)), count)))


def test_a_known_position_is_drawn_as_it_is() -> None:
    assert (draws(Around([(9, 40, 41)], SPACING), 20) == (9, 40, 41)).all()


@pytest.mark.parametrize("radius", [1.0, 4.0, 16.0])
def test_draws_fill_a_ball_of_that_radius(radius: float) -> None:
    away = (draws(Around([(50, 200, 210)], SPACING, radius), 4000) - (50, 200, 210)) * SPACING
    distance = np.linalg.norm(away, axis=1)
    assert distance.max() <= radius + np.linalg.norm(SPACING) / 2
    assert np.abs(away.mean(0)).max() < 0.08 * radius
    if radius > 2:  # a ball, uniform: half of it lies beyond 0.79 of its radius
        assert np.mean(distance > 0.7937 * radius) == pytest.approx(0.5, abs=0.06)


def test_every_centre_has_its_share() -> None:
    centres = [(10, 20, 30), (40, 50, 60), (70, 80, 90)]
    drawn, counts = np.unique(draws(Around(centres, SPACING), 30), axis=0, return_counts=True)
    assert drawn.tolist() == [list(c) for c in centres]
    assert counts.tolist() == [10, 10, 10]


def test_the_seed_decides() -> None:
    places = Around([(50, 200, 210)], SPACING, 8.0)
    assert (draws(places, 9) == draws(places, 9)).all()
    assert (draws(places, 9) != draws(places, 9, seed=1)).any()


@pytest.mark.parametrize("centres, radius", [([], 1.0), ([(1, 2, 3)], -1.0)])
def test_it_refuses_nowhere(centres: list[tuple[int, int, int]], radius: float) -> None:
    with pytest.raises(PositionError, match="at least one centre"):
        Around(centres, SPACING, radius)
