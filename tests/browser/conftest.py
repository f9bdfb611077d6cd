"""A browser, and scans that a studio shows in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.browser.chromium import Tab, browser, find_browser

import mitsgan as mg
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.phantom.chest import chest


@pytest.fixture(scope="module")
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
    # Not drawn at random: where the mark is found missing depends on the key, within a few voxels.
    mg.Key(hashlib.sha256(b"a key for tests").digest()).save(folder / "key")
    signer = ed25519.Ed25519PrivateKey.generate()
    reader = rsa.generate_private_key(65537, 2048)
    for name, key in (("sign", signer), ("reader", reader)):
        (folder / f"{name}.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / f"{name}.pub").write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    protect_file(
        ProtectFile(
            scan=folder / "chest",
            out=folder / "protected",
            max_hu=20,
            mark_hu=6,
            key=folder / "key",
            sign=folder / "sign.pem",
            restorable=(folder / "reader.pub",),
        )
    )
    shutil.copytree(folder / "protected", folder / "tampered")
    for path in sorted((folder / "tampered").iterdir())[25:35]:
        image = pydicom.dcmread(path)
        pixels = image.pixel_array.copy()
        pixels[85:105, 40:60] += 600
        image.PixelData = pixels.tobytes()
        image.save_as(path)
    return folder
