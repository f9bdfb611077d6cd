"""Keys of recipients and of a signer, and a small series with its original kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat as Public

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.result import ProtectionResult
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.phantom.chest import chest

Protect = Callable[..., ProtectionResult]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``site``, ``escrow``, ``stranger`` (RSA) and ``signer`` (Ed25519), each .pem and .pub."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("site", "escrow", "stranger", "signer"):
        key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
        if name == "signer":
            key = ed25519.Ed25519PrivateKey.generate()
        else:
            key = rsa.generate_private_key(65537, 2048)
        pem = Encoding.PEM
        private = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(private)
        public = key.public_key().public_bytes(pem, Public.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    return folder


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six slices of a phantom, 12 bits; tests do not change it."""
    folder = tmp_path_factory.mktemp("restore") / "series"
    phantom_series(chest((6, 40, 36), (30.0, 9.0, 9.0), seed=5), folder)
    return folder


@pytest.fixture
def protect(keys: Path) -> Protect:
    """Protects a scan by noise, its original kept for site and escrow; signed, if asked for."""

    def run(scan: Path, out: Path, *, sign: bool = True, **more: object) -> ProtectionResult:
        settings: dict[str, object] = {
            "protector": "noise",
            "device": "cpu",
            "assume_hu": True,
            "sketch": False,
            "restorable": (keys / "site.pub", keys / "escrow.pub"),
            **more,
        }
        if sign:
            settings["sign"] = keys / "signer.pem"
        return protect_file(ProtectFile(scan=scan, out=out, **settings))  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def same_files() -> Callable[[Path, Path], bool]:
    """Whether two folders hold the same files, byte for byte."""

    def contents(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return lambda one, other: contents(one) == contents(other) != {}


@pytest.fixture
def full(series: Path, protect: Protect, tmp_path: Path) -> Path:
    """The series, protected; its original is within the files, too."""
    protect(series, tmp_path / "full", restorable_form="full")
    return tmp_path / "full"


@pytest.fixture
def within(full: Path) -> Path:
    """The same without what was kept beside it: the files and the seal alone."""
    full.with_name("full.original.p7m").unlink()
    return full
