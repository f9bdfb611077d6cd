"""Cutting cubes from Python: a typed result with what became of each scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitsgan.errors import OutputError, ScanError
from mitsgan.jobs.data.cubes import cut_cubes
from mitsgan.jobs.data.result import CubesResult
from mitsgan.jobs.data.settings import CubesFile
from mitsgan.training.data.cube_file import read_cubes


def test_the_result_tells_what_the_file_holds(series: Path, tmp_path: Path) -> None:
    settings = CubesFile(
        scans=(series,), output=tmp_path / "a.npz", count=4, thicknesses=(8.0,), seed=2
    )
    notes: list[str] = []

    def watch(phase: str, done: int, total: int, note: str = "") -> None:
        notes.append(phase)

    result = cut_cubes(settings, progress=watch)
    assert CubesResult.from_json(result.to_json()) == result
    assert (result.cubes, result.patients, result.seed) == (4, 1, 2)
    assert sum(result.kinds.values()) == 4
    (scan,) = result.scans
    assert (scan.name, scan.cubes, scan.listed, scan.note) == ("chest", 4, 0, "")
    assert len(read_cubes(tmp_path / "a.npz").cubes) == 4
    assert list(dict.fromkeys(notes)) == [
        f"reading {series}",
        "cutting 4 cubes of chest",
        f"writing {tmp_path / 'a.npz'}",
    ]
    with pytest.raises(OutputError, match="name another file, or give `overwrite`"):
        cut_cubes(settings)


def test_a_scan_that_is_not_there_is_told_first(tmp_path: Path) -> None:
    settings = CubesFile(scans=(tmp_path / "none",), output=tmp_path / "a.npz")
    with pytest.raises(ScanError, match="none does not exist"):
        cut_cubes(settings)
