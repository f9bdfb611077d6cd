"""Bright balls are found where they are, tubes and planes are not, whatever the spacing."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.candidates import Candidate, find_candidates
from mitsgan.anatomy.lung import Lung
from mitsgan.errors import ScanError
from mitsgan.scan.scan import Geometry, Scan

SIDE_MM = 120.0


def lung_block(spacing: tuple[float, float, float], sigma: float = 15.0) -> Scan:
    """Lung, 120 mm a side, within walls 15 mm thick."""
    shape = tuple(round(SIDE_MM / s) for s in spacing)
    hu = np.random.default_rng(0).normal(-860, sigma, shape)
    for axis, s in enumerate(spacing):
        wall = np.arange(shape[axis]) * s
        hu[tuple(slice(None) if k != axis else wall < 15 for k in range(3))] = 30
        hu[tuple(slice(None) if k != axis else wall > SIDE_MM - 15 for k in range(3))] = 30
    z = np.ones(shape[0])
    return Scan(np.rint(hu).astype(np.int16), z, 0 * z, -32768, 32767, Geometry(spacing))


def mask_of(scan: Scan) -> Lung:
    stride = tuple(max(1, round(3 / s)) for s in scan.spacing)
    mask = scan.hu()[tuple(slice(None, None, n) for n in stride)] < -400
    return Lung(mask, (stride[0], stride[1], stride[2]))


def millimetres(scan: Scan) -> list[NDArray[np.float64]]:
    return [i * s for i, s in zip(np.indices(scan.shape), scan.spacing, strict=True)]


def with_balls(scan: Scan, balls: list[tuple[tuple[float, float, float], float]]) -> Scan:
    stored = scan.stored.copy()
    z, y, x = millimetres(scan)
    for (a, b, c), diameter in balls:
        stored[(z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= (diameter / 2) ** 2] = 40
    return scan.with_stored(stored)


def apart(candidate: Candidate, scan: Scan, place: tuple[float, float, float]) -> float:
    return float(np.linalg.norm(np.multiply(candidate.position, scan.spacing) - place))


SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (5.0, 0.85, 0.85)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("diameter", [6.0, 10.0, 16.0, 28.0])
def test_a_ball_is_found_first_with_place_and_size(
    spacing: tuple[float, float, float], diameter: float
) -> None:
    place = (55.0, 62.0, 58.0)
    scan = with_balls(lung_block(spacing), [(place, diameter)])
    best = find_candidates(scan, mask_of(scan))[0]
    assert apart(best, scan, place) <= max(
        3.5 if diameter > 20 else 2.0, 0.6 * spacing[0]
    )  # half a voxel of its grid
    assert diameter / 1.7 <= 2 * best.radius_mm <= max(1.7 * diameter, 12.0)


@pytest.mark.parametrize("spacing", SPACINGS[1:])
def test_half_a_ball_on_the_wall_is_found(spacing: tuple[float, float, float]) -> None:
    place = (60.0, 15.0, 60.0)
    scan = with_balls(lung_block(spacing), [(place, 20.0)])
    best = find_candidates(scan, mask_of(scan))[0]
    assert apart(best, scan, place) < 10


def test_tubes_and_planes_score_far_below_a_ball() -> None:
    plain = lung_block((1.0, 1.0, 1.0), sigma=0.0)
    _, y, x = millimetres(plain)
    stored = plain.stored.copy()
    stored[(y - 40) ** 2 + (x - 40) ** 2 < 9] = 40  # a vessel from wall to wall
    stored[np.abs(x - y - 30) < 1.5] = -400  # a fissure
    lines = plain.with_stored(stored)
    ball = with_balls(plain, [((60.0, 80.0, 60.0), 6.0)])
    (best, *_) = find_candidates(ball, mask_of(plain))
    others = find_candidates(lines, mask_of(plain))
    assert max((c.score for c in others), default=0.0) < 0.3 * best.score


def test_candidates_are_sorted_limited_and_apart() -> None:
    balls = [
        ((30.0 + 30 * i, 30.0 + 25 * j, 60.0), 5.0 + i + 2 * j) for i in range(3) for j in (0, 2)
    ]
    scan = with_balls(lung_block((2.0, 1.0, 1.0)), balls)
    candidates = find_candidates(scan, mask_of(scan), limit=6)
    assert len(candidates) == 6
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    for place, _ in balls:
        assert min(apart(c, scan, place) for c in candidates) < 2.5
    places = [np.multiply(c.position, scan.spacing) for c in candidates]
    nearest = min(np.linalg.norm(a - b) for i, a in enumerate(places) for b in places[:i])
    assert nearest >= 4


def test_nothing_outside_the_lung_counts_and_padding_and_nan_do_not_matter() -> None:
    scan = lung_block((2.0, 1.0, 1.0))
    place = (60.0, 60.0, 60.0)
    outside = with_balls(with_balls(scan, [(place, 8.0)]), [((60.0, 7.0, 60.0), 10.0)])
    floating = replace(outside, stored=outside.hu())
    floating.stored[:, :3] = np.nan
    for one in (outside, floating):
        candidates = find_candidates(one, mask_of(scan))
        assert apart(candidates[0], scan, place) < 2
        assert all(apart(c, scan, (60.0, 7.0, 60.0)) > 8 for c in candidates)


@pytest.mark.parametrize("slices, thick", [(1, 1.0), (1, 5.0), (3, 3.0)])
def test_a_few_slices_are_searched_for_what_fits_into_them(slices: int, thick: float) -> None:
    scan = with_balls(lung_block((1.0, 1.0, 1.0)), [((60.0, 62.0, 58.0), 6.0)])
    lung = mask_of(scan)
    thin = Scan(
        scan.stored[60 : 60 + slices],
        scan.slope[:slices],
        scan.intercept[:slices],
        *(-32768, 32767),
        Geometry((thick, 1.0, 1.0)),
    )
    masked = Lung(lung.mask[20 : 20 + slices], (1, *lung.stride[1:]))
    for candidate in find_candidates(thin, masked):
        assert 0 <= candidate.position[0] < slices
        assert 2 * candidate.radius_mm < 2.5 * slices * thick


def test_a_scan_without_lung_is_refused() -> None:
    z = np.ones(8)
    water = Scan(np.zeros((8, 40, 40), np.int16), z, 0 * z, -1024, 3071, Geometry((3.0, 2.0, 2.0)))
    with pytest.raises(ScanError, match="no lung"):
        find_candidates(water)
