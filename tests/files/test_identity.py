"""Whose scan it is: the same through conversions, different between patients, never the ID."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.files.identity import patient_key, series_key, series_names
from mitsgan.scan.scan import Scan


def test_from_dicom(small_chest: Scan, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    phantom_series(small_chest, folder)
    files = sorted(folder.rglob("*.dcm"))
    read = read_scan(folder)
    key = patient_key(read)
    header = dcmread(files[0], stop_before_pixels=True)
    assert header.PatientID
    assert header.PatientID not in key
    assert len(key) == 32
    assert series_names(read) == {str(header.SeriesInstanceUID), "a"}

    for file in files:
        changed = dcmread(file)
        changed.PatientID = "somebody else"
        changed.save_as(file)
    assert patient_key(read_scan(folder)) != key
    for file in files:
        changed = dcmread(file)
        changed.PatientID = ""
        changed.save_as(file)
    nameless = patient_key(read_scan(folder))
    assert nameless != key  # that of its study


@pytest.mark.parametrize("name", ["b.nii.gz", "b.mha"])
def test_a_converted_series_is_known_again(small_chest: Scan, tmp_path: Path, name: str) -> None:
    phantom_series(small_chest, tmp_path / "a")
    read = read_scan(tmp_path / "a")
    write_scan(read, tmp_path / name, derivation=Derivation("none", "unchanged"))
    converted = read_scan(tmp_path / name)
    assert series_key(converted) == series_key(read)
    assert series_names(converted) == {"b", name}
    assert patient_key(converted) != patient_key(read)
    flipped = replace(converted, stored=converted.stored[:, ::-1])
    assert series_key(flipped) == series_key(read)


def test_scans_from_nowhere_differ_by_their_voxels(small_chest: Scan) -> None:
    other = small_chest.with_stored(small_chest.stored + 1)
    assert series_key(small_chest) != series_key(other)
    assert patient_key(small_chest) != patient_key(other)
    assert series_names(small_chest) == frozenset()
