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
from pydicom.filereader import read_dataset
from pydicom.uid import JPEGLSLossless
from tests.files.dicom.multiframe import merge
from tests.restore.conftest import Protect

from mitsgan.errors import SettingsError
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.restore.restore import restore
from mitsgan.restore.errors import RestoreError

CHANGED = ("SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "ImageType")


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture
def full(series: Path, protect: Protect, tmp_path: Path) -> Path:
    """The series, protected, its original within."""
    protect(series, tmp_path / "full", restorable_form="full")
    return tmp_path / "full"


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
    with pytest.raises(SettingsError, match="give `restorable`"):
        ProtectFile(scan=scan, out=tmp_path / "out", restorable_form="full")
