"""Scans of a benchmark: nodules are planted where attacked places lie apart."""

from __future__ import annotations

import pytest

from mitsgan.errors import PositionError
from mitsgan.evaluate.benchmark.config import BenchmarkScan, PhantomEntry
from mitsgan.jobs.benchmark_scans import load_subject


def test_as_many_nodules_are_planted_as_asked_for_or_none() -> None:
    phantom = PhantomEntry((40, 96, 96), (5.0, 3.8, 3.8), 3)
    subject = load_subject(BenchmarkScan("chest", "unseen", phantom=phantom, planted=2), 0)
    assert len(subject.places) == 2
    crowded = BenchmarkScan("chest", "unseen", phantom=phantom, planted=60)
    with pytest.raises(PositionError, match="of 60 nodules can be planted 45 mm apart"):
        load_subject(crowded, 0)
