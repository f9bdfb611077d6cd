"""A small archive: three patients, something beside the scans, and settings that are quick."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import plan_archive
from mitsgan.archive.settings import PlanSettings
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

QUICK = '[protect]\nprotector = "noise"\nmax_hu = 5\n'
"""The quickest protector: it needs no network."""


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small series of different patients; not to be changed."""
    root = tmp_path_factory.mktemp("archive") / "in"
    for number in range(3):
        scan = chest((8 + 2 * number, 32, 32), (24.0, 11.2, 11.2), seed=40 + number)
        phantom_series(scan, root / f"p{number}" / "study" / "ct")
    (root / "p0" / "readme.txt").write_text("a note\n")
    return root


@pytest.fixture
def root(studies: Path, tmp_path: Path) -> Path:
    """A copy of the studies that a test may change."""
    return Path(shutil.copytree(studies, tmp_path / "in"))


@pytest.fixture
def how(tmp_path: Path) -> Path:
    """Quick settings."""
    path = tmp_path / "how.toml"
    path.write_text(QUICK)
    return path


def planned(root: Path, folder: Path, how: Path | None) -> Path:
    """A ledger of what lies below a root, in which nothing is done yet; outputs go to ``out``."""
    ledger = folder / "l.db"
    plan_archive(PlanSettings(source=root, ledger=ledger, output=folder / "out", settings=how))
    return ledger


@pytest.fixture
def ledger(studies: Path, how: Path, tmp_path: Path) -> Path:
    """A ledger of the studies, in which nothing is done yet."""
    return planned(studies, tmp_path, how)


@pytest.fixture
def begun(ledger: Path) -> Callable[[], bool]:
    """Tells whether a series of the ledger was begun."""

    def is_begun() -> bool:
        with closing(Ledger(ledger)) as book:
            return any(task.attempts for task in book.tasks())

    return is_begun
