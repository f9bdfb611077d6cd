"""The full form: other software restores it, with gdcmanon and openssl as judges."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless
from tests.files.dicom.multiframe import merge
from tests.restore.conftest import Protect

from mitsgan.errors import SettingsError
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.restore.restore import restore
from mitsgan.jobs.verify.verify import verify
from mitsgan.restore.envelope import decrypt, load_private_key
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.within import trimmed

CHANGED = ("SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "ImageType")


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@needs("gdcmanon")
def test_gdcmanon_restores_it(full: Path, series: Path, keys: Path, tmp_path: Path) -> None:
    for number, original in enumerate(sorted(series.iterdir())):
        name, out = ("site", "escrow")[number % 2], tmp_path / original.name
        key = ["-k", str(keys / f"{name}.pem")]
        command = ["gdcmanon", "-d", *key, "-i", str(full / original.name), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        before, after = dcmread(original), dcmread(out)
        np.testing.assert_array_equal(before.pixel_array, after.pixel_array)
        for attribute in CHANGED:
            assert getattr(before, attribute) == getattr(after, attribute)
        assert "EncryptedAttributesSequence" not in after


@needs("openssl")
def test_openssl_decrypts_each_file(full: Path, series: Path, keys: Path, tmp_path: Path) -> None:
    for original in series.iterdir():
        (item,) = dcmread(full / original.name).EncryptedAttributesSequence
        assert item.EncryptedContentTransferSyntaxUID == "1.2.840.10008.1.2.1"
        (tmp_path / "content").write_bytes(item.EncryptedContent)
        for name in ("site", "escrow"):
            command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey"]
            files = [str(keys / f"{name}.pem"), "-in", str(tmp_path / "content")]
            done = subprocess.run([*command, *files], check=True, capture_output=True)
            content = read_dataset(BytesIO(done.stdout), False, True)
            (modified,) = content.ModifiedAttributesSequence
            before = dcmread(original)
            assert modified.PixelData == before.PixelData
            for attribute in CHANGED:
                assert getattr(modified, attribute) == getattr(before, attribute)


@needs("dciodvfy")
def test_no_new_error_is_found(full: Path, series: Path) -> None:
    def errors(path: Path) -> set[str]:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
        return {line for line in (done.stdout + done.stderr).splitlines() if "Error" in line}

    name = sorted(series.iterdir())[0].name
    assert errors(full / name) <= errors(series / name)


def test_the_command_restores_every_byte(
    full: Path,
    series: Path,
    keys: Path,
    tmp_path: Path,
    same_files: Callable[[Path, Path], bool],
) -> None:
    private, trust = keys / "site.pem", keys / "signer.pub"
    restore(full, tmp_path / "back", private_key=private, trust=trust)
    assert same_files(series, tmp_path / "back")


def test_an_enhanced_image_holds_its_original(
    series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    single = merge(Path(shutil.copytree(series, tmp_path / "single")), tmp_path / "multi")
    protect(single, tmp_path / "out.dcm", restorable_form="full")
    assert "EncryptedAttributesSequence" in dcmread(tmp_path / "out.dcm")
    restore(tmp_path / "out.dcm", tmp_path / "back.dcm", private_key=keys / "site.pem")
    assert (tmp_path / "back.dcm").read_bytes() == single.read_bytes()


def test_what_other_software_would_not_restore_is_refused(
    series: Path, protect: Protect, tmp_path: Path
) -> None:
    scan = Path(shutil.copytree(series, tmp_path / "scan"))
    for file in scan.iterdir():
        ds = dcmread(file)
        ds.compress(JPEGLSLossless, generate_instance_uid=False)
        ds.save_as(file)
    with pytest.raises(RestoreError, match=r"JPEG-LS.*restorable_form=residual"):
        protect(scan, tmp_path / "out", restorable_form="full")
    assert not (tmp_path / "out").exists()
    for file in scan.iterdir():
        ds = dcmread(series / file.name)
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        ds.save_as(file, implicit_vr=True, little_endian=True)
    with pytest.raises(RestoreError, match=r"Implicit.*dcmconv \+te"):
        protect(scan, tmp_path / "out", restorable_form="full")
    with pytest.raises(SettingsError, match="give `restorable`"):
        ProtectFile(scan=scan, out=tmp_path / "out", restorable_form="full")


def _lacks_one(folder: Path) -> None:
    sorted(folder.iterdir())[2].unlink()


def _flips_a_pixel(folder: Path) -> None:
    path = sorted(folder.iterdir())[2]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def _flips_what_is_encrypted(folder: Path) -> None:
    path = sorted(folder.iterdir())[2]
    ds = dcmread(path)
    content = bytearray(ds.EncryptedAttributesSequence[0].EncryptedContent)
    content[len(content) // 2] ^= 1
    ds.EncryptedAttributesSequence[0].EncryptedContent = bytes(content)
    ds.save_as(path)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "change, reason",
    [
        (_lacks_one, "slice.* missing|5 of the 6"),
        (_flips_a_pixel, "pixels of .* are not|slice"),
        (_flips_what_is_encrypted, "damaged|Encrypted Attributes Sequence"),
    ],
)
def test_changed_files_alone_restore_nothing(
    change: Callable[[Path], None],
    reason: str,
    sealed: bool,
    within: Path,
    keys: Path,
    tmp_path: Path,
) -> None:
    change(within)
    if not sealed:
        within.with_name("full.seal.json").unlink()
    with pytest.raises(RestoreError, match=reason):
        restore(within, tmp_path / "back", private_key=keys / "site.pem")
    assert not (tmp_path / "back").exists()


def _with_flipped_byte(path: Path, place: int) -> None:
    """A byte of what is encrypted, counted from its end."""
    ds = dcmread(path)
    content = bytearray(ds.EncryptedAttributesSequence[0].EncryptedContent)
    content[-place] ^= 1
    ds.EncryptedAttributesSequence[0].EncryptedContent = bytes(content)
    ds.save_as(path)


@pytest.mark.slow
def test_any_flipped_byte_of_what_is_encrypted_is_refused_without_a_seal(
    within: Path, keys: Path, tmp_path: Path
) -> None:
    """Also in attributes that the digest of the original does not cover: they are of no list."""
    within.with_name("full.seal.json").unlink()
    path = sorted(within.iterdir())[2]
    whole, ds = path.read_bytes(), dcmread(path)
    # Before it stand the recipients' key blocks, in an order that follows the keys: of what is not
    # for this key only a seal tells.
    envelope = trimmed(ds.EncryptedAttributesSequence[0].EncryptedContent)
    encrypted = len(decrypt(envelope, load_private_key(keys / "site.pem", None), "it"))
    pixels = 2 * ds.Rows * ds.Columns
    assert encrypted > pixels + 400, "attributes, too"
    for place in (2, 100, 300, pixels // 2, *range(pixels + 300, encrypted, 50)):
        _with_flipped_byte(path, place)
        with pytest.raises(RestoreError, match=r"damaged|not encrypted to this key"):
            restore(within, tmp_path / "back", private_key=keys / "site.pem")
        path.write_bytes(whole)
    restore(within, tmp_path / "back", private_key=keys / "site.pem")


def _replaces_what_is_encrypted(ds: Dataset) -> None:
    ds.EncryptedAttributesSequence[0].EncryptedContent = b"of somebody else"


def _renames_the_encoding(ds: Dataset) -> None:
    item = ds.EncryptedAttributesSequence[0]
    item.EncryptedContentTransferSyntaxUID = "1.2.840.10008.1.2"


def _flips_the_first_byte(ds: Dataset) -> None:
    item = ds.EncryptedAttributesSequence[0]
    item.EncryptedContent = bytes([item.EncryptedContent[0] ^ 1]) + item.EncryptedContent[1:]


@pytest.mark.parametrize(
    "change", [_replaces_what_is_encrypted, _renames_the_encoding, _flips_the_first_byte]
)
def test_the_seal_covers_what_is_encrypted_in_the_files(
    change: Callable[[Dataset], None], full: Path, keys: Path, tmp_path: Path
) -> None:
    """Before other software restores it, and where the original is taken from beside the scan."""
    seal, trust = full.with_name("full.seal.json"), keys / "signer.pub"
    assert verify(full, seal=seal, trust=trust).verdict == "intact"
    path = sorted(full.iterdir())[2]
    ds = dcmread(path)
    change(ds)
    ds.save_as(path)
    assert verify(full, seal=seal, trust=trust).verdict == "tampered"
    with pytest.raises(RestoreError, match=r"Encrypted Attributes Sequence"):
        restore(full, tmp_path / "back", private_key=keys / "site.pem")
    assert not (tmp_path / "back").exists()


def test_a_stranger_restores_nothing_of_the_files_alone(
    within: Path, keys: Path, tmp_path: Path
) -> None:
    with pytest.raises(RestoreError, match="not encrypted to this key"):
        restore(within, tmp_path / "back", private_key=keys / "stranger.pem")
    assert not (tmp_path / "back").exists()


def test_files_of_two_series_are_told_apart(
    within: Path, series: Path, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(series, tmp_path / "other"))
    for file in other.iterdir():
        ds = dcmread(file)
        ds.PatientID = "another"
        ds.save_as(file)
    protect(other, tmp_path / "second", restorable_form="full")
    last = sorted(within.iterdir())[-1]
    shutil.copy(tmp_path / "second" / last.name, last)
    within.with_name("full.seal.json").unlink()
    with pytest.raises(RestoreError, match="several originals"):
        restore(within, tmp_path / "back", private_key=keys / "site.pem")
