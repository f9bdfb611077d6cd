"""docs/seal.md lists the attributes, and docs/seal-check.md checks without mitsgan."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mitsgan.files.dicom.content import KEYWORDS
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.keys import PrivateKey, fingerprint
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer

_DOCS = Path(__file__).parents[2] / "docs"
_CHECKING = (_DOCS / "seal-check.md").read_text(encoding="utf-8")
_SCRIPTS = re.findall(r"```python\n(.*?)```", _CHECKING, re.DOTALL)


def _command(algorithm: str) -> str:
    """The openssl command that the page gives for an algorithm."""
    lines = re.search(rf"# {algorithm}.*?\n(.*?)(?=\n    # |\n\n)", _CHECKING, re.DOTALL)
    assert lines is not None
    return lines[1]


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "series"
    phantom_series(chest((3, 80, 70), (60.0, 4.5, 5.2), seed=4), folder)
    return folder


def test_every_attribute_is_listed() -> None:
    page = (_DOCS / "seal.md").read_text(encoding="utf-8")
    listed = page.split("## What is sealed")[1].split("## Format")[0]
    words = set(re.findall(r"[A-Za-z]+", listed))
    assert [keyword for keyword in KEYWORDS if keyword not in words] == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    "algorithm, key",
    [
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("RSA", rsa.generate_private_key(65537, 2048)),
        ("ECDSA", ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["Ed25519", "RSA", "ECDSA"],
)
def test_openssl_verifies_a_seal(
    algorithm: str, key: PrivateKey, series: Path, tmp_path: Path
) -> None:
    signer = Signer(key)
    write_seal(make_seal(series, signer), tmp_path / "seal.json")
    script = [sys.executable, "-c", _SCRIPTS[0], "seal.json"]
    subprocess.run(script, cwd=tmp_path, check=True)

    def openssl(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)

    digest = openssl("openssl dgst -sha256 signer.der").stdout.split()[-1]
    assert fingerprint(signer.public_key) == f"SHA256:{digest}"
    assert openssl(_command(algorithm)).returncode == 0
    signed = bytearray((tmp_path / "signed.bin").read_bytes())
    signed[-1] ^= 1
    (tmp_path / "signed.bin").write_bytes(signed)
    assert openssl(_command(algorithm)).returncode != 0


def test_the_script_compares_the_pixels_of_a_slice(series: Path, tmp_path: Path) -> None:
    write_seal(
        make_seal(series, Signer(ed25519.Ed25519PrivateKey.generate())), tmp_path / "seal.json"
    )
    file = tmp_path / "slice.dcm"
    data = bytearray(next(series.iterdir()).read_bytes())

    def compared() -> str:
        file.write_bytes(data)
        script = [sys.executable, "-c", _SCRIPTS[1], "seal.json", "slice.dcm"]
        return subprocess.run(
            script, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert compared() == "True"
    data[-50] ^= 1
    assert compared() == "False"
