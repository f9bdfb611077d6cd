"""What an evaluation says beforehand that it will take."""

from __future__ import annotations

import pytest

from mitsgan.jobs.evaluate.estimate import estimate_in_words, estimated_seconds
from mitsgan.jobs.evaluate.settings import EvaluateSettings

LIDC_VOXELS = 133 * 512 * 512


def test_the_scan_it_was_measured_on_takes_what_it_took() -> None:
    """115 s of one core by default; less than two minutes on two."""
    assert estimated_seconds(EvaluateSettings(), LIDC_VOXELS) == pytest.approx(115, rel=0.1)
    assert estimate_in_words(EvaluateSettings(), LIDC_VOXELS).endswith("about 2 min of one core")


def test_only_what_is_asked_for_counts() -> None:
    bare = EvaluateSettings(diagnostics=False, positions=2)
    assert estimate_in_words(bare, 100_000) == "this takes about 10 s of one core"
    assert estimated_seconds(EvaluateSettings(attack=False), LIDC_VOXELS) < 90
    known = EvaluateSettings(positions=48, pgd_steps=40)
    assert (
        estimated_seconds(known, LIDC_VOXELS)
        > 4 * estimated_seconds(EvaluateSettings(positions=48), LIDC_VOXELS) / 2
    )
