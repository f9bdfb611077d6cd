"""Scans on disk whose values have to be told: of the protected one they are as of the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import mitsgan as mg
from mitsgan.jobs.evaluate.evaluation import evaluate_files
from mitsgan.jobs.evaluate.settings import EvaluateFiles
from mitsgan.scan.scan import Scan


@pytest.mark.parametrize("name", ["same.nii", "other.mha"])
def test_what_values_mean_holds_for_both_scans(
    small_chest: Scan, tmp_path: Path, name: str
) -> None:
    values = (small_chest.hu() + 1024).astype(np.int16).transpose(2, 1, 0)
    original, protected = tmp_path / "lost.nii", tmp_path / name
    x, y, z = small_chest.spacing[::-1]
    image: Any = nib.Nifti1Image  # without types
    nib.save(image(values, np.diag([-x, -y, z, 1])), original)
    scan = mg.read(original, hu_offset=-1024)
    mg.write(mg.protect(scan, protector="noise", max_hu=10), protected)
    settings = EvaluateFiles(
        original=original, protected=protected, hu_offset=-1024, attack=False, diagnostics=False
    )
    assert 0 < evaluate_files(settings).fidelity.largest_hu <= 10
