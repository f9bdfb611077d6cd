"""Metrics over regions and windows: against direct statements and torchmetrics."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from mitsgan.anatomy.lung import find_lung
from mitsgan.errors import ScanError
from mitsgan.evaluate.attacks.slices import untouched_slices
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.metrics.fidelity import fidelity
from mitsgan.evaluate.metrics.lpips import SMALLEST, Lpips
from mitsgan.evaluate.metrics.metrics import LPIPS_SLICES, Metrics, compare_scans, compare_slices
from mitsgan.evaluate.metrics.regions import (
    WHOLE,
    RegionOfInterest,
    attacked_square,
    body_region,
    lung_region,
)
from mitsgan.evaluate.metrics.ssim import Array, ssim_map
from mitsgan.evaluate.metrics.windows import HU, WINDOWS, GreyWindow
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import RandomSign
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def protected(small_chest: Scan) -> Scan:
    return apply_perturbations(small_chest, [RandomSign(6.0)], Budget(10)).scan


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: w.name)
def test_ssim_is_that_of_torchmetrics(
    small_chest: Scan, protected: Scan, window: GreyWindow
) -> None:
    a, b = small_chest.hu(10, 13), protected.hu(10, 13)
    black = window.low if window.clips else 0.0
    x, y = (torch.from_numpy(window.clip(v) - black)[:, None].double() for v in (a, b))
    theirs = structural_similarity_index_measure(
        x, y, data_range=window.data_range, reduction="none", return_full_image=True
    )
    ours = ssim_map(a, b, window)
    np.testing.assert_allclose(ours, theirs[1][:, 0].numpy(), atol=1e-6)
    mean = ours.astype(float).mean((1, 2))
    np.testing.assert_allclose(mean, theirs[0].numpy(), atol=1e-6)
    assert mean.min() < 0.9999


def test_every_region_and_window_against_a_direct_statement(
    small_chest: Scan, protected: Scan
) -> None:
    regions = [WHOLE, body_region(small_chest), lung_region(find_lung(small_chest))]
    rows = compare_scans(small_chest, protected, regions)
    assert [row.region for row in rows] == ["whole scan", "body", "lung"]
    a, b = small_chest.hu(), protected.hu()
    for region, row in zip(regions, rows, strict=True):
        mask = region.mask(small_chest, 0, small_chest.shape[0])
        assert row.voxels == mask.sum() > 1000
        for window in WINDOWS:
            x, y = (
                (v.clip(window.low, window.high) if window.clips else v)[mask].astype(float)
                for v in (a, b)
            )
            window_figures = row.windows[window.name]
            assert window_figures.rmse_hu == pytest.approx(np.sqrt(((x - y) ** 2).mean()))
            assert window_figures.mae_hu == pytest.approx(np.abs(x - y).mean())
            assert window_figures.largest_hu == np.abs(x - y).max()
            p, t = torch.from_numpy(x), torch.from_numpy(y)
            theirs = peak_signal_noise_ratio(p, t, data_range=window.data_range)
            assert window_figures.psnr_db == pytest.approx(float(theirs), abs=1e-4)
            if region is not WHOLE:
                assert window_figures.ssim == pytest.approx(
                    ssim_map(a, b, window)[mask].mean(), abs=1e-5
                )
            assert window_figures.lpips is None
    lung, body = rows[2].windows, rows[1].windows
    grey = (lung["mediastinal"].rmse_hu, body["mediastinal"].rmse_hu)
    assert grey[0] is not None
    assert grey[1] is not None
    assert grey[0] < grey[1], "lung is black there"


def test_the_whole_scan_in_hu_is_the_fidelity(small_chest: Scan, protected: Scan) -> None:
    (row,) = compare_scans(small_chest, protected, [WHOLE])
    close, window_figures = fidelity(small_chest, protected), row.windows["HU"]
    assert window_figures.rmse_hu == pytest.approx(close.rmse_hu)
    assert window_figures.largest_hu == close.largest_hu
    assert window_figures.psnr_db == pytest.approx(close.psnr_db)
    assert window_figures.ssim == close.ssim


def test_the_same_scan_is_the_same(small_chest: Scan) -> None:
    (row,) = compare_scans(small_chest, small_chest, [WHOLE], windows=[HU])
    window_figures = row.windows["HU"]
    assert (window_figures.rmse_hu, window_figures.psnr_db) == (0.0, math.inf)
    assert window_figures.ssim == pytest.approx(1)


def test_an_empty_region_has_no_values(small_chest: Scan, protected: Scan) -> None:
    nowhere = RegionOfInterest("nowhere", np.zeros((1, 1, 1), bool), small_chest.shape)
    (row,) = compare_scans(small_chest, protected, [nowhere])
    assert row.voxels == 0
    assert row.windows["HU"] == Metrics()


def test_slices_and_squares_of_attacks(small_chest: Scan, protected: Scan) -> None:
    position = (16, 32, 20)
    pairs = untouched_slices(small_chest, protected, [position])
    slices, squares = compare_slices("protected", pairs)
    rows, columns = attacked_square(small_chest, position)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (6, 6)  # 32 mm of 5.6 mm
    assert rows.start <= 32 < rows.stop
    assert columns.start <= 20 < columns.stop
    moved = (protected.hu() - small_chest.hu())[16][rows, columns]
    assert squares.voxels == 36
    rmse_hu = squares.windows["HU"].rmse_hu
    assert rmse_hu == pytest.approx(np.sqrt(np.square(moved, dtype=float).mean()))
    assert slices.voxels == (~small_chest.is_padding(16, 17)).sum()


class Counted(Lpips):
    """In place of a network: the mean difference, HU, so that it is known what was looked at."""

    def __init__(self) -> None:
        self.slices = 0

    def maps(self, a: Array, b: Array, window: GreyWindow) -> tuple[Array, Array]:
        apart = np.abs(b - a)
        self.slices += len(a)
        return apart.mean((1, 2)), apart


def test_lpips_looks_at_slices_spread_over_the_scan(small_chest: Scan, protected: Scan) -> None:
    lpips, body = Counted(), body_region(small_chest)
    for count in (8, 24, 32):
        a, b = (s.with_slices(s.stored[:count], 0, count) for s in (small_chest, protected))
        lpips.slices = 0
        compare_scans(a, b, [WHOLE], lpips, windows=[HU])
        assert lpips.slices == min(count, LPIPS_SLICES)
    whole, inside = compare_scans(small_chest, protected, [WHOLE, body], lpips, windows=[HU])
    step = 32 / LPIPS_SLICES
    picked = [int(step / 2 + step * i) for i in range(LPIPS_SLICES)]
    apart = np.abs(protected.hu() - small_chest.hu())[picked]
    assert whole.windows["HU"].lpips == pytest.approx(apart.mean(dtype=float))
    expected = apart[body.mask(small_chest, 0, 32)[picked]].mean(dtype=float)
    assert inside.windows["HU"].lpips == pytest.approx(expected)


def test_lpips_of_slices_and_of_squares_that_are_large_enough() -> None:
    a = np.zeros((2, 60, 60), np.float32)
    b = a + np.arange(60, dtype=np.float32)
    large, small = (slice(0, 40), slice(20, 60)), (slice(0, 8), slice(0, 8))
    pairs = [(a[i], b[i], a[i] == 0, box) for i, box in enumerate((large, small))]
    slices, squares = compare_slices("protected", pairs, Counted(), windows=[HU])
    assert slices.windows["HU"].lpips == pytest.approx(29.5)
    assert squares.windows["HU"].lpips == pytest.approx(39.5), "the small one has none"


def test_lpips_is_a_gap_where_slices_are_too_small(small_chest: Scan) -> None:
    small = replace(small_chest, stored=small_chest.stored[:, :, : SMALLEST - 1].copy())
    changed = apply_perturbations(small, [RandomSign(6.0)], Budget(10)).scan
    lpips = Counted()
    told = evaluate(small, changed, [], EvaluationSettings(), lpips=lpips, gaps=("another",))
    assert lpips.slices == 0
    assert told.lpips is None
    assert all(m.lpips is None for row in told.metrics for m in row.windows.values())
    assert told.gaps[-2:] == (
        "another",
        f"LPIPS: it needs slices of {SMALLEST} x {SMALLEST} pixels or more",
    )
    assert [row.region for row in compare_scans(small, changed, [WHOLE], lpips)] == ["whole scan"]
    pairs = [(small.hu()[0], changed.hu()[0], small.hu()[0] == 0, (slice(0, 8), slice(0, 8)))]
    rows = compare_slices("protected", pairs, lpips, windows=[HU])
    assert all(row.windows["HU"].lpips is None for row in rows)


def test_windows_are_those_of_radiologists() -> None:
    centred = {w.name: ((w.low + w.high) / 2, w.data_range) for w in WINDOWS if w.clips}
    assert centred == {"lung": (-600, 1500), "mediastinal": (40, 400), "bone": (400, 1800)}


def test_the_body_is_without_table_and_air(small_chest: Scan) -> None:
    body = body_region(small_chest).mask(small_chest, 0, 32)
    lung = lung_region(find_lung(small_chest)).mask(small_chest, 0, 32)
    assert (lung & ~body).sum() < 0.02 * lung.sum()
    assert 0.1 < body.mean() < 0.6
    assert not body[:, [0, -1]].any()
    air = replace(small_chest, stored=np.zeros_like(small_chest.stored))
    with pytest.raises(ScanError, match="no body"):
        body_region(air)


def test_a_coarse_mask_is_read_at_the_nearest_voxel(small_chest: Scan) -> None:
    coarse = np.zeros((11, 22, 22), bool)
    coarse[5, 10, 10] = True
    mask = RegionOfInterest("one", coarse, (3, 3, 3)).mask(small_chest, 0, 32)
    assert sorted({z for z, _, _ in np.argwhere(mask)}) == [14, 15, 16]
    np.testing.assert_array_equal(
        RegionOfInterest("one", coarse, (3, 3, 3)).mask(small_chest, 15, 17), mask[15:17]
    )
