"""Trainings attack few positions of a scan and draw few, when they are done."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from mitsgan.jobs.train import validation
from mitsgan.training.pictures import sample_sheet


@pytest.fixture(scope="module", autouse=True)
def few_positions() -> Iterator[None]:
    """How many are usual is tested where they are drawn and attacked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(inspect.unwrap(sample_sheet).__kwdefaults__, "rows", 1)
        patch.setattr(validation, "POSITIONS", 4)
        yield
