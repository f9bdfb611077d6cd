"""The signs: balanced, reproducible, different for every key, series and position."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from mitsgan.errors import IdentityError
from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.mark.embed import Mark
from mitsgan.mark.keys import Key
from mitsgan.mark.pattern import (
    VERSIONS,
    Pattern,
    end_variant,
    series_identity,
    series_key,
    slice_positions,
    slice_signs,
)
from mitsgan.mark.windows import BLOCK
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Geometry, Scan

KEY = Key(bytes(range(32)))
SHAPE = (96, 131)


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation in standard deviations of chance."""
    return float((a.astype(int) * b).sum() / np.sqrt(a.size))


def test_known_signs() -> None:
    """Held for good: a change would make every mark that was ever made unreadable."""
    signs = slice_signs(series_key(KEY, "series", "mark 2"), -54321, (4, 15))
    assert signs.tolist() == [
        [1, -1, -1, 1, 1, -1, -1, -1],
        [1, 1, 1, 1, 1, 1, -1, -1],
    ]


def test_signs_are_balanced_and_nothing_else_repeats_them() -> None:
    series = series_key(KEY, "series")
    here = slice_signs(series, 1000, SHAPE)
    assert set(np.unique(here)) == {-1, 1}
    assert abs(here.astype(int).sum()) < 5 * np.sqrt(here.size)
    np.testing.assert_array_equal(here, slice_signs(series, 1000, SHAPE))
    others = [
        slice_signs(series, 1001, SHAPE),
        slice_signs(series, -1000, SHAPE),
        slice_signs(series, 1000, SHAPE, 1),
        slice_signs(series_key(KEY, "another"), 1000, SHAPE),
        slice_signs(series_key(Key(bytes(32)), "series"), 1000, SHAPE),
        here[::-1],
        here[:, ::-1],
    ]
    for other in others:
        assert abs(_agreement(here, other)) < 5


def _voxels(scan: Scan, version: int, start: int = 0, stop: int | None = None) -> np.ndarray:
    """What the mark adds to a scan, by sign."""
    budget = Budget(50)
    mark = Mark(KEY, "x", version=version)
    return np.sign(mark.perturbation(scan, start, stop or scan.shape[0], budget))


@pytest.mark.parametrize("version", VERSIONS)
def test_signs_alternate_within_a_unit(small_chest: Scan, version: int) -> None:
    odd = replace(small_chest, stored=np.ascontiguousarray(small_chest.stored[:, :-1, :-3]))
    for scan in (small_chest, odd):
        voxels = _voxels(scan, version)
        assert voxels.shape == scan.shape
        rows, columns = (n // 2 * 2 for n in scan.shape[1:])
        np.testing.assert_array_equal(voxels[:, :rows:2], -voxels[:, 1:rows:2])
        np.testing.assert_array_equal(voxels[:, :, :columns:2], -voxels[:, :, 1:columns:2])


def test_positions_hold_when_slices_are_taken_away() -> None:
    for spacing in (0.625, 1.25, 2.5, 0.7, 3.0):
        whole = Geometry((spacing, 1, 1), (0, 0, -125.625))
        rest = Geometry((spacing, 1, 1), whole.to_world((7, 0, 0)))
        assert slice_positions(whole, range(7, 60)) == slice_positions(rest, range(53))
        assert len(set(slice_positions(whole, range(300)))) == 300


def test_positions_that_no_scan_has_are_refused() -> None:
    with pytest.raises(IdentityError, match="repair the header"):
        slice_positions(Geometry((1, 1, 1), (0, 0, 1e20)), range(3))


def test_the_ends_have_signs_of_their_own(small_chest: Scan) -> None:
    voxels = _voxels(small_chest, 2)
    positions = slice_positions(small_chest.geometry, range(small_chest.shape[0]))
    series = series_key(KEY, "x", "mark 2")
    rows_columns = small_chest.shape[1:]
    np.testing.assert_array_equal(
        voxels[5, ::2, ::2], slice_signs(series, positions[5], rows_columns)
    )
    assert abs(_agreement(voxels[0, ::2, ::2], slice_signs(series, positions[0], rows_columns))) < 5
    for version in VERSIONS:
        whole = _voxels(small_chest, version)
        np.testing.assert_array_equal(whole[3:7], _voxels(small_chest, version, 3, 7))


def test_the_newest_pattern_turns_signs_by_what_is_shown(small_chest: Scan) -> None:
    pattern = Pattern.of(KEY, "x", small_chest)
    blocks = tuple(-(-n // BLOCK) for n in small_chest.shape[1:])
    position, variant = 1000, end_variant(3, small_chest.shape[0])
    lung, water = (
        pattern.drawn_for(np.full(blocks, hu, np.float32), position, variant) for hu in (-850, 0)
    )
    again = pattern.drawn_for(np.full(blocks, -850, np.float32), position, variant)
    np.testing.assert_array_equal(lung, again)
    assert abs(_agreement(lung[::2, ::2], water[::2, ::2])) < 5
    without = pattern.factors(position, variant)
    assert abs(_agreement(lung[::2, ::2], without)) < 5


def test_the_identity_of_a_series_is_what_its_derivations_keep(
    small_chest: Scan, tmp_path: Path
) -> None:
    phantom_series(small_chest, tmp_path / "a")
    scan = read_scan(tmp_path / "a")
    header = dcmread(next((tmp_path / "a").rglob("*.dcm")), stop_before_pixels=True)
    assert series_identity(scan) == (
        f"dicom|{header.StudyInstanceUID}|{header.FrameOfReferenceUID}|{header.SeriesNumber}"
    )
    for file in (tmp_path / "a").rglob("*.dcm"):
        changed = dcmread(file)
        changed.StudyInstanceUID = ""
        changed.save_as(file)
    with pytest.raises(IdentityError, match="Study Instance UID"):
        series_identity(read_scan(tmp_path / "a"))


def test_a_part_of_a_series_has_the_identity_of_the_whole(
    small_chest: Scan, tmp_path: Path
) -> None:
    """LIDC-IDRI-0001 has a frame of reference for each slice."""
    folder = tmp_path / "a"
    phantom_series(small_chest, folder)
    files = sorted(folder.rglob("*.dcm"))
    usual = series_identity(read_scan(folder))
    for k, file in enumerate(files):
        ds = dcmread(file)
        ds.FrameOfReferenceUID, ds.SeriesNumber = f"1.2.3.{k}", k
        ds.save_as(file)
        if k == 0:  # one that was changed does not hide the mark of all others
            assert series_identity(read_scan(folder)) == usual
    whole = series_identity(read_scan(folder))
    assert whole == f"dicom|{ds.StudyInstanceUID}||"
    for file in (files[0], files[-1]):
        file.unlink()
        assert series_identity(read_scan(folder)) == whole


def test_the_grid_is_the_identity_of_an_image(small_chest: Scan) -> None:
    cut = small_chest.with_slices(small_chest.stored[4:], 4, small_chest.shape[0])
    assert series_identity(small_chest) == series_identity(cut)
