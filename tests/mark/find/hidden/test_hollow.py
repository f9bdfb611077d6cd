"""Air and metal inside the body: filled in, or as the scanner saw it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mitsgan.mark import Detection, Key, Mark, Verdict
from mitsgan.mark.find.detect import detect
from mitsgan.mark.find.hidden.hollow import enclosed
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

KEY, NAME = Key(bytes(range(32))), "series"
LUNG = (slice(15, 25), slice(80, 104), slice(60, 84))
"""25 x 34 x 34 mm."""


@pytest.fixture(scope="module")
def marked() -> Scan:
    scan = chest((40, 192, 192), (2.5, 1.4, 1.4), seed=4)
    return apply_perturbations(scan, [Mark(KEY, NAME, 10.0)], Budget(40)).scan


def filled(scan: Scan, hu: float, noise_hu: float = 0.0) -> Detection:
    """What is said of a scan whose lung was filled with one value, and noise."""
    rng = np.random.default_rng(0)
    stored = scan.stored.copy()
    after = hu + noise_hu * rng.standard_normal(stored[LUNG].shape, np.float32)
    stored[LUNG] = scan.nearest_stored(after.astype(np.float32), LUNG[0].start, LUNG[0].stop)
    return detect(scan.with_stored(stored), KEY, NAME)


@pytest.mark.parametrize("hu, noise_hu", [(-1024.0, 0.0), (-1000.0, 0.0), (3071.0, 0.0)])
def test_a_lung_filled_with_air_or_metal_is_never_intact(
    marked: Scan, hu: float, noise_hu: float
) -> None:
    detection = filled(marked, hu, noise_hu)
    assert detection.verdict != Verdict.INTACT
    boxes = [*detection.regions, *(place.region for place in detection.unlike)]
    assert any(
        all(
            start < part.stop and part.start < stop
            for start, stop, part in zip(box.start, box.stop, LUNG, strict=True)
        )
        for box in boxes
    )


def test_padding_inside_the_body_is_never_intact(marked: Scan) -> None:
    stored = marked.stored.copy()
    stored[LUNG] = -3000
    scan = replace(marked.with_stored(stored), padding=(-3000.0, -3000.0))
    assert detect(scan, KEY, NAME).verdict != Verdict.INTACT


def test_air_that_was_there_when_the_scan_was_marked_is_intact() -> None:
    scan = chest((40, 192, 192), (2.5, 1.4, 1.4), seed=4)
    rng = np.random.default_rng(0)
    stored = scan.stored.copy()
    air = -1000 + 15 * rng.standard_normal(stored[LUNG].shape, np.float32)
    stored[LUNG] = scan.nearest_stored(air.astype(np.float32), LUNG[0].start, LUNG[0].stop)
    bulla = apply_perturbations(scan.with_stored(stored), [Mark(KEY, NAME, 10.0)], Budget(40)).scan
    detection = detect(bulla, KEY, NAME)
    assert detection.verdict == Verdict.INTACT
    assert not detection.unlike


def test_enclosed_is_what_has_body_on_four_sides() -> None:
    body = np.zeros((2, 8, 9), np.bool_)
    body[0, 1:7, 1:8] = True
    body[0, 3:5, 3:6] = False
    body[0, 1, 4] = False
    inside = enclosed(body) & ~body
    expected = np.zeros_like(body)
    expected[0, 3:5, 3:6] = True
    expected[0, 3:5, 4] = True
    assert (inside == expected).all(), "a gap in the wall above is not enclosed"


def test_the_border_of_an_image_encloses_nothing() -> None:
    """Resampling may leave 0 HU there, and air behind it."""
    body = np.zeros((1, 8, 9), np.bool_)
    body[:, [0, -1]] = body[:, :, [0, -1]] = True
    body[:, 4:7, 2:8] = True
    assert not enclosed(body)[:, 1:4].any()
