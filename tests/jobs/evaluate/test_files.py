"""Scans on disk: what their values mean, and what is written of a nodule that cannot be removed."""

from __future__ import annotations

from dataclasses import replace
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


@pytest.mark.slow
def test_a_nodule_too_near_the_border_is_a_gap_and_ends_no_evaluation(
    phantom: Scan, tmp_path: Path
) -> None:
    """The page was to be drawn of it, minutes after all had been measured."""
    original, page = tmp_path / "chest.nrrd", tmp_path / "worth.html"
    mg.write(phantom, original)
    inside, edge = (phantom.geometry.to_world(voxel) for voxel in ((12, 45, 29), (0, 45, 29)))
    settings = EvaluateFiles(
        original=original,
        protector="noise",
        attackers="narrow",
        positions=1,
        diagnostics=False,
        nodules=(edge,),
        html=page,
        picture=tmp_path / "worth.png",
    )
    evaluation = evaluate_files(settings)
    assert "removal of a known nodule: " in evaluation.gaps[0]
    assert "20 mm core leaves the scan" in page.read_text()
    assert settings.picture is not None
    assert settings.picture.exists()
    also = replace(settings, nodules=(edge, inside), html=None, picture=tmp_path / "both.png")
    assert evaluate_files(also).appearance["remove, at known nodules"].n == 1
