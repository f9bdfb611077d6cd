"""A DICOM series comes back in every pixel, every attribute and, uncompressed, every byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from tests.files.dicom.multiframe import merge
from tests.restore.conftest import Protect

from mitsgan.jobs.restore.restore import restore
from mitsgan.restore.digest import digest_of
from mitsgan.seal.format import read_seal

Same = Callable[[Path, Path], bool]


def changed(series: Path, folder: Path, change: Callable[[int, FileDataset], object]) -> Path:
    """A copy of a series, each file changed."""
    folder.mkdir()
    for number, file in enumerate(sorted(series.iterdir())):
        dataset = dcmread(file)
        change(number, dataset)
        dataset.save_as(folder / file.name)
    return folder


def there_and_back(protect: Protect, scan: Path, tmp_path: Path, keys: Path) -> Path:
    """Protect, restore with the second recipient's key, and check what the seal says."""
    result = protect(scan, tmp_path / "protected")
    assert result.change.largest == 10
    restored = restore(
        tmp_path / "protected",
        tmp_path / "back",
        private_key=keys / "escrow.pem",
        trust=keys / "signer.pub",
    )
    sealed = read_seal(tmp_path / "protected.seal.json").original
    assert sealed is not None
    assert sealed.digest == restored.original == digest_of(scan) == digest_of(tmp_path / "back")
    assert restored.sealed
    assert restored.trusted
    assert restored.notes == ()
    return tmp_path / "back"


def test_every_byte_of_an_uncompressed_series_comes_back(
    series: Path, protect: Protect, keys: Path, tmp_path: Path, same_files: Same
) -> None:
    assert same_files(series, there_and_back(protect, series, tmp_path, keys))
    assert not same_files(series, tmp_path / "protected")


def _unsigned(number: int, ds: FileDataset) -> None:
    """16 bits without sign, a padding value, a rescale that differs from slice to slice."""
    values = ds.pixel_array.astype(np.int32) + 1100
    values[:3, :3] = 65535
    ds.PixelRepresentation, ds.BitsStored, ds.HighBit = 0, 16, 15
    ds.RescaleIntercept, ds.RescaleSlope = f"{-2124 - number}", "1"
    for tag in ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"):
        if tag in ds:
            del ds[tag]
    ds.add_new(0x00280120, "US", 65535)
    ds.PixelData = values.astype("<u2").tobytes()


def _private(number: int, ds: FileDataset) -> None:
    """What others put into a header, and after the pixels."""
    ds.PatientName = "Müller^Jürgen"
    ds.SpecificCharacterSet = "ISO_IR 100"
    block = ds.private_block(0x0009, "TEST", create=True)
    block.add_new(1, "DS", " 0.500")
    ds.add_new(0xFFFCFFFC, "OB", b"\0" * 10)


def _bits_above(number: int, ds: FileDataset) -> None:
    """12 bits stored, and metal that needs more."""
    values = ds.pixel_array.copy()
    values[5, 5] = 5000
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = values.astype("<i2").tobytes()


@pytest.mark.parametrize("change", [_unsigned, _private, _bits_above])
def test_every_byte_of_unusual_files_comes_back(
    change: Callable[[int, FileDataset], None],
    series: Path,
    protect: Protect,
    keys: Path,
    tmp_path: Path,
    same_files: Same,
) -> None:
    scan = changed(series, tmp_path / "scan", change)
    assert same_files(scan, there_and_back(protect, scan, tmp_path, keys))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_byte_comes_back_whatever_the_encoding(
    syntax: UID, series: Path, protect: Protect, keys: Path, tmp_path: Path, same_files: Same
) -> None:
    def encode(number: int, ds: FileDataset) -> None:
        if syntax == ExplicitVRBigEndian:
            ds.PixelData = ds.pixel_array.byteswap().tobytes()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.set_original_encoding(None, None)  # else pydicom minds the change

    scan = changed(series, tmp_path / "scan", encode)
    assert same_files(scan, there_and_back(protect, scan, tmp_path, keys))


@pytest.mark.parametrize(
    "syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless, DeflatedExplicitVRLittleEndian]
)
def test_pixels_and_attributes_of_compressed_sources_come_back(
    syntax: UID, series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    def compress(number: int, ds: FileDataset) -> None:
        if syntax == DeflatedExplicitVRLittleEndian:
            ds.file_meta.TransferSyntaxUID = syntax
        else:
            ds.compress(syntax, generate_instance_uid=False)

    scan = changed(series, tmp_path / "scan", compress)
    back = there_and_back(protect, scan, tmp_path, keys)
    for file in sorted(scan.iterdir()):
        before, after = dcmread(file), dcmread(back / file.name)
        np.testing.assert_array_equal(before.pixel_array, after.pixel_array)
        assert after.file_meta.TransferSyntaxUID == syntax
        del before.PixelData, after.PixelData
        assert before == after
        assert before.file_meta.to_json_dict() == after.file_meta.to_json_dict()


@pytest.mark.parametrize("syntax", [None, JPEGLSLossless])
def test_an_enhanced_image_comes_back(
    syntax: UID | None, series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    single = merge(Path(shutil.copytree(series, tmp_path / "single")), tmp_path / "multi")
    if syntax is not None:
        ds = dcmread(single)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(single)
    back = there_and_back(protect, single.parent, tmp_path, keys)
    if syntax is None:
        assert (back / single.name).read_bytes() == single.read_bytes()
    else:
        np.testing.assert_array_equal(
            dcmread(back / single.name).pixel_array, dcmread(single).pixel_array
        )


def test_files_may_have_other_names_and_other_series_beside_them(
    series: Path, protect: Protect, keys: Path, tmp_path: Path, same_files: Same
) -> None:
    protect(series, tmp_path / "protected", sign=False)
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, file in enumerate(sorted((tmp_path / "protected").iterdir())):
        shutil.copy(file, archive / f"{number}")
    for file in series.iterdir():
        shutil.copy(file, archive / file.name)
    restored = restore(
        archive,
        tmp_path / "back",
        private_key=keys / "site.pem",
        original=tmp_path / "protected.original.p7m",
    )
    assert same_files(series, tmp_path / "back")
    assert not restored.sealed
    assert "there is no seal" in restored.notes[0]


@pytest.mark.skipif(os.name == "nt", reason="signs that Windows has in no name")
@pytest.mark.parametrize("name", ["12:30:05.dcm", "a\\b", "c:\\d", "line\nline"])
def test_any_name_that_a_file_can_have_comes_back(
    name: str, series: Path, protect: Protect, keys: Path, tmp_path: Path, same_files: Same
) -> None:
    scan = Path(shutil.copytree(series, tmp_path / "scan"))
    min(scan.iterdir()).rename(scan / name)
    assert same_files(scan, there_and_back(protect, scan, tmp_path, keys))


@pytest.mark.parametrize("tag", [b"\x18\0\x30\x10LO", b"\x28\0\x52\x10DS"])
def test_elements_that_do_not_ascend_come_back(
    tag: bytes, series: Path, protect: Protect, keys: Path, tmp_path: Path, same_files: Same
) -> None:
    """Some scanners write such files. One out of its place, and one there twice."""
    scan = Path(shutil.copytree(series, tmp_path / "scan"))
    for file in scan.iterdir():
        before, pixels, after = file.read_bytes().rpartition(b"\xe0\x7f\x10\0OW")
        file.write_bytes(before + tag + b"\2\x000 " + pixels + after)
    assert same_files(scan, there_and_back(protect, scan, tmp_path, keys))


def test_one_file_comes_back_as_one_file(
    series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    single = merge(Path(shutil.copytree(series, tmp_path / "single")), tmp_path / "multi")
    protect(single, tmp_path / "protected.dcm")
    restore(tmp_path / "protected.dcm", tmp_path / "back.dcm", private_key=keys / "site.pem")
    assert (tmp_path / "back.dcm").read_bytes() == single.read_bytes()
