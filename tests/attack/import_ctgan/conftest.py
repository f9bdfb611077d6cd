"""Models as Keras wrote them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "data"
LAYOUTS = ("keras2", "keras3")


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(layout: str, tmp_path: Path) -> Path:
    """What `model.save` of that Keras wrote, byte for byte (tools/keras_fixture.py)."""
    path = tmp_path / "G_model.h5"
    path.write_bytes(gzip.decompress((FIXTURES / f"{layout}.h5.gz").read_bytes()))
    return path
