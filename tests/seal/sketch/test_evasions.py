"""What an attacker may do to the rest of a scan so that a forgery in it is not judged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.seal.sketch.conftest import LUNG, Array, painted, with_hu
from tests.seal.sketch.test_judge import resampled

from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import CellGrid
from mitsgan.seal.sketch.judge import judge
from mitsgan.seal.sketch.observe import finer
from mitsgan.seal.sketch.sketch import Sketch, make_sketch


@pytest.mark.parametrize("low", [-850.0, -800.0, -700.0])
def test_a_nodule_is_found_where_the_lung_is_cut_off(
    patient: Scan, sketch: Sketch, low: float
) -> None:
    """Cells near a limit were not judged at all, and so all of the lung was not."""
    cut = with_hu(patient, patient.hu().clip(low))
    assert judge(sketch, [cut]).verdict == "processed"
    forged = with_hu(patient, painted(patient, LUNG, 10.0).hu().clip(low))
    report = judge(sketch, [forged])
    assert report.verdict == "tampered"
    apart = np.subtract(report.regions[0].centre_mm, patient.geometry.to_world(LUNG))
    assert np.linalg.norm(apart) < 4


@pytest.mark.parametrize("high", [100.0, 150.0, 300.0])
def test_an_erased_nodule_is_found_where_bone_is_cut_off(patient: Scan, high: float) -> None:
    whole = painted(patient, LUNG, 12.0)
    sketch = make_sketch(whole)
    assert judge(sketch, [with_hu(whole, whole.hu().clip(max=high))]).verdict == "processed"
    report = judge(sketch, [with_hu(patient, patient.hu().clip(max=high))])
    assert report.verdict == "tampered"
    assert report.regions[0].difference_hu < -50


def test_a_blackened_background_does_not_excuse_what_was_erased(patient: Scan) -> None:
    """As if a scan had been turned, and its corners filled in."""
    erased = patient.hu()
    erased[10:20, 110:130, :30] = -1024.0  # from the edge of the picture to the skin
    sketch = make_sketch(painted(patient, LUNG, 10.0))
    report = judge(sketch, [with_hu(patient, erased)])
    assert report.verdict == "tampered"
    assert report.regions[0].difference_hu < -150


@pytest.mark.parametrize(
    "voxels, words",
    [
        ((0, 0, 3), "4.2 mm further towards the patient's left"),
        ((0, -3, 0), "4.2 mm further towards the front"),
        ((1, 0, 0), "5.0 mm further towards the head"),
    ],
)
def test_a_scan_that_lies_elsewhere_is_told(
    patient: Scan, sketch: Sketch, voxels: tuple[int, int, int], words: str
) -> None:
    """As its neighbour each cell explained itself, and the scan looked filtered."""
    shown = np.roll(patient.hu(), voxels, (0, 1, 2))
    if voxels[0]:
        shown[0] = shown[1]  # not what came over from the other end
    report = judge(sketch, [with_hu(patient, shown)])
    assert (report.verdict, report.reason) == ("tampered", f"it lies {words} than was sealed")


def test_half_a_voxel_off_is_a_habit_of_programs(patient: Scan, sketch: Sketch) -> None:
    x, y, z = patient.geometry.origin
    off = replace(patient.geometry, origin=(x + 0.7, y + 0.7, z))
    assert judge(sketch, [replace(patient, geometry=off)]).verdict == "processed"


def nothing(hu: Array) -> Array:
    return np.zeros_like(hu)


def noise(hu: Array) -> Array:
    return np.random.default_rng(0).normal(0, 10, hu.shape).astype(np.float32)


@pytest.mark.parametrize("empty", [nothing, noise])
def test_what_shows_nothing_is_unknown(patient: Scan, sketch: Sketch, empty: object) -> None:
    """A window of no width, and a contrast of nothing, explained everything."""
    assert callable(empty)
    report = judge(sketch, [with_hu(patient, empty(patient.hu()))])
    assert report.verdict == "unknown"
    assert report.reason == "so much was lost that a change might not show"


def test_a_faint_copy_shows_less(patient: Scan, sketch: Sketch) -> None:
    whole = judge(sketch, [patient]).visible_hu
    half = judge(sketch, [with_hu(patient, patient.hu() * np.float32(0.5))]).visible_hu
    assert half[0] > 1.5 * whole[0]


def test_a_negative_is_told(patient: Scan, sketch: Sketch) -> None:
    report = judge(sketch, [with_hu(patient, patient.hu() * np.float32(-0.5))])
    assert (report.verdict, report.reason) == (
        "tampered",
        "it shows a negative: what was dense is dark",
    )


def test_what_is_no_number_on_another_grid_is_not_missing(patient: Scan, sketch: Sketch) -> None:
    other = Scan.from_sitk(resampled(patient, (1.8, 1.8, 5.0)), plausible=False)
    hu = other.hu()
    hu[12:17, 80:110, 40:60] = np.nan
    holed = replace(
        other,
        stored=hu,
        slope=np.ones(len(hu)),
        intercept=np.zeros(len(hu)),
        lowest=-np.inf,
        highest=np.inf,
    )
    assert judge(sketch, [holed]).verdict == "tampered"


def test_voxels_far_coarser_than_cells_accuse_nobody(patient: Scan, sketch: Sketch) -> None:
    coarse = Scan.from_sitk(resampled(patient, (25.0, 25.0, 25.0)), plausible=False)
    report = judge(sketch, [coarse])
    assert report.verdict == "unknown"


def test_a_turned_grid_with_voxels_between_the_sealed_ones() -> None:
    """Turned by 45 degrees, every second voxel lies at a sealed one, and the others between."""
    sealed = CellGrid(Geometry((5.0, 1.0, 1.0)), (4, 30, 30), (1, 4, 4))
    half, air = math.sqrt(0.5), np.full((4, 60, 60), -1000, np.int16)
    axes = ((0.0, 0.0, 1.0), (-half, half, 0.0), (half, half, 0.0))
    for mm, expected in ((half, (1, 2, 2)), (1.0, (1, 1, 1))):
        turned = Scan.from_hu(air, (5.0, mm, mm), axes=axes, plausible=False)
        assert finer(turned, sealed) == expected
