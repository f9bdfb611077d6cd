"""Candidates in memory and of a scan on disk; the committed results are still read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from tests.training.data.test_annotations import reading

import mitsgan as mg
from mitsgan.anatomy import candidates as finder
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.candidates.candidates import list_candidates
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.jobs.candidates.result import CandidatesResult
from mitsgan.jobs.candidates.settings import LIMIT, CandidatesFile
from mitsgan.phantom.chest import chest
from mitsgan.scan.canonical import grid_in_file

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_what_others_say_too_is_the_same() -> None:
    assert LIMIT == finder.LIMIT


@pytest.mark.slow
def test_places_in_memory_are_those_of_the_file(phantom: mg.Scan, series: Path) -> None:
    places = mg.candidates(phantom, limit=5)
    assert len(places) == 5
    for place in places:
        assert phantom.geometry.to_voxel(place.lps_mm) == place.voxel
    result = list_candidates(CandidatesFile(scan=series, limit=5))
    assert [place.voxel for place in result.candidates] == [place.voxel for place in places]
    assert CandidatesResult.from_json(result.to_json()) == result
    with pytest.raises(mg.SettingsError, match="`limit` must be 1 or more"):
        mg.candidates(phantom, limit=0)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"readers": 0}, {"recall": -1}, {"seed": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(mg.SettingsError, match=f"`{name}` must be"):
        CandidatesFile(scan=Path("a"), **wrong)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("candidates-*.json")), ids=lambda p: p.stem)
def test_committed_results_are_read(path: Path) -> None:
    assert CandidatesResult.read(path).candidates


def test_a_folder_of_findings_is_told_to_be_named_file_by_file(
    phantom: mg.Scan, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "none.dcm"):
        with pytest.raises(mg.DataError, match="or DICOM reports and segmentations one by one"):
            nodules_of(phantom, [path], 3)


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """A chest in an image whose rows and columns run to the front and to the right."""
    scan = chest((12, 72, 72), (8.0, 3.8, 3.8), seed=3)
    axes = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
    hu = scan.hu()[:, ::-1, ::-1].astype(np.int16)
    path = tmp_path / "turned.nii.gz"
    mg.write(mg.Scan.from_hu(hu, scan.spacing, axes=axes), path)
    return path


def test_a_voxel_in_a_list_is_that_of_the_file(turned: Path, tmp_path: Path) -> None:
    scan, listed = mg.read(turned), tmp_path / "list.json"
    shape, geometry = grid_in_file(scan)
    assert geometry.axes[1][1] == -1
    listed.write_text('[{"voxel": [3, 10, 20.5], "diameter_mm": 9}]')
    (nodule,) = nodules_of(scan, [listed], 3)
    np.testing.assert_array_equal(nodule.voxel, (3, shape[1] - 11, shape[2] - 21.5))
    there = scan.geometry.to_world(nodule.voxel)
    assert there == pytest.approx(geometry.to_world((3, 10, 20.5)), abs=1e-3)


@pytest.mark.slow
def test_voxels_are_told_as_the_file_has_them(turned: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    listed.write_text('[{"voxel": [6, 30, 20], "diameter_mm": 9}]')
    result = list_candidates(CandidatesFile(scan=turned, limit=3, nodules=(listed,), recall=1))
    _, geometry = grid_in_file(mg.read(turned))
    assert result.candidates
    for row in result.candidates:
        assert geometry.to_world(row.voxel) == pytest.approx(row.lps_mm, abs=1e-3)
    assert [hit.voxel for hit in result.known] == [(6, 30, 20)]


def test_the_contours_of_a_patient_who_lay_prone_count_his_pixels(tmp_path: Path) -> None:
    folder, readers = tmp_path / "1.2.3", tmp_path / "readers.xml"
    phantom_series(chest((24, 64, 64), (2.5, 5.6, 5.6)), folder)
    for path in folder.iterdir():
        header = dcmread(path)
        header.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        header.save_as(path)
    x, y, _ = (float(value) for value in header.ImagePositionPatient)
    scan = mg.read(folder)
    middle = scan.geometry.to_world((12, 0, 0))[2]
    readers.write_text(reading((1, 20, 30, middle, 2)))
    (nodule,) = nodules_of(scan, [readers], 1)
    expected = (x - 20 * 5.6, y - 30 * 5.6, middle)
    assert scan.geometry.to_world(nodule.voxel) == pytest.approx(expected, abs=0.01)
