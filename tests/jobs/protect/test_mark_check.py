"""Protecting with a key says at once what the mark will verify as."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mitsgan as mg
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
    return chest((32, 160, 160), (2.0, 2.2, 2.2), seed=3)


def test_a_usual_series_verifies_and_nothing_is_said(fine: mg.Scan) -> None:
    small = replace(fine, geometry=replace(fine.geometry, spacing=(2.0, 0.7, 0.7)))
    protected = mg.protect(small, protector="offset", key=KEY)
    assert protected.detection is not None
    assert protected.detection.verdict == mg.verify(protected, key=KEY).verdict == "intact"
    assert not [note for note in protected.notes if "verif" in note]
    assert mg.protect(small, protector="offset").detection is None


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
    small = replace(fine, geometry=replace(fine.geometry, spacing=(2.0, 0.7, 0.7)))
    mark = Mark(KEY, "name")
    marked = apply_perturbations(small, [mark], Budget(10.0)).scan
    assert list(mark_notes(check_mark(marked, mark, lambda done, total, note="": None))) == []
    stored = marked.stored.copy()
    stored[10:20, 60:90, 60:90] = small.stored[10:20, 60:90, 60:90]
    wrong = marked.with_stored(np.ascontiguousarray(stored))
    (note,) = mark_notes(check_mark(wrong, mark, lambda done, total, note="": None))
    assert note.startswith("by its mark this series verifies as tampered, though nobody touched it")
