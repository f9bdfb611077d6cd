"""A small series with its seal, and a key that is trusted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.seal.sealed_series import DEPTH, HEIGHT, WIDTH, Check

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def trust(signer: Signer) -> Trust:
    return Trust((signer.public_key,))


@pytest.fixture(scope="module")
def phantom() -> Scan:
    return chest((DEPTH, HEIGHT, WIDTH), (30.0, 2.4, 2.8), seed=5)


@pytest.fixture(scope="module")
def source(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM series; tests do not change it."""
    folder = tmp_path_factory.mktemp("seal") / "series"
    phantom_series(phantom, folder)
    return folder


@pytest.fixture(scope="module")
def sealed(source: Path, signer: Signer) -> Path:
    """The seal of the series."""
    path = source.parent / "series.seal.json"
    write_seal(make_seal(source, signer), path)
    return path


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    """The series, to be changed."""
    return Path(shutil.copytree(source, tmp_path / "copy"))


@pytest.fixture
def check(sealed: Path, trust: Trust) -> Check:
    return lambda path: verify_seal(path, sealed, trust)
