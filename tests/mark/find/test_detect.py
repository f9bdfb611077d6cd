"""Verification of a phantom: the null, false alarms, repainting, slices, degradation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.mark import Key, Mark, SliceState, Verdict
from mitsgan.mark.find.detect import detect
from mitsgan.mark.find.measure import measure
from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import Pattern
from mitsgan.mark.windows import BLOCK
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

KEY, NAME = Key(bytes(range(32))), "series"
STRENGTH = 10.0
"""HU; a phantom of few voxels must be marked more strongly than a scan to be told as well."""

BOX = (slice(14, 28), slice(80, 112), slice(60, 92))
"""45 x 45 mm of lung, 35 mm deep."""


@pytest.fixture(scope="module")
def original() -> Scan:
    return chest((40, 192, 192), (2.5, 1.4, 1.4), seed=4)


@pytest.fixture(scope="module")
def marked(original: Scan) -> Scan:
    return apply_perturbations(original, [Mark(KEY, NAME, STRENGTH)], Budget(40)).scan


def _with(scan: Scan, stored: NDArray[np.generic]) -> Scan:
    return scan.with_stored(np.ascontiguousarray(stored))


def test_untouched_is_intact(marked: Scan) -> None:
    steps: list[tuple[int, int]] = []
    detection = detect(marked, KEY, NAME, progress=lambda done, all_: steps.append((done, all_)))
    assert detection.verdict == Verdict.INTACT
    assert detection.score > 100
    assert detection.verified > 0.8
    assert detection.strength_hu == pytest.approx(STRENGTH, rel=0.2)
    assert not detection.mask().any()
    assert detection.probability().shape == marked.shape
    assert not detection.probability().any(), "no alarm was raised"
    assert {s.state for s in detection.slices} <= {SliceState.MARKED, SliceState.UNTESTED}
    assert steps[-1] == (40, 40)


def test_without_the_mark_nothing_is_told(original: Scan, marked: Scan) -> None:
    cases = [(original, KEY, NAME), (marked, Key(bytes(32)), NAME), (marked, KEY, "another")]
    for scan, key, name in cases:
        detection = detect(scan, key, name)
        assert detection.verdict == Verdict.UNKNOWN
        assert abs(detection.score) < 5
        assert not detection.regions


@pytest.mark.slow
def test_wrong_keys_score_like_chance(marked: Scan) -> None:
    small = marked.with_slices(marked.stored[16:24], 16, 24)
    scores = [detect(small, Key(bytes([k] * 32)), NAME).score for k in range(24)]
    assert abs(np.mean(scores)) < 3 / np.sqrt(24)
    assert 0.6 < np.std(scores) < 1.5


def test_what_was_repainted_is_found_and_located(original: Scan, marked: Scan) -> None:
    stored = marked.stored.copy()
    stored[BOX] = original.stored[BOX]
    detection = detect(_with(marked, stored), KEY, NAME)
    assert detection.verdict == Verdict.TAMPERED
    region, *crumbs = detection.regions
    assert sum(crumb.voxels for crumb in crumbs) < 0.1 * region.voxels
    assert region.score > 5, "of a window that raised the alarm, which about 5.4 does"
    truth = np.zeros(marked.shape, bool)
    truth[BOX] = True
    overlap = detection.mask() & truth
    assert 2 * overlap.sum() / (detection.mask().sum() + truth.sum()) > 0.7
    middle = marked.geometry.to_world((20.5, 95.5, 75.5))
    assert np.linalg.norm(np.subtract(region.centre_mm, middle)) < 8
    assert all(low < c < high for low, c, high in zip(
        region.lower_mm, region.centre_mm, region.upper_mm, strict=True))  # fmt: skip
    probability = detection.probability()
    assert probability[BOX].mean() > 20 * probability[~truth].mean()
    assert detection.slices[20].state == SliceState.CHANGED
    inside = (slice(16, 26), slice(84, 108), slice(64, 88))
    elsewhere = (slice(2, 12), slice(84, 108), slice(64, 88))
    whole = detect(marked, KEY, NAME)
    assert detection.shortfall(inside, marked.spacing) > 5
    assert abs(detection.shortfall(elsewhere, marked.spacing)) < 5
    assert abs(whole.shortfall(inside, marked.spacing)) < 5
    assert detect(original, KEY, NAME).shortfall(inside, marked.spacing) == 0


def test_smooth_paint_is_found_as_well(marked: Scan) -> None:
    """Less noise than around must not pass for less mark to expect."""
    stored = marked.stored.copy()
    stored[BOX] = -850 - marked.intercept[0]
    detection = detect(_with(marked, stored), KEY, NAME)
    assert detection.verdict == Verdict.TAMPERED
    assert detection.mask()[BOX].mean() > 0.5


def test_dense_paint_is_found_among_lung_that_nobody_touched(original: Scan, marked: Scan) -> None:
    stored = marked.stored.copy()
    where = np.zeros(marked.shape, bool)
    where[17:25, 90:102, 70:82] = True
    noise = np.random.default_rng(0).normal(0, 20, marked.shape)
    stored[where] = np.rint(-50 + noise - marked.intercept[0])[where].astype(stored.dtype)
    detection = detect(_with(marked, stored), KEY, NAME)
    box = (slice(14, 28), slice(84, 108), slice(64, 88))
    dense = np.zeros((48, 48), bool)
    row, column = detection.corner
    slice_20 = detection.dense[20]
    dense[row:, column:][: slice_20.shape[0], : slice_20.shape[1]] = slice_20
    assert dense[23:25, 18:20].all()
    assert not dense[20:28, 15:23].all(), "lung around it"
    assert detection.shortfall(box, marked.spacing) > 6


def test_a_copy_from_elsewhere_in_the_scan_is_found(marked: Scan) -> None:
    stored = marked.stored.copy()
    stored[BOX] = marked.stored[BOX[0], BOX[1], 100:132]
    assert detect(_with(marked, stored), KEY, NAME).verdict == Verdict.TAMPERED


def test_slices_that_moved_are_named(marked: Scan) -> None:
    order = list(range(40))
    order[10], order[25] = 25, 10
    order[30] = 31
    detection = detect(_with(marked, marked.stored[order]), KEY, NAME)
    assert detection.verdict == Verdict.TAMPERED
    moved = {s.number: s.came_from_mm for s in detection.slices if s.state == SliceState.MOVED}
    places = [s.position_mm for s in detection.slices]
    assert moved == {10: places[25], 25: places[10], 30: places[31]}


@pytest.mark.slow
def test_a_flip_is_named(marked: Scan) -> None:
    for turned, word in ((marked.stored[:, :, ::-1], "rows"), (marked.stored[:, ::-1], "columns")):
        detection = detect(_with(marked, turned), KEY, NAME)
        assert detection.verdict == Verdict.TAMPERED
        flipped = [s for s in detection.slices if s.state == SliceState.FLIPPED]
        assert len(flipped) > 30
        assert all(word in s.detail for s in flipped)


def test_a_cut_off_end_is_noticed_and_the_rest_still_verifies(marked: Scan) -> None:
    detection = detect(marked.with_slices(marked.stored[5:], 5, 40), KEY, NAME)
    assert detection.verdict == Verdict.TAMPERED
    assert detection.missing_ends == ("slices are missing below the first one",)
    assert not detection.regions


def test_a_replaced_slice_is_named(original: Scan, marked: Scan) -> None:
    stored = marked.stored.copy()
    stored[20] = original.stored[20]
    detection = detect(_with(marked, stored), KEY, NAME)
    assert detection.verdict == Verdict.TAMPERED
    assert [s.number for s in detection.slices if s.state == SliceState.REPLACED] == [20]
    middle = detection.probability()[:, 60:100, 60:100]
    assert (middle[20] == 1).all()
    assert not middle[10].any()


@pytest.mark.slow
def test_averaged_slices_are_unknown_and_swapped_ones_tampered(marked: Scan) -> None:
    stored = marked.stored.astype(np.float64)
    mean = (np.roll(stored, 1, 0) + stored + np.roll(stored, -1, 0)) / 3
    mean[[0, -1]] = stored[[0, -1]]
    mean = np.where(marked.is_padding(), marked.stored, np.rint(mean)).astype(np.int16)
    detection = detect(_with(marked, mean), KEY, NAME)
    assert detection.verdict == Verdict.UNKNOWN
    swapped = np.arange(40) ^ 1
    assert detect(_with(marked, marked.stored[swapped]), KEY, NAME).verdict == Verdict.TAMPERED


def test_less_is_held_against_what_smoothing_left_of_a_mark(marked: Scan) -> None:
    strong = detect(marked, KEY, NAME, settings=Detector(faint_hu=0))
    faint = detect(marked, KEY, NAME, settings=Detector(faint_hu=2 * STRENGTH))
    assert faint.strength_hu == strong.strength_hu
    assert faint.verified < strong.verified


@pytest.mark.parametrize("how", ["noise", "rounding", "blur"])
def test_what_is_degraded_is_not_called_tampered(marked: Scan, how: str) -> None:
    hu = marked.stored.astype(np.float64)
    if how == "noise":
        hu += np.random.default_rng(0).normal(0, 10, hu.shape)
    elif how == "rounding":
        hu = np.rint(hu / 4) * 4
    else:
        hu = 0.25 * np.roll(hu, -1, 2) + 0.5 * hu + 0.25 * np.roll(hu, 1, 2)
    stored = np.where(marked.is_padding(), marked.stored, np.rint(hu)).astype(np.int16)
    assert detect(_with(marked, stored), KEY, NAME).verdict != Verdict.TAMPERED


def test_what_lost_fine_detail_unevenly_is_not_called_tampered(marked: Scan) -> None:
    """As a codec does it: quiet places lose the finest detail, and all of the mark with it."""
    hu = marked.stored.astype(np.float64)
    even = hu[:, :, 0::2] - hu[:, :, 1::2]
    detail = (even[:, 0::2] - even[:, 1::2]) / 4
    gone = np.where(np.abs(detail) < 1.5 * np.median(np.abs(detail)), detail, 0)
    sign = np.array([[1, -1], [-1, 1]])
    hu -= np.kron(gone, sign)
    stored = np.where(marked.is_padding(), marked.stored, np.rint(hu)).astype(np.int16)
    detection = detect(_with(marked, stored), KEY, NAME)
    assert detection.strength_hu < 0.8 * STRENGTH
    assert detection.verdict != Verdict.TAMPERED


@pytest.mark.slow
def test_a_body_cut_by_padding_is_not_called_tampered() -> None:
    """Blocks that are partly padding are partly marked."""
    scan = chest((40, 128, 128), (2.5, 2.0, 2.0))
    for number in range(3):
        key = Key(bytes([number, *range(31)]))
        done = apply_perturbations(scan, [Mark(key, NAME, 6.0)], Budget(20)).scan
        assert detect(done, key, NAME).verdict != Verdict.TAMPERED


@pytest.mark.slow
def test_untouched_scans_are_not_called_tampered_with_many_keys(original: Scan) -> None:
    small = original.with_slices(original.stored[14:26], 14, 26)
    for number in range(15):
        key = Key(bytes([number, *range(31)]))
        scan = apply_perturbations(small, [Mark(key, NAME, STRENGTH)], Budget(40)).scan
        assert detect(scan, key, NAME, false_alarms=0.01).verdict != Verdict.TAMPERED


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 5, 7), (3, 33, 18)])
def test_tiny_scans_are_unknown_or_intact_and_never_crash(shape: tuple[int, int, int]) -> None:
    stored = np.random.default_rng(0).integers(-1000, 300, shape).astype(np.int16)
    z = np.ones(shape[0])
    scan = Scan(stored, z, 0 * z, -32768, 32767, chest((1, 4, 4)).geometry)
    done = apply_perturbations(scan, [Mark(KEY, NAME, STRENGTH)], Budget(40)).scan
    assert detect(done, KEY, NAME).verdict == Verdict.UNKNOWN
    flat = scan.with_stored(np.full(shape, -1000, np.int16))
    assert detect(flat, KEY, NAME).verdict == Verdict.UNKNOWN


@pytest.mark.slow
def test_marks_of_the_version_before_are_read(original: Scan, marked: Scan) -> None:
    before = apply_perturbations(original, [Mark(KEY, NAME, STRENGTH, 2)], Budget(40)).scan
    detection = detect(before, KEY, NAME)
    assert (detection.verdict, detection.version) == (Verdict.INTACT, 2)
    assert detect(marked, KEY, NAME).version == 3
    assert detect(original, KEY, NAME).version is None
    stored = before.stored.copy()
    stored[BOX] = original.stored[BOX]
    assert detect(_with(before, stored), KEY, NAME).verdict == Verdict.TAMPERED
    turned = detect(_with(before, before.stored[:, :, ::-1]), KEY, NAME)
    assert (turned.verdict, turned.version) == (Verdict.TAMPERED, 2)


def test_a_change_that_keeps_all_fine_detail_is_found(original: Scan, marked: Scan) -> None:
    """The signs belong to what was shown; the version before does not know."""
    ramp = np.zeros(marked.shape)
    ramp[BOX] = 100
    smooth = ndimage.gaussian_filter(ramp, (1, 3, 3))
    for version, verdict in ((3, Verdict.TAMPERED), (2, Verdict.INTACT)):
        mark = Mark(KEY, NAME, STRENGTH, version)
        scan = apply_perturbations(original, [mark], Budget(40)).scan
        stored = (scan.stored + np.rint(smooth).astype(np.int16)).astype(np.int16)
        stored = np.where(scan.is_padding(), scan.stored, stored)
        assert detect(_with(scan, stored), KEY, NAME).verdict == verdict


def test_no_more_is_expected_at_the_borders_than_is_there() -> None:
    """Blocks that reach beyond the slice, and slices that lack a neighbour, carry less."""
    scan = chest((16, 162, 162), (2.5, 1.6, 1.6), seed=3)
    marked = apply_perturbations(scan, [Mark(KEY, NAME, STRENGTH)], Budget(40)).scan
    measured = measure(marked, Pattern.of(KEY, NAME, scan), Detector())
    weight = measured.strengths / measured.noise.local * (measured.means > -900)
    seen, expected = weight * measured.products, weight * measured.strengths * BLOCK**2
    left = seen.sum() / expected.sum()
    for where in (np.s_[0], np.s_[-1], np.s_[:, :, -1]):
        assert seen[where].sum() / expected[where].sum() == pytest.approx(left, rel=0.3)
