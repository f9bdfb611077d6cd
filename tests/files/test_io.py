"""The format is told by the path; what cannot be is said before the work starts."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mitsgan.errors import OutputError, ScanError
from mitsgan.files import Derivation, check_output, read_scan, write_scan

Make = Callable[..., Path]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.NII", "a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_dicom_to_image_keeps_hu_and_place(
    tmp_path: Path, make_series: Make, derivation: Derivation, name: str
) -> None:
    scan = read_scan(make_series(tmp_path / "in"))
    write_scan(scan, tmp_path / name, derivation=derivation)
    back = read_scan(tmp_path / name)
    np.testing.assert_array_equal(back.hu(), scan.hu())
    for index in [(0, 0, 0), (4, 5, 7)]:
        assert back.geometry.to_world(index) == pytest.approx(
            scan.geometry.to_world(index), abs=1e-4
        )


def test_image_to_dicom_is_refused_early_and_late(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    write_scan(read_scan(make_series(tmp_path / "in")), tmp_path / "a.mha", derivation=derivation)
    with pytest.raises(OutputError, match=r"would be DICOM, but .*a\.mha is not"):
        check_output(tmp_path / "out", source=tmp_path / "a.mha")
    with pytest.raises(OutputError, match="would be DICOM"):
        write_scan(read_scan(tmp_path / "a.mha"), tmp_path / "out", derivation=derivation)
    assert not (tmp_path / "out").exists()


def test_the_source_is_never_written_over(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    folder = make_series(tmp_path / "in")
    scan = read_scan(folder)
    for path in (folder, folder / "out", tmp_path):
        with pytest.raises(OutputError, match="input"):
            write_scan(scan, path, derivation=derivation, overwrite=True)
    write_scan(scan, tmp_path / "a.nii", derivation=derivation)
    with pytest.raises(OutputError, match="is the input"):
        write_scan(
            read_scan(tmp_path / "a.nii"),
            tmp_path / "a.nii",
            derivation=derivation,
            overwrite=True,
        )
    assert len(list(folder.iterdir())) == 5


def test_companion_file_is_checked_early(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_text("somebody's")
    with pytest.raises(OutputError, match=r"x\.raw exists"):
        check_output(tmp_path / "x.mhd")


def test_overwrite_replaces_an_earlier_result(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "in"))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    with pytest.raises(OutputError, match="exists"):
        write_scan(scan, tmp_path / "out", derivation=derivation)
    write_scan(
        scan.with_stored(scan.stored + np.int16(1)),
        tmp_path / "out",
        derivation=derivation,
        overwrite=True,
    )
    np.testing.assert_array_equal(read_scan(tmp_path / "out").stored, scan.stored + 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_series_is_for_dicom_only(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    write_scan(read_scan(make_series(tmp_path / "in")), tmp_path / "a.mha", derivation=derivation)
    with pytest.raises(ScanError, match="is an image of one scan"):
        read_scan(tmp_path / "a.mha", series="1.2")


@pytest.mark.parametrize("name", ["", "a.nii.gz", "a.mha", "a.nrrd"])
def test_a_file_that_this_user_may_not_read_is_not_called_damaged(
    tmp_path: Path,
    make_series: Make,
    derivation: Derivation,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    folder = make_series(tmp_path / "in")
    if name:
        write_scan(read_scan(folder), tmp_path / name, derivation=derivation)
    path, locked = (tmp_path / name, tmp_path / name) if name else (folder, folder / "03.dcm")
    real = Path.open

    def refuse(file: Path, *args: Any, **kwargs: Any) -> Any:  # root may read everything
        if file == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return real(file, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ScanError, match=r"Permission denied.*let this user read it") as told:
        read_scan(path)
    assert "fetch it again" not in str(told.value)
