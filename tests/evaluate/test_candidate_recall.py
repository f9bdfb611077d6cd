import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.candidates import Candidate
from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.errors import PositionError
from mitsgan.evaluate.candidate_recall import (
    Hit,
    KnownNodule,
    Offset,
    Voxel,
    covered,
    match,
    planted_hits,
    recall,
)
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

SPACING = (2.0, 1.0, 1.0)


def test_rank_counts_only_candidates_that_name_no_nodule() -> None:
    candidates = [
        Candidate((10, 10, 10), 4, 90.0),  # names the first
        Candidate((50, 50, 50), 4, 80.0),  # names none
        Candidate((10, 12, 10), 2, 70.0),  # names the first again
        Candidate((20, 30, 30), 4, 60.0),  # names the second
    ]
    nodules = [
        KnownNodule((10, 11, 10), 8.0),
        KnownNodule((21, 30, 30), 6.0),
        KnownNodule((90, 90, 90), 20.0),
    ]
    first, second, third = match(candidates, nodules, SPACING)
    assert (first.rank, first.offset_mm, first.score) == (1, 1.0, 90.0)
    assert (second.rank, second.offset_mm) == (2, 2.0)
    assert (first.number, second.number) == (1, 4)  # in the list, with what names none
    assert third == Hit(nodules[2])


def test_a_candidate_must_lie_within_the_nodule_or_4_mm() -> None:
    candidates = [Candidate((0, 7, 0), 4, 9.0)]
    inside, beyond = match(
        candidates, [KnownNodule((0, 0, 0), 14.0), KnownNodule((0, 0, 0), 13.0)], SPACING
    )
    assert (inside.rank, beyond.rank) == (1, None)
    near, far = match(
        candidates, [KnownNodule((0, 3, 0), 3.0), KnownNodule((0, 2.9, 0), 3.0)], SPACING
    )
    assert (near.rank, far.rank) == (1, None)


def test_recall_is_told_for_all_and_by_group() -> None:
    hits = [
        Hit(KnownNodule((0, 0, 0), 6.0, "solid", "inside"), 3, 1.0, 4.0, 50.0),
        Hit(KnownNodule((0, 0, 0), 15.0, "solid", "border"), 30, 2.0, 4.0, 50.0),
        Hit(KnownNodule((0, 0, 0), 15.0, "ground-glass", "border")),
    ]
    rows = {row.nodules: row for row in recall(hits)}
    assert rows["all"].n == 3
    assert rows["all"].recall["5"] == pytest.approx(1 / 3)
    assert rows["all"].recall["40"] == pytest.approx(2 / 3)
    assert rows["all"].offset_mm == Offset(1.5, 2.0)
    assert rows["border"].recall["200"] == 0.5
    assert rows["12 to 18 mm"].n == 2
    assert rows["ground-glass"].offset_mm is None
    assert "18 to 25 mm" not in rows


def test_what_cubes_cover_counts_lung_once() -> None:
    lung = Lung(np.ones((40, 40, 40), bool), (1, 2, 2))
    lung.mask[:, :, 20:] = False
    spacing = (2.0, 1.0, 1.0)  # coarse voxels of 2 mm; 80 x 80 x 40 mm of lung
    one = [Candidate((20, 40, 20), 4, 1.0)]
    part = 17**3 / (40 * 40 * 20)  # both faces of the cube fall on voxels
    assert covered(one, lung, spacing) == pytest.approx(part)
    assert covered(one * 2, lung, spacing) == pytest.approx(part)
    assert covered([], lung, spacing) == 0


@pytest.fixture(scope="module")
def phantom() -> Scan:
    return chest((64, 128, 128), (3.0, 2.8, 2.8), seed=3)


def ball(
    hu: NDArray[np.float32], place: Voxel, diameter_mm: float
) -> tuple[NDArray[np.float32], str]:
    z, y, x = (
        (i - p) * s for i, p, s in zip(np.indices(hu.shape), place, (3.0, 2.8, 2.8), strict=True)
    )
    return np.where(z**2 + y**2 + x**2 <= (diameter_mm / 2) ** 2, np.float32(40), hu), "ball"


@pytest.mark.slow
def test_planted_balls_are_found_again(phantom: Scan) -> None:
    lung, steps = find_lung(phantom), []
    hits = planted_hits(phantom, lung, 6, 0, ball, lambda done, n: steps.append((done, n)))
    assert [h.nodule.location for h in hits] == ["inside", "border"] * 3
    assert all(5 <= h.nodule.diameter_mm <= 25 for h in hits)
    large = [h for h in hits if h.nodule.diameter_mm > 10 and h.nodule.location == "inside"]
    assert large
    assert all(h.rank is not None and h.rank <= 20 for h in large)
    assert steps[-1] == (6, 6)
    assert recall(hits)[0].n == 6


def test_more_nodules_than_fit_are_refused(phantom: Scan) -> None:
    def never(
        hu: NDArray[np.float32], place: Voxel, diameter_mm: float
    ) -> tuple[NDArray[np.float32], str]:
        raise PositionError("no")

    with pytest.raises(PositionError, match="too small to plant 1"):
        planted_hits(phantom, find_lung(phantom), 1, 0, never)
