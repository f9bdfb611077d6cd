"""A browser, and scans that a studio shows in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import SimpleITK
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.browser.chromium import Tab, browser, find_browser

import mitsgan as mg
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.phantom.chest import chest

PASSPHRASE = "a passphrase for tests"
"""Of ``locked.pem``, which is ``reader.pem``, encrypted."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine; on Debian and Ubuntu: apt-get install chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``chest``, ``protected`` (marked, sealed, restorable), ``tampered`` with a
    block of 600 HU painted into ten slices of the latter, and the keys of all that."""
    folder = tmp_path_factory.mktemp("scans")
    phantom_series(chest((64, 192, 192), (3.0, 1.9, 1.9)), folder / "chest")
    save_keys(folder)
    protect_file(protection(folder / "chest", folder / "protected", folder))
    shutil.copytree(folder / "protected", folder / "tampered")
    shutil.copy(folder / "protected.original.p7m", folder / "tampered.original.p7m")
    for path in sorted((folder / "tampered").iterdir())[25:35]:
        image = pydicom.dcmread(path)
        pixels = image.pixel_array.copy()
        pixels[85:105, 40:60] += 600
        image.PixelData = pixels.tobytes()
        image.save_as(path)
    return folder


@pytest.fixture(scope="session")
def lung_scans(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a real scan, as images: ``protected.mha``, and ``tampered.mha`` with a block of
    600 HU painted into six slices; ``original.mha`` leads to the scan."""
    folder = tmp_path_factory.mktemp("lung_scans")
    (folder / "original.mha").symlink_to(data / "ct" / "elastix-lung" / "3DCT_lung.mha")
    save_keys(folder)
    protect_file(protection(folder / "original.mha", folder / "protected.mha", folder))
    image = SimpleITK.ReadImage(str(folder / "protected.mha"))
    hu = SimpleITK.GetArrayFromImage(image)
    hu[61:67, 70:90, 27:47] += 600
    painted = SimpleITK.GetImageFromArray(hu)
    painted.CopyInformation(image)
    for key in image.GetMetaDataKeys():
        painted.SetMetaData(key, image.GetMetaData(key))
    SimpleITK.WriteImage(painted, str(folder / "tampered.mha"), useCompression=True)
    return folder


def save_keys(folder: Path) -> None:
    """The key of a mark, and key pairs to sign with and to restore with."""
    # Not drawn at random: where the mark is found missing depends on the key, within a few voxels.
    mg.Key(hashlib.sha256(b"a key for tests").digest()).save(folder / "key")
    signer = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a signer").digest())
    reader = rsa.generate_private_key(65537, 2048)
    locked = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    for name, key in (("sign", signer), ("reader", reader)):
        (folder / f"{name}.pem").write_bytes(pem(key))
        (folder / f"{name}.pub").write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    (folder / "locked.pem").write_bytes(pem(reader, locked))


def pem(
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    """A private key as a file holds it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def protection(scan: Path, out: Path, keys: Path) -> ProtectFile:
    """Marked, sealed and restorable."""
    return ProtectFile(
        scan=scan,
        out=out,
        max_hu=20,
        mark_hu=6,
        key=keys / "key",
        sign=keys / "sign.pem",
        restorable=(keys / "reader.pub",),
    )
