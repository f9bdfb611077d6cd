"""Scans that nobody tampered with, after what once came near an accusation, or was one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.seal.sketch.conftest import LUNG, Array, painted, with_hu

from mitsgan.evaluate.purify.purifiers import purify
from mitsgan.files import read_scan
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import AIR_HU, Scan
from mitsgan.seal.sketch.alike import Alike
from mitsgan.seal.sketch.explain import WHOLE
from mitsgan.seal.sketch.grain import find_limits
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.missing import without_filling
from mitsgan.seal.sketch.observe import Grid, Observation
from mitsgan.seal.sketch.sketch import Sketch, make_sketch

_CLEAR = 0.5
"""Of the threshold: what stays below is far from an accusation."""


@pytest.fixture(scope="module")
def fine() -> Scan:
    """Pixels of 0.564 mm in slices of 3 mm, cut to a circle of view within the body.

    Beyond the circle is air, not padding, so that nothing says where it ends.
    """
    scan = chest((16, 224, 224), (3.0, 0.564, 0.564), seed=4)
    return Scan.from_hu(scan.hu().clip(AIR_HU, 3071).astype(np.int16), scan.spacing)


def through_window(hu: Array, low: float, high: float) -> Array:
    """Grey levels of 8 bits over a window, back in HU."""
    levels = np.rint((hu.clip(low, high) - low) / (high - low) * 255)
    return np.asarray(levels / 255 * (high - low) + low, np.float32)


def calcified(scan: Scan) -> Scan:
    """With four voxels of bone as dense as cortical bone gets in a sharp kernel."""
    hu = scan.hu()
    places = np.argwhere(hu[3] > 300)
    y, x = places[len(places) // 2]
    hu[3, y : y + 2, x : x + 2] += 1600
    return with_hu(scan, hu)


def test_point_samples_of_fine_pixels_and_back(fine: Scan) -> None:
    """Samples of 1 mm meet some pixels of 0.564 mm twice and others never.

    The circle of view is a step of 1000 HU, through cells that no filter of the sketch changes.
    """
    back = with_hu(fine, purify(fine.hu(), fine.spacing, "resample-1mm", seed=0))
    report = judge(make_sketch(fine), [back])
    assert report.verdict == "processed"
    assert report.differences.closest < _CLEAR


@pytest.mark.parametrize("high", [1000.0, 1400.0])
def test_a_window_that_cuts_off_four_voxels(patient: Scan, high: float) -> None:
    scan = calcified(patient)
    assert np.count_nonzero(scan.hu() > high) == 4
    report = judge(make_sketch(scan), [with_hu(scan, through_window(scan.hu(), -1000, high))])
    assert report.verdict == "processed"
    assert report.differences.closest < _CLEAR
    limits = report.differences.explanation.limits
    assert (limits.high, limits.few) == (high, True)
    assert report.judged_share > 0.85
    assert "window" not in [trace.process for trace in report.traces]


@pytest.mark.parametrize("low, high", [(-1000, 1400), (-900, 1500)])
def test_a_window_that_cuts_off_the_top_of_a_calcification(
    data: Path, low: float, high: float
) -> None:
    """Of 2447 HU in a cell whose mean is 648: most with as much fine structure reach less far."""
    whole = read_scan(data / "ct" / "lidc-0001")
    scan = whole.with_slices(whole.stored[100:], 100, len(whole.stored))
    report = judge(make_sketch(scan), [with_hu(scan, through_window(scan.hu(), low, high))])
    assert report.verdict == "processed"
    assert report.differences.closest < _CLEAR


def test_a_nodule_is_found_behind_a_window_that_cuts_off_four_voxels(patient: Scan) -> None:
    scan = calcified(patient)
    forged = painted(scan, LUNG, 10.0)
    report = judge(make_sketch(scan), [with_hu(scan, through_window(forged.hu(), -1000, 1000))])
    assert report.verdict == "tampered"
    apart = np.subtract(report.regions[0].centre_mm, scan.geometry.to_world(LUNG))
    assert np.linalg.norm(apart) < 4


def test_what_was_filled_in_is_followed_through_air(sketch: Sketch) -> None:
    """Corners are filled in within the air beyond the circle, and mix with what lies next to it."""
    sealed = np.zeros(sketch.means.shape, np.float32)
    sealed[:, :, :5] = AIR_HU
    seen = sealed.copy()
    seen[:, :3, 5] = AIR_HU  # filled in where there was something
    seen[10, 60, 5] = -260.0  # mixed with what was filled in where air was
    observed = Observation(seen, np.ones_like(seen), Grid.SAME)
    coverage = without_filling(observed, replace(sketch, means=sealed)).coverage
    assert coverage[10, 60, 5] < WHOLE
    assert (coverage[1:-1, 1:-1, 7:-1] == 1).all()


def test_the_rim_of_the_picture_is_judged_unless_it_was_smoothed(
    patient: Scan, sketch: Sketch
) -> None:
    plain = judge(sketch, [patient]).differences.explanation.judged
    smooth = with_hu(patient, purify(patient.hu(), patient.spacing, "blur-1voxel", seed=0))
    blurred = judge(sketch, [smooth]).differences.explanation.judged
    width = patient.shape[2] // sketch.grid.cell[2]
    assert patient.shape[2] % sketch.grid.cell[2] == 1, "the last cell is a thin one"
    assert plain[:, 0].any()
    assert not plain[:, :, width].any()
    assert not blurred[:, 0].any()
    assert not blurred[:, :, 0].any()


def test_a_scan_that_was_not_cut_has_no_limit(patient: Scan) -> None:
    assert not find_limits(patient, -1024).any
    smooth = with_hu(patient, purify(patient.hu(), patient.spacing, "median", seed=0))
    assert not find_limits(smooth, -1024).any


def test_the_tail_raises_what_is_usual_and_a_lesion_does_not_excuse_itself() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 10, 40_000).astype(np.float32)
    alike = Alike.of(np.arange(values.size, dtype=np.float32), np.ones(values.size, bool))
    plain, tail = (max(alike.spread(values, tail=t).levels) for t in (False, True))
    assert tail == pytest.approx(plain, rel=0.03), "normal values have no tail"
    values[::40] *= 5
    assert max(alike.spread(values, tail=True).levels) > 1.5 * plain
    values[::40] = 1e4
    assert max(alike.spread(values, tail=True).levels) < 2.3 * plain
