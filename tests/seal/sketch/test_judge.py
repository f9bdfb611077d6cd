"""The content verdict: harmless processing accuses nobody, and a lesion painted in is found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from tests.seal.sketch.conftest import LUNG, painted, with_hu, with_values

from mitsgan.evaluate.purify.purifiers import PURIFIERS, purify
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.judge import ContentReport, judge
from mitsgan.seal.sketch.sketch import Sketch, make_sketch


def image_of(scan: Scan) -> sitk.Image:
    image: sitk.Image = scan.to_sitk()
    return image


def resampled(
    scan: Scan, spacing_mm: tuple[float, float, float], degrees: float = 0.0
) -> sitk.Image:
    """On voxels ``[x, y, z]`` of another size, turned about all axes around the middle."""
    image = image_of(scan)
    size = [
        int(np.ceil(n * old / new))
        for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing_mm, strict=True)
    ]
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    turn = sitk.Euler3DTransform(middle, *[np.deg2rad(degrees)] * 3)
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing(spacing_mm)
    grid.SetOrigin(image.GetOrigin())
    grid.SetDirection(image.GetDirection())
    if degrees:
        turned = np.reshape(turn.GetMatrix(), (3, 3)) @ np.reshape(image.GetDirection(), (3, 3))
        grid.SetDirection(turned.ravel().tolist())
        corner = np.subtract(
            middle, grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
        )
        grid.SetOrigin((np.asarray(grid.GetOrigin()) + corner).tolist())
    return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, -1024.0)


def test_what_was_sealed_shows_what_was_sealed(patient: Scan, sketch: Sketch) -> None:
    report = judge(sketch, [patient])
    assert (report.verdict, report.regions, report.traces) == ("processed", (), ())
    assert report.judged_share == 1
    assert report.visible_hu[0] < 30
    assert thresholds(report) == [10, 50], "standard deviations in the patient, and around him"


def thresholds(report: ContentReport) -> list[float]:
    return sorted(set(report.differences.thresholds.ravel().tolist()))


def test_other_steps_of_the_stored_values_show_the_same(patient: Scan, sketch: Sketch) -> None:
    halves = replace(
        patient,
        stored=(2 * patient.stored.astype(np.int32)).clip(-32768, 32767).astype(np.int16),
        slope=patient.slope / 2,
        lowest=-32768,
        highest=32767,
        padding=None,
    )
    np.testing.assert_array_equal(halves.hu(), patient.hu())
    report = judge(sketch, [halves])
    assert (report.verdict, report.traces, report.judged_share) == ("processed", (), 1)


def test_one_slice_shows_what_was_sealed(patient: Scan) -> None:
    """Cells that have no neighbour across."""
    z = LUNG[0]
    one = patient.with_slices(patient.stored[z : z + 1], z, z + 1)
    assert judge(make_sketch(one), [one]).verdict == "processed"
    assert judge(make_sketch(one), [painted(one, (0, *LUNG[1:]), 20.0)]).verdict == "tampered"


@pytest.mark.parametrize("name", PURIFIERS)
def test_no_purifier_is_called_tampering(patient: Scan, sketch: Sketch, name: str) -> None:
    processed = with_hu(patient, purify(patient.hu(), patient.spacing, name, seed=0))
    report = judge(sketch, [processed])
    assert (report.verdict, report.regions) == ("processed", ())


@pytest.mark.parametrize("name", [None, "blur-1voxel", "jpeg2000-12", "median", "noise-20hu"])
@pytest.mark.parametrize("diameter_mm", [10.0, 20.0])
def test_a_painted_nodule_is_found_where_it_is(
    patient: Scan, sketch: Sketch, name: str | None, diameter_mm: float
) -> None:
    forged = painted(patient, LUNG, diameter_mm)
    if name is not None:
        forged = with_hu(forged, purify(forged.hu(), forged.spacing, name, seed=0))
    report = judge(sketch, [forged])
    assert report.verdict == "tampered"
    count = len(report.regions)
    where = "1 region shows" if count == 1 else f"{count} regions show"
    assert report.reason == f"{where} something else than was sealed"
    region = report.regions[0]
    apart = np.subtract(region.centre_mm, patient.geometry.to_world(LUNG))
    assert np.linalg.norm(apart) < 4
    assert region.in_patient
    assert region.sealed_hu < -600
    assert region.found_hu > -500
    assert region.difference_hu > 300
    volume = np.pi / 6 * diameter_mm**3 / 1000
    assert volume / 2 < region.core_ml < volume * 2
    assert region.core_ml < region.volume_ml < 4 * volume
    assert all(other.volume_ml < 0.2 for other in report.regions[1:])
    for start, stop, at in zip(region.start, region.stop, LUNG, strict=True):
        assert start <= at < stop


def test_an_erased_nodule_is_found_with_its_sign(patient: Scan) -> None:
    report = judge(make_sketch(painted(patient, LUNG, 10.0)), [patient])
    (region,) = report.regions
    assert region.difference_hu < -150


@pytest.mark.parametrize(
    "process, change",
    [
        ("gain", lambda hu: (hu + 1000) * 1.04 - 1000),
        ("offset", lambda hu: hu + 25),
        (
            "window",
            lambda hu: np.rint((hu.clip(-850, 150) + 850) / 1000 * 255) / 255 * 1000 - 850,
        ),
        ("noise", lambda hu: hu + np.random.default_rng(3).normal(0, 20, hu.shape)),
    ],
)
def test_processing_is_named(patient: Scan, sketch: Sketch, process: str, change: object) -> None:
    assert callable(change)
    report = judge(sketch, [with_hu(patient, change(patient.hu()))])
    assert report.verdict == "processed"
    assert process in [trace.process for trace in report.traces]
    traces = "; ".join(trace.text for trace in report.traces)
    assert report.reason == f"it shows what was sealed; {traces}"


@pytest.mark.parametrize(
    "process, said, change",
    [
        ("offset", "shifted by +102", lambda hu: hu + 1024),
        ("gain", "16 x HU +1.6e+04", lambda hu: (hu.clip(-1000, 1000) + 1000) * 16),
        ("gain", "-3.5e+04", lambda hu: hu * 5 - 35000),
        ("gain", "0.17 x HU", lambda hu: np.rint((hu.clip(-1350, 150) + 1350) * 255 / 1500)),
        ("gain", "0.002 x HU +1.4", lambda hu: hu / 500 + 1.4),
    ],
    ids=["no rescale", "16 bit", "below all HU", "8 bit", "standard scores"],
)
def test_values_that_are_no_hu_are_taken_for_what_they_are(
    patient: Scan, process: str, said: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    sealed = with_hu(patient, patient.hu().clip(-1000))  # air at the lowest is no window
    sketch = make_sketch(sealed)
    report = judge(sketch, [with_values(patient, change(sealed.hu()))])
    assert report.verdict == "processed"
    assert report.traces[0].process == process
    assert said in report.traces[0].text
    forged = painted(sealed, LUNG, 10.0)
    report = judge(sketch, [with_values(patient, change(forged.hu()))])
    assert (report.verdict, len(report.regions)) == ("tampered", 1)
    for other in (-change(sealed.hu()), change(sealed.hu()[:, ::-1])):
        assert judge(sketch, [with_values(patient, other)]).verdict != "processed"


def test_who_has_hu_waits_for_no_statistics() -> None:
    code = "import sys, mitsgan.seal.verify; print('scipy.stats' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n", "these take as long to load as all else"


@pytest.mark.parametrize(
    "name, process",
    [
        ("blur-1voxel", "smoothing"),
        ("median", "median filter"),
        ("slice-average-3", "averaging across slices"),
        ("jpeg2000-12", "lossy coding or denoising"),
    ],
)
def test_purifiers_are_named(patient: Scan, sketch: Sketch, name: str, process: str) -> None:
    processed = with_hu(patient, purify(patient.hu(), patient.spacing, name, seed=0))
    report = judge(sketch, [processed])
    assert process in [trace.process for trace in report.traces]
    if "lossy" not in process:
        assert thresholds(report) == [12.5, 62.5], "it may have been interpolated and back"


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
@pytest.mark.parametrize(
    "spacing_mm, degrees",
    [((1.0, 1.0, 1.0), 0.0), ((1.8, 1.8, 5.0), 0.0), ((1.4, 1.4, 2.0), 8.0)],
    ids=["isotropic", "other matrix", "oblique"],
)
def test_other_grids(
    patient: Scan,
    sketch: Sketch,
    spacing_mm: tuple[float, float, float],
    degrees: float,
    forge: bool,
) -> None:
    scan = painted(patient, LUNG, 10.0) if forge else patient
    other = Scan.from_sitk(resampled(scan, spacing_mm, degrees), plausible=False)
    report = judge(sketch, [other])
    assert report.verdict == ("tampered" if forge else "processed")
    assert "resampling" in [trace.process for trace in report.traces]
    assert thresholds(report) == [25, 125], "interpolation blurs each place differently"
    if forge:
        apart = np.subtract(report.regions[0].centre_mm, patient.geometry.to_world(LUNG))
        assert np.linalg.norm(apart) < 4


def test_oblique_and_back(patient: Scan, sketch: Sketch) -> None:
    oblique = resampled(patient, (1.4, 1.4, 2.0), 8.0)
    back = sitk.Resample(
        oblique, image_of(patient), sitk.Transform(), sitk.sitkLinear, -1024.0, sitk.sitkInt16
    )
    report = judge(sketch, [Scan.from_sitk(back, plausible=False)])
    assert report.verdict == "processed"
    assert 0.8 < report.judged_share < 1, "corners were turned out and filled in"


def test_any_axis_order(patient: Scan, sketch: Sketch) -> None:
    """The same voxels, stored sagittally and from head to feet."""
    (u, v, w), b, c = patient.geometry.axes
    dz, dy, dx = patient.spacing
    last = patient.geometry.to_world((patient.shape[0] - 1, 0, 0))
    turned = replace(
        Scan.from_hu(np.ascontiguousarray(patient.hu()[::-1].transpose(2, 0, 1)), (dx, dz, dy)),
        geometry=Geometry((dx, dz, dy), last, (c, (-u, -v, -w), b)),
    )
    report = judge(sketch, [turned])
    assert (report.verdict, report.traces, report.judged_share) == ("processed", (), 1)


def test_a_part_tells_what_is_missing(patient: Scan, sketch: Sketch) -> None:
    part = patient.to_sitk()[40:250, 20:240, 4:]
    report = judge(sketch, [Scan.from_sitk(part, plausible=False)])
    assert report.verdict == "processed"
    assert 0.4 < report.judged_share < 1
    assert "20 mm on the side of the feet are missing" in report.missing
    assert "28 mm on the side of the front are missing" in report.missing


def test_another_content_is_told(patient: Scan, sketch: Sketch) -> None:
    report = judge(sketch, [with_hu(patient, patient.hu()[..., ::-1])])
    assert report.verdict == "tampered"
    assert "shows something else" in report.reason


def test_a_scan_of_elsewhere_is_unknown(patient: Scan, sketch: Sketch) -> None:
    x, y, z = patient.geometry.origin
    moved = replace(patient, geometry=replace(patient.geometry, origin=(x, y, z + 2000)))
    report = judge(sketch, [moved])
    assert report.verdict == "unknown"
    assert report.missing == ("nothing of what was sealed is there",)


@pytest.mark.parametrize("forge", [False, True], ids=["as sealed", "forged"])
@pytest.mark.parametrize("spacing_mm", [(1.4, 1.4, 2.5), (0.7, 0.7, 5.0)], ids=["slices", "pixels"])
def test_voxels_between_those_that_were_sealed_count(
    patient: Scan, sketch: Sketch, spacing_mm: tuple[float, float, float], forge: bool
) -> None:
    """Whoever leaves what was sealed alone, and forges what a viewer shows in between."""
    image = resampled(patient, spacing_mm)
    scan = Scan.from_sitk(image, plausible=False)
    every = [round(old / new) for old, new in zip(patient.spacing, scan.spacing, strict=True)]
    if forge:
        z, y, x = (place * by for place, by in zip(LUNG, every, strict=True))
        forged = painted(scan, (z, y, x), 10.0).hu()
        as_sealed = tuple(slice(None, None, by) for by in every)
        forged[as_sealed] = scan.hu()[as_sealed]
        scan = with_hu(scan, forged)
    report = judge(sketch, [scan])
    assert report.verdict == ("tampered" if forge else "processed")
    if forge:
        assert "between the sealed voxels" in report.reason
        apart = np.subtract(report.regions[0].centre_mm, patient.geometry.to_world(LUNG))
        assert np.linalg.norm(apart) < 4


@pytest.mark.parametrize("hu", [-1000.0, 40.0], ids=["air", "tissue"])
@pytest.mark.parametrize(
    "spacing_mm, degrees",
    [((1.4, 1.4, 5.0), 0.0), ((1.4, 1.4, 4.0), 8.0)],
    ids=["the same grid", "oblique"],
)
def test_tissue_outside_of_what_was_sealed_is_told(
    patient: Scan, spacing_mm: tuple[float, float, float], degrees: float, hu: float
) -> None:
    sketch = make_sketch(patient.with_slices(patient.stored[:20], 0, 20))
    shown = patient.hu()
    shown[20:] = -1000.0
    shown[24:27, 100:120, 50:70] = hu  # 3 slices, 12 ml
    whole = with_hu(patient, shown)
    report = judge(sketch, [Scan.from_sitk(resampled(whole, spacing_mm, degrees), plausible=False)])
    assert report.verdict == ("tampered" if hu > 0 else "processed")
    assert ("ml of tissue outside of what was sealed" in report.reason) == (hu > 0)
