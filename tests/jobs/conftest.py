"""A small chest, in memory and as a DICOM series."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module", autouse=True)
def quick(few_samples: None) -> None:
    """How well a scan is measured is tested elsewhere."""


@pytest.fixture(scope="session")
def phantom() -> Scan:
    """24 x 96 x 96, the whole chest."""
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3)


@pytest.fixture(scope="session")
def series(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom as a DICOM series of 24 files; tests do not change it."""
    folder = tmp_path_factory.mktemp("source") / "chest"
    phantom_series(phantom, folder)
    return folder
