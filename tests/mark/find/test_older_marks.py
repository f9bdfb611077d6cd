"""A mark that mitsgan made while its pattern had version 2, kept as a file, is still read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mitsgan.mark import Key, Verdict
from mitsgan.mark.find.detect import detect
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

KEY, NAME = Key(bytes(range(32))), "series"
MARKED = Path(__file__).parents[1] / "data" / "mark-version-2.npz"
"""`stored` of a phantom, marked with 20 HU: ``chest((24, 112, 112), (3, 2, 2), seed=11)``."""


@pytest.fixture
def marked() -> Scan:
    grid = chest((24, 112, 112), (3.0, 2.0, 2.0), seed=11)
    return grid.with_stored(np.load(MARKED)["stored"])


def test_an_older_mark_is_read(marked: Scan) -> None:
    detection = detect(marked, KEY, NAME)
    assert (detection.verdict, detection.version) == (Verdict.INTACT, 2)
    assert detection.score > 100


def test_what_was_repainted_in_it_is_found(marked: Scan) -> None:
    stored = marked.stored.copy()
    stored[6:18, 50:72, 24:46] = -850 - marked.intercept[0]
    detection = detect(marked.with_stored(stored), KEY, NAME)
    assert (detection.verdict, detection.version) == (Verdict.TAMPERED, 2)
    assert detection.mask()[8:16, 53:69, 27:43].mean() > 0.5


def test_another_key_reads_nothing(marked: Scan) -> None:
    assert detect(marked, Key(bytes(32)), NAME).version is None
