"""The floor of coverage never sinks, whatever a commit says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import coverage_floor
import pytest

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits: a floor of 80, one of 85, and none of the floor's business."""
    git(tmp_path, "init", "-q")
    for value, other in ((80.0, ""), (85.0, ""), (85.0, "# more\n")):
        text = f"{other}[tool.coverage.report]\nfail_under = {value} # may only rise\n"
        (tmp_path / "pyproject.toml").write_text(text)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-qm", "a commit")
    return tmp_path


def test_the_highest_floor_of_all_commits_counts(repository: Path) -> None:
    assert coverage_floor.highest_before(repository) == 85.0
    (repository / "pyproject.toml").write_text("[tool.coverage.report]\nfail_under = 70\n")
    git(repository, "commit", "-qam", "sink")
    assert coverage_floor.highest_before(repository) == 85.0


def test_what_is_wrong_is_told() -> None:
    assert coverage_floor.complaints(85.0, 85.0, 91.0) == []
    (sunk,) = coverage_floor.complaints(84.0, 85.0, 91.0)
    assert "sank from 85 to 84 %" in sunk
    (low,) = coverage_floor.complaints(85.0, 80.0, 84.99)
    assert "cover 84.99 %" in low


def test_the_total_is_read_from_the_report() -> None:
    report = """Name                 Stmts   Miss Branch BrPart   Cover
-----------------------------------------------------
src/mitsgan/a.py        40      2     10      1  94.00%
-----------------------------------------------------
TOTAL                29514    561   7460    392  97.01%

408 files skipped due to complete coverage.
"""
    assert coverage_floor.total(report) == 97.01


def test_this_repository_has_a_floor() -> None:
    assert coverage_floor.floor((ROOT / "pyproject.toml").read_text()) >= 80
    assert coverage_floor.floor("") == 0
