"""Settings that jobs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mitsgan.errors import OutputError, ScanError
from mitsgan.jobs.data.settings import CubesFile
from mitsgan.jobs.evaluate.settings import EvaluateFiles
from mitsgan.jobs.shared import ScanInput
from mitsgan.jobs.verify.settings import VerifyFile


def test_a_scan_that_is_not_there_is_told_before_it_is_read(tmp_path: Path) -> None:
    ScanInput(scan=tmp_path).check_scan()
    with pytest.raises(ScanError, match="none does not exist; name a DICOM folder or an image"):
        ScanInput(scan=tmp_path / "none").check_scan()


@pytest.mark.parametrize(
    "make",
    [
        lambda one, other: VerifyFile(scan=other, seal=one, html=one),
        lambda one, other: EvaluateFiles(original=other, protected=one, html=one),
        lambda one, other: EvaluateFiles(original=other, output=one, html=one),
        lambda one, other: EvaluateFiles(original=other, injector=one, output=one),
        lambda one, other: CubesFile(scans=(other,), apart_from=(one,), output=one),
    ],
)
def test_an_output_never_takes_the_place_of_another_file_of_its_command(
    make: Callable[[Path, Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mitsgan made them all, so that `overwrite` alone would have let a seal go for its report."""
    monkeypatch.chdir(tmp_path)
    for one in (Path("one.npz"), tmp_path / "one.npz"):
        with pytest.raises(OutputError, match=r"one\.npz is the input or another output"):
            make(one, Path("other"))


def test_the_same_input_twice_is_no_output() -> None:
    EvaluateFiles(original=Path("a"), protected=Path("a"), html=Path("b"))
