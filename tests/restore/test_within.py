"""The full form without what was kept beside it: every byte comes out of the files alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian
from tests.restore.conftest import Protect

from mitsgan.errors import OutputError
from mitsgan.jobs.restore.restore import restore
from mitsgan.jobs.verify.verify import verify
from mitsgan.restore.errors import RestoreError


@pytest.mark.parametrize("key", ["site.pem", "escrow.pem"])
def test_the_files_alone_restore_the_original(
    key: str,
    within: Path,
    series: Path,
    keys: Path,
    tmp_path: Path,
    same_files: Callable[[Path, Path], bool],
) -> None:
    restored = restore(within, tmp_path / "back", private_key=keys / key, trust=keys / "signer.pub")
    assert restored.sealed
    assert restored.slices == 6
    verified = verify(within, seal=tmp_path / "full.seal.json", trust=keys / "signer.pub")
    assert verified.seal is not None
    assert "not beside it; its files hold it, too" in verified.seal.notes[-1]
    assert same_files(series, tmp_path / "back")


def _comments(ds: Dataset) -> None:
    """Attributes of no list: no seal covers them."""
    ds.ImageComments, ds.KVP = "malignant", "80"


def _corrects(ds: Dataset) -> None:
    ds.PatientID, ds.SliceThickness = "another", 9.25


def _edit(folder: Path, change: Callable[[Dataset], None]) -> None:
    for path in folder.iterdir():
        ds = dcmread(path)
        change(ds)
        ds.save_as(path)


@pytest.mark.parametrize("change, sealed", [(_comments, True), (_corrects, False)])
def test_no_attribute_of_the_protected_files_reaches_the_original(
    change: Callable[[Dataset], None],
    sealed: bool,
    within: Path,
    series: Path,
    keys: Path,
    tmp_path: Path,
    same_files: Callable[[Path, Path], bool],
) -> None:
    _edit(within, change)
    if not sealed:
        within.with_name("full.seal.json").unlink()
    trust = keys / "signer.pub" if sealed else None
    restore(within, tmp_path / "back", private_key=keys / "site.pem", trust=trust)
    assert same_files(series, tmp_path / "back")


def test_a_changed_attribute_that_is_sealed_is_refused(
    within: Path, keys: Path, tmp_path: Path
) -> None:
    _edit(within, _corrects)
    with pytest.raises(RestoreError, match=r"not as it was sealed.*Patient ID"):
        restore(within, tmp_path / "back", private_key=keys / "site.pem")
    assert not (tmp_path / "back").exists()


@pytest.fixture
def comes_back_alone(
    protect: Protect, keys: Path, tmp_path: Path, same_files: Callable[[Path, Path], bool]
) -> Callable[[Path], bool]:
    """Whether a scan that was protected in the full form comes back without its sidecar."""

    def comes_back(scan: Path) -> bool:
        protect(scan, tmp_path / "full", restorable_form="full")
        (tmp_path / "full.original.p7m").unlink()
        restore(tmp_path / "full", tmp_path / "back", private_key=keys / "site.pem")
        return same_files(scan, tmp_path / "back")

    return comes_back


@pytest.mark.parametrize("tail", [b"", b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0abcd", b"\0" * 7])
def test_bytes_around_the_pixels_come_from_the_files_alone(
    tail: bytes, series: Path, tmp_path: Path, comes_back_alone: Callable[[Path], bool]
) -> None:
    """A preamble, and what stands behind the pixels."""
    scan = Path(shutil.copytree(series, tmp_path / "scan"))
    for path in scan.iterdir():
        path.write_bytes(b"II*\0" + path.read_bytes()[4:] + tail)
    assert comes_back_alone(scan)


def _swaps(ds: Dataset) -> None:
    ds.PixelData = ds.pixel_array.byteswap().tobytes()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.set_original_encoding(None, None)  # else pydicom minds the change


def _in_big_endian(folder: Path) -> Path:
    _edit(folder, _swaps)
    return folder


def _in_a_zip(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def _beside_another_series(folder: Path) -> Path:
    ds = dcmread(min(folder.iterdir()))
    ds.SeriesInstanceUID += ".1"
    ds.SOPInstanceUID += ".1"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    del ds.EncryptedAttributesSequence
    ds.save_as(folder / "another.dcm")
    return folder


@pytest.mark.parametrize("give", [_in_big_endian, _in_a_zip, _beside_another_series])
def test_files_alone_may_come_as_archives_give_them(
    give: Callable[[Path], Path],
    within: Path,
    series: Path,
    keys: Path,
    tmp_path: Path,
    same_files: Callable[[Path, Path], bool],
) -> None:
    scan, seal = give(within), tmp_path / "full.seal.json"
    private, trust = keys / "site.pem", keys / "signer.pub"
    restore(scan, tmp_path / "back", private_key=private, seal=seal, trust=trust)
    assert same_files(series, tmp_path / "back")


def test_values_of_odd_length_come_back(
    series: Path, tmp_path: Path, comes_back_alone: Callable[[Path], bool]
) -> None:
    """As old writers leave them, unpadded: what was encrypted of such a file could not be read."""
    odd = tmp_path / "odd"
    odd.mkdir()
    for path in series.iterdir():
        data = path.read_bytes()
        text = b"LO\x0e\0Chest phantom "
        assert text in data
        (odd / path.name).write_bytes(data.replace(text, b"LO\x0d\0Chest phantom"))
    assert comes_back_alone(odd)


def test_a_file_that_is_there_twice_is_told(within: Path, keys: Path, tmp_path: Path) -> None:
    shutil.copy(next(within.iterdir()), within / "again.dcm")
    (tmp_path / "full.seal.json").unlink()
    with pytest.raises(RestoreError, match=r"has 7 files of the 6 .* there twice"):
        restore(within, tmp_path / "back", private_key=keys / "site.pem")


def test_files_alone_do_not_become_one_file_or_an_image(
    within: Path, keys: Path, tmp_path: Path
) -> None:
    for name, reason in (("back.nii", "would not be"), ("back.dcm", "original has 6; name a")):
        with pytest.raises(OutputError, match=reason):
            restore(within, tmp_path / name, private_key=keys / "site.pem")
        assert not (tmp_path / name).exists()


def test_objects_that_only_show_the_same_are_not_as_sealed(
    series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    """Coded with loss, under new UIDs: a seal goes by its sketch, and tells of no difference."""
    out = tmp_path / "full"
    protect(series, out, restorable_form="full", sketch=True)
    (tmp_path / "full.original.p7m").unlink()
    for path in out.iterdir():
        ds = dcmread(path)
        ds.SOPInstanceUID += ".1"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.PixelData = (ds.pixel_array // 2 * 2).tobytes()
        ds.save_as(path)
    seal, trust = tmp_path / "full.seal.json", keys / "signer.pub"
    assert verify(out, seal=seal, trust=trust).verdict == "processed"
    with pytest.raises(RestoreError, match="not bit for bit what was sealed"):
        restore(out, tmp_path / "back", private_key=keys / "site.pem", trust=trust)
