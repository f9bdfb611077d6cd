"""Candidates in memory and of a scan on disk; the committed results are still read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mitsgan as mg
from mitsgan.anatomy import candidates as finder
from mitsgan.jobs.candidates.candidates import list_candidates
from mitsgan.jobs.candidates.nodules import nodules_of
from mitsgan.jobs.candidates.result import CandidatesResult
from mitsgan.jobs.candidates.settings import LIMIT, CandidatesFile

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
