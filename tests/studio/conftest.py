"""A small studio on a synthetic chest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.studio.client import Client

import mitsgan as mg
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.studio.server import running
from mitsgan.studio.settings import StudioSettings

SHAPE, SPACING = (24, 96, 96), (8.0, 3.8, 3.8)


@pytest.fixture(scope="session")
def scan() -> Scan:
    return chest(SHAPE, SPACING)


@pytest.fixture
def folder(scan: Scan, tmp_path: Path) -> Path:
    """A folder with a scan, a scan that is 7 HU away from it, and one place to save in."""
    moved = scan.hu().astype(np.int16)
    moved[10:14, 40:50, 30:40] += 7
    for name, hu in (("chest", scan.hu().astype(np.int16)), ("protected", moved)):
        image = Scan.from_hu(hu, SPACING, origin_mm=scan.geometry.origin)
        mg.write(image, tmp_path / f"{name}.nrrd")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    """A studio with both open."""
    settings = StudioSettings(
        scan=folder / "chest.nrrd",
        protected=folder / "protected.nrrd",
        folders=(folder,),
        output=folder / "out",
    )
    with running(settings) as studio:
        yield Client(studio)
