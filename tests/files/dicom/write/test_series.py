"""A derived series: exact voxels, an untouched header but for what is listed, or nothing."""

from __future__ import annotations

import errno
import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mitsgan.errors import OutputError, ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.pixels import write as pixel_writer
from mitsgan.files.dicom.write.header import CHANGED, STALE
from mitsgan.scan import Scan

Make = Callable[..., Path]


def _disturbed(scan: Scan) -> Scan:
    noise = np.random.default_rng(3).integers(-10, 11, scan.shape).astype(scan.stored.dtype)
    stored = np.where(scan.is_padding(), scan.stored, scan.stored + noise)
    clipped = np.clip(stored, scan.lowest, scan.highest).astype(scan.stored.dtype)
    return scan.with_stored(clipped)


def _elements(file: Path) -> dict[int, tuple[str | None, bytes | str]]:
    """Every element as raw bytes; sequences of undefined length as text."""
    dataset = pydicom.dcmread(file)
    return {
        int(tag): (item.VR, item.value if isinstance(item.value, bytes) else str(item.value))
        for tag, item in dataset.items()
    }


def test_voxels_and_names_come_back(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    make_series(tmp_path / "in")
    make_series(tmp_path / "in" / "deeper", 2, _below)
    scan = _disturbed(read_scan(tmp_path / "in"))
    done: list[tuple[int, int]] = []
    write_scan(
        scan,
        tmp_path / "out",
        derivation=derivation,
        progress=lambda a, b: done.append((a, b)),
    )
    back = read_scan(tmp_path / "out")
    np.testing.assert_array_equal(back.stored, scan.stored)
    assert back.geometry == scan.geometry
    written, read = range(8), range(7, 15)
    assert done == [(k, 14) for k in (*written, *read)]
    names = {p.relative_to(tmp_path / "in") for p in (tmp_path / "in").rglob("*.dcm")}
    assert {p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.dcm")} == names


def _below(k: int, ds: FileDataset) -> None:
    ds.ImagePositionPatient = [-10.0, -20.0, 98.0 - 2.0 * k]
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.4.9{k}")


def test_what_changes_in_the_header(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: FileDataset) -> None:
        ds.DerivationDescription = "resampled"
        ds.SeriesDescription = "x" * 64
        ds.add_new(0x00280106, "SS", 0)
        ds.add_new(0x00280107, "SS", 2999)
        ds.IconImageSequence = [pydicom.Dataset()]
        ds.add_new(0x00080001, "UL", 40_000)  # Length to End
        ds.LossyImageCompression = "01"
        ds.add_new(0xFFFAFFFA, "SQ", [pydicom.Dataset()])
        ds.DataSetTrailingPadding = b"\0\0"

    scan = _disturbed(read_scan(make_series(tmp_path / "in", change=change)))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    uids = set()
    for file in sorted((tmp_path / "in").iterdir()):
        old, new = pydicom.dcmread(file), pydicom.dcmread(tmp_path / "out" / file.name)
        uids.add(new.SOPInstanceUID)
        assert new.SOPInstanceUID == new.file_meta.MediaStorageSOPInstanceUID
        assert new.SOPInstanceUID.startswith("2.25.")
        assert new.SeriesInstanceUID not in ("", old.SeriesInstanceUID)
        assert (new.StudyInstanceUID, new.FrameOfReferenceUID) == ("1.2.3", "1.2.3.5")
        assert new.SeriesNumber == 7
        assert new.ImageType == ["DERIVED", "PRIMARY", "AXIAL"]
        assert new.SeriesDescription == "x" * 52 + " (protected)"
        assert new.DerivationDescription == "resampled; protected, at most 10 HU"
        assert new.DerivationCodeSequence[0].CodeValue == "113042"
        source = new.SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == old.SOPInstanceUID
        assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
        assert new.ContributingEquipmentSequence[0].ManufacturerModelName == "mitsgan"
        assert new.SmallestImagePixelValue == new.pixel_array.min()
        assert new.LargestImagePixelValue == new.pixel_array.max()
        assert new.LossyImageCompression == "01"
        assert "InstanceCreationDate" not in new
        assert "IconImageSequence" not in new
        assert 0x00080001 not in new
        assert 0xFFFAFFFA not in new
        assert new.DataSetTrailingPadding == b"\0\0"
    assert len(uids) == 5


def test_a_second_derivation_keeps_the_history_of_the_first(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    write_scan(read_scan(make_series(tmp_path / "in")), tmp_path / "a", derivation=derivation)
    write_scan(read_scan(tmp_path / "a"), tmp_path / "b", derivation=Derivation("sealed", "2", "s"))
    new = pydicom.dcmread(tmp_path / "b" / "00.dcm")
    assert new.DerivationDescription == "protected, at most 10 HU; sealed"
    assert len(new.ContributingEquipmentSequence) == len(new.DerivationCodeSequence) == 2
    assert len(new.SourceImageSequence) == 1
    assert new.SeriesDescription == "Thorax (protected) (s)"


def test_text_in_another_character_set_survives(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def cyrillic(k: int, ds: FileDataset) -> None:
        ds.SpecificCharacterSet = "ISO_IR 144"
        ds.SeriesDescription, ds.PatientName = "Грудь", "Иванов"

    scan = read_scan(make_series(tmp_path / "in", change=cyrillic))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    new = pydicom.dcmread(tmp_path / "out" / "00.dcm")
    assert (str(new.SeriesDescription), str(new.PatientName)) == ("Грудь (protected)", "Иванов")


def test_same_input_and_settings_give_the_same_bytes_others_other_uids(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "in"))
    for name in ("a", "b"):
        write_scan(scan, tmp_path / name, derivation=derivation)
    write_scan(scan, tmp_path / "c", derivation=Derivation("protected, at most 10 HU", "other"))
    a, b, c = ((tmp_path / name / "00.dcm").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert read_scan(tmp_path / "a").source != read_scan(tmp_path / "c").source


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEGLSLossless,
        JPEG2000Lossless,
        RLELossless,
    ],
)
def test_every_lossless_syntax_round_trips(
    tmp_path: Path, make_series: Make, derivation: Derivation, syntax: UID, signed: bool
) -> None:
    if syntax.is_compressed and syntax.is_encapsulated and not get_encoder(syntax).is_available:
        pytest.skip(f"no encoder for {syntax.name}")
    kind: Any = np.int16 if signed else np.uint16

    def change(k: int, ds: FileDataset) -> None:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, int(signed)
        low = -2048 if signed else 0
        ds.RescaleIntercept, ds.RescaleSlope = ("0", "0.5") if signed else ("-1024", "1")
        values = np.random.default_rng(k).integers(low, low + 4096, (40, 40)).astype(kind)
        ds.Rows = ds.Columns = 40
        ds.PixelData = values.tobytes()
        if syntax.is_encapsulated:
            ds.compress(syntax, values, generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = syntax
            if syntax == ExplicitVRBigEndian:
                ds.PixelData = values.byteswap().tobytes()
                ds.set_original_encoding(None, None)  # else pydicom minds the change

    scan = _disturbed(read_scan(make_series(tmp_path / "in", change=change)))
    assert scan.stored.dtype == kind
    write_scan(scan, tmp_path / "out", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "out").stored, scan.stored)
    files = sorted((tmp_path / "out").iterdir())
    readers = [pydicom.dcmread(file) for file in files]
    assert {ds.file_meta.TransferSyntaxUID for ds in readers} == {syntax}
    shown = {int(ds.ImagePositionPatient[2]): ds.pixel_array for ds in readers}
    np.testing.assert_array_equal(np.stack([shown[z] for z in sorted(shown)]), scan.stored)


def test_what_cannot_be_compressed_is_written_uncompressed(
    tmp_path: Path, make_series: Make, derivation: Derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(k: int, ds: FileDataset) -> None:
        ds.compress(RLELossless, generate_instance_uid=False)

    scan = _disturbed(read_scan(make_series(tmp_path / "in", change=change)))

    def lossy(*arguments: object) -> Any:
        return scan.stored[0] + 1

    monkeypatch.setattr(pixel_writer, "decode_frame", lossy)
    write_scan(scan, tmp_path / "out", derivation=derivation)
    new = pydicom.dcmread(tmp_path / "out" / "00.dcm")
    assert new.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(read_scan(tmp_path / "out").stored, scan.stored)


def test_values_beyond_the_stored_bits_are_refused(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def twelve(k: int, ds: FileDataset) -> None:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0

    scan = read_scan(make_series(tmp_path / "in", change=twelve))
    with pytest.raises(ScanError, match="4096 do not fit the 12 bits"):
        write_scan(
            scan.with_stored(np.full_like(scan.stored, 4096)),
            tmp_path / "out",
            derivation=derivation,
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_failure_at_the_third_slice_leaves_nothing(
    tmp_path: Path,
    make_series: Make,
    derivation: Derivation,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
) -> None:
    scan = read_scan(make_series(tmp_path / "in"))
    before = sorted(tmp_path.rglob("*"))
    opened: list[Path] = []
    open_path = Path.open

    def fails(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if "w" in mode:
            opened.append(self)
            if len(opened) == 3:
                raise failure
        return open_path(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", fails)
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_scan(scan, tmp_path / "out", derivation=derivation)
    assert len(opened) == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_one_slice_to_one_file_but_not_five(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    folder = make_series(tmp_path / "in")
    write_scan(read_scan(folder / "00.dcm"), tmp_path / "one.dcm", derivation=derivation)
    assert read_scan(tmp_path / "one.dcm").shape == (1, 6, 8)
    with pytest.raises(OutputError, match="names one file, but the series has 5 slices"):
        write_scan(read_scan(folder), tmp_path / "five.dcm", derivation=derivation)


_SERIES = ["ct/lidc-0001", "ct/lungfcp-0001", "ct/lungdx-a0001", "ct/cip-64/dicom"]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", _SERIES)
def test_real_series_keep_every_other_element(
    data: Path, tmp_path: Path, derivation: Derivation, name: str
) -> None:
    scan = _disturbed(read_scan(data / name))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    back = read_scan(tmp_path / "out")
    np.testing.assert_array_equal(back.stored, scan.stored)
    assert (back.geometry, back.padding) == (scan.geometry, scan.padding)
    for file in sorted((data / name).glob("*.dcm"))[::13]:
        old, new = _elements(file), _elements(tmp_path / "out" / file.name)
        differing = {tag for tag in old.keys() | new.keys() if old.get(tag) != new.get(tag)}
        assert differing <= CHANGED | STALE | {0x7FE00010}, file
        assert not STALE & new.keys()


@pytest.mark.real_data
@pytest.mark.parametrize("name", _SERIES)
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is missing")
def test_real_series_gain_no_error_of_conformance(
    data: Path, tmp_path: Path, derivation: Derivation, name: str
) -> None:
    write_scan(read_scan(data / name), tmp_path / "out", derivation=derivation)
    for file in sorted((data / name).glob("*.dcm"))[::40]:
        assert _errors(tmp_path / "out" / file.name) <= _errors(file)


def _errors(file: Path) -> set[str]:
    done = subprocess.run(["dciodvfy", file], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    assert any("CTImage" in line for line in lines)  # it has looked at the file
    return {line for line in lines if line.startswith("Error")}


@pytest.mark.real_data
def test_real_transfer_syntaxes(data: Path, tmp_path: Path, derivation: Derivation) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    reference = read_scan(folder / "CTImage.dcm").stored
    lossless = ["1.2.1", "1.2.1.99", "1.2.2", "1.2", "1.2.4.80", "1.2.4.90", "1.2.5"]
    for end in lossless:
        (file,) = folder.glob(f"*_1.2.840.10008.{end}.dcm")
        scan = read_scan(file)
        np.testing.assert_array_equal(scan.stored, reference, err_msg=end)
        write_scan(_disturbed(scan), tmp_path / f"{end}.dcm", derivation=derivation)
        back = read_scan(tmp_path / f"{end}.dcm")
        np.testing.assert_array_equal(back.stored, _disturbed(scan).stored, err_msg=end)


@pytest.mark.real_data
@pytest.mark.parametrize("end", ["1.2.4.81", "1.2.4.91"])
def test_real_lossy_source_is_written_uncompressed_and_says_so(
    data: Path, tmp_path: Path, derivation: Derivation, end: str
) -> None:
    (file,) = (data / "dicom" / "transfer-syntaxes").glob(f"*_1.2.840.10008.{end}.dcm")
    scan = _disturbed(read_scan(file))
    write_scan(scan, tmp_path / "out.dcm", derivation=derivation)
    new = pydicom.dcmread(io.BytesIO((tmp_path / "out.dcm").read_bytes()))
    assert new.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert new.LossyImageCompression == "01"
    np.testing.assert_array_equal(new.pixel_array, scan.stored[0])
