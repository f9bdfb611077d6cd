"""What trainings read: a run that goes on is told whether it is still the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mitsgan.jobs.train.inputs import made_of
from mitsgan.jobs.train.settings import ClassifierTraining, DetectorTraining
from mitsgan.scan.scan import Scan


def test_other_voxels_and_other_weights_under_the_same_names_are_told(
    phantom: Scan, tmp_path: Path
) -> None:
    weights = tmp_path / "injector.safetensors"
    weights.write_bytes(b"first")
    scans, output = (tmp_path / "scan.nii.gz",), tmp_path / "out.safetensors"
    settings = DetectorTraining(scans=scans, output=output, attackers=(weights,))
    before = made_of(settings, [phantom])
    assert made_of(settings, [phantom]) == before
    stored = np.array(phantom.stored)
    stored[0, 0, 0] += 1
    assert made_of(settings, [phantom.with_stored(stored)]) != before
    assert made_of(settings, [phantom, phantom]) != before
    assert made_of(ClassifierTraining(scans=scans, output=output), [phantom]) != before
    weights.write_bytes(b"other")
    assert made_of(settings, [phantom]) != before
