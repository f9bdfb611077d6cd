"""Diagnostic invariants: each figure where the answer is known, and all of them on a phantom."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.lung import find_lung
from mitsgan.errors import PositionError
from mitsgan.evaluate.diagnosis.diagnostics import diagnose
from mitsgan.evaluate.diagnosis.edge import Edge, edge_width, find_edges
from mitsgan.evaluate.diagnosis.homogeneous import (
    Patches,
    detrended,
    find_patches,
    neighbour_correlation,
    noise_spectrum,
)
from mitsgan.evaluate.diagnosis.lung_density import density_features, histogram
from mitsgan.evaluate.diagnosis.nodule_volume import segment_nodule
from mitsgan.evaluate.diagnosis.rescan import Level, rescan
from mitsgan.evaluate.diagnosis.texture import BIN_HU, cooccurrence, texture_features
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.metrics.regions import WHOLE, RegionOfInterest, lung_region
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import NODULE_DIAMETER, NODULE_LPS, chest
from mitsgan.phantom.noise import scanner_noise
from mitsgan.protect import Offset, RandomSign
from mitsgan.scan.scan import Geometry, Scan

Array = NDArray[np.float64]


def scan_of(hu: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Scan:
    """Floating HU as a scan of their own."""
    n = len(hu)
    return Scan(hu, np.ones(n), np.zeros(n), -1e4, 1e4, Geometry(spacing))


@pytest.fixture(scope="module")
def phantom() -> Scan:
    """Fine enough for a noise spectrum: 20 mm are 16 pixels."""
    return chest((20, 256, 256), (8.0, 1.25, 1.25), seed=4)


def test_density_of_a_known_histogram() -> None:
    rng = np.random.default_rng(0)
    hu = rng.normal(-860, 45, (4, 80, 80)).round().clip(-1020)  # below -1024 is padding
    scan = scan_of(hu)
    found = histogram(scan, scan, WHOLE)
    assert found.counts.sum() == hu.size
    features = density_features(found)
    assert features["laa950"] == pytest.approx(100 * (hu < -950).mean())
    assert features["perc15"] == pytest.approx(np.percentile(hu, 15), abs=1)
    assert features["mean"] == pytest.approx(hu.mean())
    assert features["deviation"] == pytest.approx(hu.std())
    centred = (hu - hu.mean()) / hu.std()
    assert features["skewness"] == pytest.approx((centred**3).mean())
    assert features["kurtosis"] == pytest.approx((centred**4).mean() - 3)
    shares = np.bincount(((hu + 1100) // 25).astype(int).ravel()) / hu.size
    shares = shares[shares > 0]
    assert features["entropy"] == pytest.approx(-(shares * np.log2(shares)).sum())


def test_emphysema_is_below_950_also_where_that_is_nearest() -> None:
    scan = scan_of(np.array([[[-950.4, -950.6, -950.0, -949.6]]]))
    assert density_features(histogram(scan, scan, WHOLE))["laa950"] == 50


def test_the_percentile_moves_with_the_lung() -> None:
    rng = np.random.default_rng(1)
    scan = scan_of(rng.normal(-860, 60, (2, 64, 64)).round())
    first, second = (
        density_features(histogram(s, scan, WHOLE))["perc15"]
        for s in (scan, scan.with_stored(scan.stored + 7))
    )
    assert second - first == pytest.approx(7)


def test_texture_against_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(2)
    hu = rng.uniform(-1000, -800, (2, 9, 11))
    coarse = rng.random((2, 9, 11)) > 0.2
    scan, region = scan_of(hu), RegionOfInterest("some", coarse)
    matrix = cooccurrence(scan, scan, region)
    levels = ((hu + 1025) // BIN_HU).astype(int)
    stated = np.zeros_like(matrix)
    for z, y, x in np.argwhere(coarse):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)):
            v, u = y + down, x + right
            if 0 <= v < 9 and 0 <= u < 11 and coarse[z, v, u]:
                stated[levels[z, y, x], levels[z, v, u]] += 1
    np.testing.assert_allclose(matrix, stated / stated.sum())
    assert not np.array_equal(levels.max(), levels.min())


def test_texture_features_of_small_matrices() -> None:
    even = texture_features(np.full((2, 2), 0.25))
    assert even == {
        "contrast": 0.5,
        "correlation": 0.0,
        "joint entropy": 2.0,
        "angular second moment": 0.25,
        "inverse difference moment": 0.75,
    }
    flat = texture_features(np.array([[1.0, 0], [0, 0]]))
    assert (flat["contrast"], flat["correlation"], flat["joint entropy"]) == (0, 1, 0)
    like = texture_features(np.diag([0.5, 0.5]))
    assert like["correlation"] == pytest.approx(1)


def test_the_spectrum_of_white_noise_is_flat_and_its_area_the_variance() -> None:
    values = np.random.default_rng(3).normal(40, 12, (200, 24, 24))
    spectrum = noise_spectrum(values, (2.0, 0.8, 0.8))
    assert spectrum is not None
    assert spectrum.area == pytest.approx(detrended(values).var(), rel=1e-9)
    assert spectrum.area == pytest.approx(144, rel=0.03)
    inner = spectrum.power[2:]
    np.testing.assert_allclose(inner, 144 * 0.8 * 0.8, rtol=0.08)
    assert spectrum.frequency[-1] <= 0.5 / 0.8 + 1e-9


def test_the_spectrum_peaks_where_the_noise_does() -> None:
    y, x = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    waves = [
        np.cos(2 * math.pi * 0.25 * (math.cos(a) * x + math.sin(a) * y))
        for a in np.linspace(0, math.pi, 24)
    ]
    spectrum = noise_spectrum(np.asarray(waves), (1.0, 1.0, 1.0))
    assert spectrum is not None
    assert spectrum.peak == pytest.approx(0.25, abs=1 / 32)
    assert spectrum.mean == pytest.approx(0.25, abs=0.02)


def test_no_spectrum_of_few_pixels_or_none() -> None:
    assert noise_spectrum(np.ones((9, 8, 8)), (1, 1, 1)) is None
    assert noise_spectrum(np.ones((0, 32, 32)), (1, 1, 1)) is None
    assert noise_spectrum(np.zeros((9, 32, 32)), (1, 1, 1)) is None


def test_a_quadratic_surface_is_taken_off() -> None:
    y, x = np.meshgrid(np.linspace(0, 3, 17), np.linspace(0, 5, 19), indexing="ij")
    surface = 3 + 2 * x - y + 0.4 * x * y + x * x - 2 * y * y
    np.testing.assert_allclose(detrended(surface[None]), 0, atol=1e-9)


def test_patches_lie_in_soft_tissue_and_apart(phantom: Scan) -> None:
    patches = find_patches(phantom)
    assert patches.size == (16, 16)
    assert len(patches.places) > 20
    means = patches.values(phantom).mean((1, 2))
    assert means.min() > 0
    assert means.max() < 130
    for number, (z, y, x) in enumerate(patches.places):
        for other in patches.places[:number]:
            assert other[0] != z or max(abs(other[1] - y), abs(other[2] - x)) >= 16
    assert find_patches(phantom.with_stored(np.full_like(phantom.stored, 0))).places == ()


def test_rescan_noise_has_the_rmse_the_colour_and_the_seed() -> None:
    shape, spacing = (24, 128, 128), (2.0, 0.8, 0.8)
    own = 12 * scanner_noise(shape, spacing, np.random.default_rng(5)).astype(float)
    scan = scan_of(50 + own, spacing)
    places = [(z, y, x) for z in range(24) for y in (0, 40, 80) for x in (0, 40, 80)]
    patches = Patches(tuple(places), (40, 40))
    again = rescan(scan, [Level(WHOLE, 7.0)], patches, 3)
    noise = again.stored - scan.stored
    assert math.sqrt((noise**2).mean()) == pytest.approx(7, rel=1e-3)
    np.testing.assert_array_equal(
        again.stored, rescan(scan, [Level(WHOLE, 7.0)], patches, 3).stored
    )
    assert np.abs(again.stored - rescan(scan, [Level(WHOLE, 7.0)], patches, 4).stored).max() > 1
    before = noise_spectrum(patches.values(scan), spacing)
    after = noise_spectrum(patches.values(scan_of(noise, spacing)), spacing)
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean, rel=0.05)
    assert neighbour_correlation(scan_of(noise, spacing), patches) == pytest.approx(
        neighbour_correlation(scan, patches), abs=0.05
    )
    white = scan_of(np.random.default_rng(6).normal(0, 1, shape), spacing)
    assert neighbour_correlation(white, patches) == pytest.approx(0, abs=0.05)


def test_what_has_no_value_inside_a_body_takes_none_from_the_rest(phantom: Scan) -> None:
    hu = phantom.hu()
    before = find_patches(phantom)
    z, y, x = next(place for place in before.places if place[0] + 1 < len(hu))
    hu[z + 1, y, x] = np.nan
    lacking = Scan.from_hu(hu, phantom.spacing)
    patches = find_patches(lacking)
    assert (z, y, x) in patches.places
    assert np.isfinite(patches.values(lacking)).all()
    assert np.isnan(Patches(((z, y, x),), patches.size).values(lacking, 1)).any()
    again = rescan(lacking, [Level(WHOLE, 2.0)], patches, 0)
    assert (np.isfinite(again.hu()) == np.isfinite(hu)).all()


def test_rescan_noise_is_where_it_should_be_and_leaves_padding(phantom: Scan) -> None:
    lung = lung_region(find_lung(phantom))
    again = rescan(phantom, [Level(WHOLE, 2.0), Level(lung, 9.0)], find_patches(phantom), 0)
    assert again.source is None
    moved = again.hu() - phantom.hu()
    padding, inside = phantom.is_padding(), lung.mask(phantom, 0, 20)
    assert not moved[padding].any()
    assert not again.is_padding()[~padding].any()
    assert np.sqrt(np.square(moved[inside]).mean()) == pytest.approx(9, rel=0.03)
    body = ~padding & ~inside & (phantom.hu() > -900)
    assert np.sqrt(np.square(moved[body]).mean()) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("sigma", [0.8, 1.6])
def test_the_width_of_a_gaussian_edge(sigma: float) -> None:
    x = np.arange(96) * 0.7
    error = np.vectorize(math.erf)
    borders = 30 + 0.13 * np.arange(40)  # mm: no two rows are cut at the same place
    rows = np.asarray(
        [-850 + 900 * (1 + error((x - b) / (sigma * math.sqrt(2)))) / 2 for b in borders]
    )
    scan = scan_of(rows[None], (1.0, 0.7, 0.7))
    edges = [Edge(0, y, b / 0.7, 1) for y, b in enumerate(borders)]
    seen = math.hypot(sigma, 0.7 / math.sqrt(6))  # linear interpolation blurs as well
    assert edge_width(scan, edges) == pytest.approx(2.563 * seen, rel=0.03)
    mirrored = scan_of(rows[None, :, ::-1].copy(), (1.0, 0.7, 0.7))
    flipped = [Edge(0, e.y, 95 - e.x, -1) for e in edges]
    assert edge_width(mirrored, flipped) == pytest.approx(edge_width(scan, edges))
    assert edge_width(scan, edges[:5]) is None


def test_edges_run_from_lung_to_wall(phantom: Scan) -> None:
    edges = find_edges(phantom, lung_region(find_lung(phantom)))
    assert len(edges) > 50
    assert {edge.outward for edge in edges} == {-1, 1}
    hu = phantom.hu()
    for edge in edges:
        x, step = round(edge.x), 4 * edge.outward  # 5 mm
        assert hu[edge.z, edge.y, x - step] < -450 < hu[edge.z, edge.y, x + step]


def test_the_volume_of_a_ball_and_of_a_ball_on_a_wall() -> None:
    spacing = (1.5, 0.8, 0.8)
    z, y, x = np.meshgrid(
        *(np.arange(n) * s for n, s in zip((48, 90, 90), spacing, strict=True)), indexing="ij"
    )
    centre = (36.0, 36.0, 30.0)
    away = np.sqrt((z - 36) ** 2 + (y - 36) ** 2 + (x - 30) ** 2)
    hu = np.where(away <= 6, 30.0, -850.0)
    scan = scan_of(hu, spacing)
    place = (centre[2], centre[1], centre[0])
    ball = segment_nodule(scan, place)
    assert ball is not None
    assert ball.opening_mm == 0
    assert ball.mean_hu == pytest.approx(30)
    assert ball.volume_mm3 == pytest.approx(4 / 3 * math.pi * 6**3, rel=0.05)
    # A vessel of 3 mm leads from it to a wall.
    vessel = (np.hypot(y - 36, z - 36) <= 1.5) & (x > 30)
    hung = segment_nodule(scan_of(np.where(vessel | (x > 60), 30.0, hu), spacing), place)
    assert hung is not None
    assert hung.opening_mm > 0
    assert hung.volume_mm3 == pytest.approx(ball.volume_mm3, rel=0.15)
    assert segment_nodule(scan_of(np.full(hu.shape, 30.0), spacing), place) is None
    assert segment_nodule(scan_of(np.full(hu.shape, -850.0), spacing), place) is None
    with pytest.raises(PositionError, match="outside the scan"):
        segment_nodule(scan, (30.0, 36.0, 500.0))


@pytest.mark.slow
def test_all_figures_of_a_phantom() -> None:
    scan = chest((40, 256, 256), (4.0, 1.25, 1.25), seed=4)
    protected = apply_perturbations(scan, [RandomSign(6.0)], Budget(10)).scan
    config = EvaluationSettings(nodules=(NODULE_LPS,))
    result = evaluate(scan, protected, [], config)
    assert Evaluation.from_json(result.to_json()) == result
    assert result.gaps == ()
    assert result.disruption == {}
    assert result.budget_check is not None
    assert result.budget_check.kept
    rows = {row.name.split(" (")[0]: row for row in result.invariants}
    ball = math.pi / 6 * NODULE_DIAMETER**3
    assert rows["nodule volume"].original == pytest.approx(ball, rel=0.25)
    assert rows["nodule volume"].within is True
    assert rows["Perc15"].within is True
    assert rows["soft tissue, mean"].change == pytest.approx(0, abs=0.5)
    area = rows["NPS, area"]
    assert area.change == pytest.approx(36, rel=0.15)  # white noise of 6 HU
    assert area.rescan_change == pytest.approx(36, rel=0.3)
    pitch = rows["NPS, mean frequency"]
    assert pitch.change is not None
    assert pitch.rescan_change is not None
    assert pitch.change > 0.005, "white noise is finer than the scanner's"
    assert abs(pitch.rescan_change) < 0.6 * pitch.change
    width, contrast = rows["edge 10-90 % width"].original, rows["lung GLCM, contrast"].change
    assert width is not None
    assert contrast is not None
    assert width > 1
    assert contrast > 0
    assert rows["lung, mean"].tolerance is None
    assert rows["lung, mean"].within is None


@pytest.mark.slow
def test_a_shift_beyond_tolerance_is_told(phantom: Scan) -> None:
    moved = apply_perturbations(phantom, [Offset(12)], Budget(12)).scan
    result = evaluate(phantom, moved, [], EvaluationSettings(max_hu=10))
    rows = {row.name: row for row in result.invariants}
    assert rows["Perc15"].change == pytest.approx(12, abs=0.1)
    assert rows["Perc15"].within is False
    assert rows["soft tissue, mean"].within is False
    assert rows["soft tissue, sigma"].change == pytest.approx(0, abs=1e-3)
    assert result.budget_check is not None
    assert result.budget_check.over > 0.9 * result.budget_check.voxels


@pytest.mark.slow
def test_what_cannot_be_measured_is_a_gap(phantom: Scan) -> None:
    water = phantom.with_stored(np.where(phantom.is_padding(), phantom.stored, 1024))
    noise = apply_perturbations(water, [RandomSign(3.0)], Budget(3)).scan
    config = EvaluationSettings(nodules=((0.0, 0.0, 0.0),))
    result = evaluate(water, noise, [], config)
    text = " ".join(result.gaps)
    assert "lung: found no lung" in text
    assert "nodule at 0, 0, 0 mm (LPS)" in text
    assert [row.region for row in result.metrics] == ["whole scan", "body"]
    assert result.metrics[0].windows["HU"].rmse_hu == pytest.approx(3)
    assert not any(row.name.startswith("lung") for row in result.invariants)
    air = replace(phantom, stored=np.zeros_like(phantom.stored), padding=None)
    gaps = evaluate(air, apply_perturbations(air, [Offset(2)], Budget(3)).scan, [], config).gaps
    assert any(gap.startswith("body: found no body") for gap in gaps)
    assert any("homogeneous" in gap for gap in gaps)


def test_a_nodule_that_is_gone_is_told() -> None:
    scan = chest((24, 96, 96), (5.0, 3.8, 3.8), seed=4)
    z, y, x = (
        (i - c) * s
        for i, c, s in zip(
            np.indices(scan.shape), scan.geometry.to_voxel(NODULE_LPS), scan.spacing, strict=True
        )
    )
    gone = np.where(z**2 + y**2 + x**2 < 12**2, np.int16(-860 + 1024), scan.stored)
    budget = Budget(10)
    found = diagnose(scan, scan.with_stored(gone), budget=budget, seed=0, nodules=(NODULE_LPS,))
    figure = next(row for row in found.invariants if row.name.startswith("nodule volume"))
    assert figure.original is not None
    assert (figure.protected, figure.within) == (None, None)
    assert any(f"{figure.name} in the protected scan" in gap for gap in found.gaps)
