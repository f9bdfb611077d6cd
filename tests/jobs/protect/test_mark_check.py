"""Protecting with a key says at once what the mark will verify as."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mitsgan as mg
from mitsgan.evaluate.metrics.budget_check import check_budget
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.mark_check import check_mark, mark_notes
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.mark import Key, Mark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest

# Not drawn at random: about one key in a hundred raises an alarm, as it should.
KEY = Key(hashlib.sha256(b"a key for tests").digest())


@pytest.fixture(scope="module")
def fine() -> mg.Scan:
    return chest((32, 192, 192), (2.0, 0.8, 0.8), seed=3)


def test_a_usual_series_verifies_and_nothing_is_said(fine: mg.Scan) -> None:
    protected = mg.protect(fine, protector="offset", key=KEY)
    assert protected.detection is not None
    assert protected.detection.verdict == mg.verify(protected, key=KEY).verdict == "intact"
    assert not [note for note in protected.notes if "verif" in note]
    assert mg.protect(fine, protector="offset").detection is None


def test_a_series_that_verifies_as_unknown_is_told_with_what_to_use_instead(
    fine: mg.Scan, tmp_path: Path
) -> None:
    coarse = replace(fine, geometry=replace(fine.geometry, spacing=(5.0, 3.0, 3.0)))
    mg.write(mg.protect(coarse, protector="offset"), tmp_path / "scan.nii.gz")
    KEY.save(tmp_path / "key")
    settings = ProtectFile(
        scan=tmp_path / "scan.nii.gz",
        out=tmp_path / "out.nii.gz",
        protector="offset",
        key=tmp_path / "key",
    )
    result = protect_file(settings)
    verified = mg.verify(settings.out, key=KEY)
    assert result.mark is not None
    assert result.mark.verdict == verified.verdict == "unknown"
    assert result.mark.verified_share_of_body == pytest.approx(
        verified.result.mark.verified_share_of_body if verified.result.mark else None
    )
    (note,) = [note for note in result.notes if "verif" in note]
    assert note.startswith("by its mark this series will verify as unknown, touched or not (")
    assert "`sign`" in note


def test_a_false_alarm_is_told(fine: mg.Scan) -> None:
    mark = Mark(KEY, "name")
    marked = apply_perturbations(fine, [mark], Budget(10.0)).scan
    assert list(mark_notes(check_mark(marked, mark, lambda done, total, note="": None))) == []
    stored = marked.stored.copy()
    stored[10:20, 60:90, 60:90] = fine.stored[10:20, 60:90, 60:90]
    wrong = marked.with_stored(np.ascontiguousarray(stored))
    (note,) = mark_notes(check_mark(wrong, mark, lambda done, total, note="": None))
    assert note.startswith("by its mark this series verifies as tampered, though nobody touched it")


def test_a_budget_that_follows_the_noise_leaves_the_mark_its_room(fine: mg.Scan) -> None:
    protected = mg.protect(fine, protector="noise", max_hu=30, noise_fraction=0.25, key=KEY)
    assert mg.verify(protected, key=KEY).verdict == "intact"
    assert protected.budget == Budget(30, 0.25, 4.5)
    assert check_budget(fine, protected.scan, protected.budget).kept
    assert not check_budget(fine, protected.scan, Budget(30, 0.25)).kept
    assert "noise_fraction=0.25 least_hu=4.5 " in protected.derivation.code


@pytest.mark.slow
@pytest.mark.parametrize("noise_fraction", [0.5, 0.25])
def test_no_real_scan_is_accused_within_its_noise(data: Path, noise_fraction: float) -> None:
    """Its quietest places were: the budget cut the mark off there."""
    scan = mg.read(data / "ct" / "lungfcp-0001")
    protected = mg.protect(
        scan, protector="noise", max_hu=30, noise_fraction=noise_fraction, key=KEY
    )
    assert protected.detection is not None
    assert protected.detection.verdict == "intact"
