"""The synthetic chest has the tissues, texture and geometry of a CT scan, and is valid DICOM."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import NODULE_DIAMETER, NODULE_LPS, PADDING_STORED, chest
from mitsgan.phantom.noise import mottle, scanner_noise, smooth
from mitsgan.phantom.shapes import Point, ellipse, ellipsoid, tube
from mitsgan.phantom.tree import grow
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module")
def nodule_block() -> Scan:
    """40 mm around the nodule at 1 mm."""
    return chest((40, 40, 40), (1.0, 1.0, 1.0), seed=3, centre=NODULE_LPS)


def at(scan: Scan, world: Point, radius: int = 1) -> float:
    """Mean HU in a small box around a point in LPS mm."""
    z, y, x = (round(i) for i in scan.geometry.to_index(world))
    box = scan.hu()[
        z - radius : z + radius + 1, y - radius : y + radius + 1, x - radius : x + radius + 1
    ]
    return float(box.mean())


def test_is_stored_as_a_scanner_stores(small_chest: Scan) -> None:
    assert small_chest.stored.dtype == np.int16
    assert small_chest.shape == (32, 64, 64)
    assert small_chest.spacing == (6.0, 5.6, 5.6)
    assert set(small_chest.slope) == {1.0}
    assert set(small_chest.intercept) == {-1024.0}
    inside = small_chest.hu()[~small_chest.is_padding()]
    assert inside.min() >= -1024
    assert inside.max() <= 3071


def test_padding_is_what_lies_outside_the_circle(small_chest: Scan) -> None:
    padding = small_chest.is_padding()
    assert np.array_equal(padding, small_chest.stored == PADDING_STORED)
    assert (padding == padding[0]).all()
    assert padding.mean() == pytest.approx(1 - np.pi / 4, abs=0.02)


@pytest.mark.parametrize(
    "what, world, low, high",
    [
        ("air outside", (0.0, -150.0, 0.0), -1024, -970),
        ("windpipe", (0.0, 8.0, 80.0), -1024, -950),
        ("heart", (26.0, -26.0, -44.0), 20, 60),
        ("descending aorta", (24.0, 37.0, -40.0), 20, 60),
        ("liver", (-60.0, 0.0, -88.0), 35, 80),
        ("marrow of a vertebra", (0.0, 55.0, 6.0), 140, 300),
        ("spinal canal", (0.0, 76.0, 14.0), 0, 80),
        ("fat over the breastbone", (0.0, -106.0, 0.0), -125, -50),
        ("nodule", NODULE_LPS, 10, 60),
    ],
)
def test_tissue_is_where_the_anatomy_says(what: str, world: Point, low: float, high: float) -> None:
    block = chest((9, 9, 9), (1.0, 1.0, 1.0), seed=0, centre=world)
    assert low < at(block, world) < high, what


def test_lungs_are_light_and_heavier_at_the_back(small_chest: Scan) -> None:
    hu = small_chest.hu()
    y = np.array([small_chest.geometry.to_world((0, j, 0))[1] for j in range(64)])
    lung = (hu > -950) & (hu < -600)
    lung[:, :, 27:37] = False  # the windpipe's edge
    front, back = (
        float(np.median(hu[:, rows][lung[:, rows]])) for rows in (y < -20, (y > 40) & (y < 75))
    )
    assert -900 < front < -840
    assert front + 20 < back < -730


def test_nodule_has_its_size(nodule_block: Scan) -> None:
    hu = nodule_block.hu()
    i = np.indices(hu.shape) - np.reshape(nodule_block.geometry.to_index(NODULE_LPS), (3, 1, 1, 1))
    near = np.sqrt((i**2).sum(axis=0)) < 9
    volume = float(((hu > -400) & near).sum())
    expected = np.pi / 6 * NODULE_DIAMETER**3
    assert volume == pytest.approx(expected, rel=0.06)


def test_parenchyma_has_the_deviation_and_correlation_of_lung(nodule_block: Scan) -> None:
    # The biggest block in the circle that lies beside the nodule; vessels are left out.
    hu = nodule_block.hu()[:, 8:32, 4:13]
    air = hu < -650
    assert 25 < hu[air].std() < 45
    rest = np.where(air, hu - hu[air].mean(), 0)
    step = (rest[:, 1:] * rest[:, :-1]).mean() / (rest**2).mean()
    far = (rest[:, 12:] * rest[:, :-12]).mean() / (rest**2).mean()
    assert step > 0.6
    assert abs(far) < 0.25


def test_the_same_call_gives_the_same_voxels() -> None:
    first, again, other = (chest((6, 32, 32), (9.0, 11.0, 11.0), seed=s) for s in (5, 5, 6))
    assert np.array_equal(first.stored, again.stored)
    assert first.source == again.source
    assert not np.array_equal(first.stored, other.stored)


def test_a_finer_grid_shows_the_same_chest() -> None:
    coarse = chest((16, 32, 32), (12.0, 11.0, 11.0))
    fine = chest((32, 64, 64), (6.0, 5.5, 5.5))
    pooled = fine.hu().reshape(16, 2, 32, 2, 32, 2).mean(axis=(1, 3, 5))
    both = ~coarse.is_padding() & ~fine.is_padding().reshape(16, 2, 32, 2, 32, 2).any(
        axis=(1, 3, 5)
    )
    assert np.median(np.abs(coarse.hu() - pooled)[both]) < 25
    assert np.corrcoef(coarse.hu()[both], pooled[both])[0, 1] > 0.95


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 30.0)] * 3),
)
def test_any_size_and_spacing(
    shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    scan = chest(shape, spacing)
    assert scan.shape == shape
    middle = [(n - 1) / 2 for n in shape]
    assert scan.geometry.to_world(middle) == pytest.approx((0, 0, 0), abs=1e-9)


@pytest.mark.parametrize("shape, spacing", [((0, 8, 8), (1.0, 1.0, 1.0)), ((8, 8, 8), (1.0, 0, 1))])
def test_refuses_a_size_that_is_none(
    shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    with pytest.raises(ScanError, match=r"positive|must be from"):
        chest(shape, spacing)


def test_distances_are_exact_where_they_can_be() -> None:
    x = np.array([0.0, 4.0, 10.0], np.float32)
    zero = np.zeros_like(x)
    rod = tube((0.0, 0.0, 0.0), (6.0, 0.0, 0.0), 2.0)
    assert rod(x, zero, zero).tolist() == [-2.0, -2.0, 2.0]
    ball = ellipsoid((1.0, 0.0, 0.0), (3.0, 3.0, 3.0))
    assert ball(x, zero, zero) == pytest.approx([-2.0, 0.0, 6.0], abs=1e-5)
    assert ellipse(x[1:], zero[1:], 4.0, 2.0) == pytest.approx([0.0, 6.0], abs=1e-5)


def test_noise_has_unit_deviation_and_the_kernels_spectrum() -> None:
    rng = np.random.default_rng(0)
    noise = scanner_noise((8, 128, 128), (2.0, 0.7, 0.7), rng)
    assert noise.std() == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.fft2(noise))[:, :3, :65].mean(axis=(0, 1))
    frequency = np.fft.rfftfreq(128, 0.7)
    peak = frequency[np.argmax(power)]
    assert 0.15 < peak < 0.5
    assert power[1] < 0.5 * power.max()
    assert power[-1] < 0.5 * power.max()
    soft = mottle((32, 32, 32), (1.0, 1.0, 1.0), 3.0, rng)
    neighbour = (soft[:, :, 1:] * soft[:, :, :-1]).mean()
    assert neighbour == pytest.approx(np.exp(-1 / (4 * 3.0**2)), abs=0.02)


def test_smooth_keeps_a_constant_and_spreads_a_point() -> None:
    assert smooth(np.full((3, 4, 5), 7, np.float32), (1.0, 2.0, 3.0), 1.5) == pytest.approx(7)
    point = np.zeros((1, 21, 21), np.float32)
    point[0, 10, 10] = 1
    spread = smooth(point, (2.0, 0.5, 0.5), 0.7)
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    profile = spread[0].sum(axis=0)
    variance = (profile * (0.5 * np.arange(-10, 11)) ** 2).sum()
    assert np.sqrt(variance) == pytest.approx(0.7, rel=0.03)


def test_tree_reaches_every_target_with_tubes_that_taper() -> None:
    rng = np.random.default_rng(2)
    targets = rng.uniform(-30, 30, (57, 3))
    segments = list(grow((0.0, 0.0, 60.0), targets, rng, tip_radius=0.5))
    stops = {segment.stop for segment in segments}
    assert {tuple(t) for t in targets.tolist()} <= stops
    assert len(segments) == 2 * 57 - 1
    by_start = {segment.stop: segment for segment in segments}
    for segment in segments[1:]:
        feeding = by_start[segment.start]
        assert segment.radius <= feeding.radius
    assert segments[0].radius == pytest.approx(0.5 * 57 ** (1 / 2.7))


def test_series_holds_the_scan(small_chest: Scan, tmp_path: Path) -> None:
    files = phantom_series(small_chest, tmp_path / "series")
    assert sorted(p.name for p in (tmp_path / "series").iterdir()) == [p.name for p in files]
    slices = [pydicom.dcmread(file) for file in files]
    heights = [float(s.ImagePositionPatient[2]) for s in slices]
    assert heights == sorted(heights, reverse=True)
    stored = np.stack([s.pixel_array for s in reversed(slices)])
    assert np.array_equal(stored, small_chest.stored)
    last = slices[-1]
    assert [float(v) for v in last.ImagePositionPatient] == pytest.approx(
        small_chest.geometry.origin
    )
    assert (last.RescaleSlope, last.RescaleIntercept) == (1, -1024)
    assert last.PixelPaddingValue == PADDING_STORED
    assert len({s.SOPInstanceUID for s in slices}) == len(slices)
    assert len({s.SeriesInstanceUID for s in slices}) == 1


def test_series_is_the_same_each_time(small_chest: Scan, tmp_path: Path) -> None:
    first, again = (phantom_series(small_chest, tmp_path / name) for name in "ab")
    digests = [[hashlib.sha256(p.read_bytes()).digest() for p in files] for files in (first, again)]
    assert digests[0] == digests[1]


def test_series_of_altered_voxels_is_refused(small_chest: Scan, tmp_path: Path) -> None:
    stored = small_chest.stored.copy()
    stored[16, 32, 32] += 1
    with pytest.raises(ScanError, match="altered"):
        phantom_series(small_chest.with_stored(stored), tmp_path / "series")
    assert list(tmp_path.iterdir()) == []


def test_series_of_another_scan_is_refused(small_chest: Scan, tmp_path: Path) -> None:
    other = Scan(
        small_chest.stored, small_chest.slope, small_chest.intercept, -32768, 32767,
        small_chest.geometry,
    )  # fmt: skip
    with pytest.raises(ScanError, match="only a phantom"):
        phantom_series(other, tmp_path / "series")
    assert list(tmp_path.iterdir()) == []


def test_series_does_not_replace_what_is_there(small_chest: Scan, tmp_path: Path) -> None:
    taken = tmp_path / "series"
    taken.mkdir()
    (taken / "letter.txt").write_text("keep me")
    with pytest.raises(OutputError, match=re.escape(str(taken))):
        phantom_series(small_chest, taken)
    assert [p.name for p in tmp_path.rglob("*")] == ["series", "letter.txt"]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_series_is_valid_dicom(small_chest: Scan, tmp_path: Path) -> None:
    files = phantom_series(small_chest, tmp_path / "series")
    for file in (files[0], files[-1]):
        verdict = subprocess.run(
            ["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False
        )
        said = verdict.stdout + verdict.stderr
        assert "CTImage" in said
        assert "Error" not in said, said
        assert verdict.returncode == 0


@pytest.mark.real_data
def test_looks_like_a_real_chest_by_its_histogram(data: Path) -> None:
    """Shares of air-like, fat-like, soft and bony voxels inside the circle, against a real scan."""
    files = sorted((data / "ct" / "lungdx-a0001").rglob("*.dcm"))
    if not files:
        pytest.skip("lungdx-a0001 is not among the real scans")
    slices = [pydicom.dcmread(file) for file in files[8:56:6]]
    real = np.stack(
        [
            s.pixel_array[::4, ::4] * float(s.RescaleSlope) + float(s.RescaleIntercept)
            for s in slices
        ]
    )
    synthetic = chest((20, 64, 64), (8.0, 5.6, 5.6)).hu()

    def shares(hu: NDArray[np.floating]) -> list[float]:
        inside = hu[hu > -950]
        edges = (-950, -600, -150, -30, 120, 3000)
        return [float(((inside > lo) & (inside <= hi)).mean()) for lo, hi in pairwise(edges)]

    lung, edge, fat, soft, bone = (
        made_share / real_share
        for made_share, real_share in zip(shares(synthetic), shares(real), strict=True)
    )
    assert all(1 / 2.5 < ratio < 2.5 for ratio in (lung, edge, fat, soft, bone))
