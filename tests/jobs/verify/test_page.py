"""A verification as a page: verdict, signer, pictures with frames, what could not be checked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mitsgan.cli.main import main
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.mark import Key, Mark
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest

NOTE = Derivation("test", "test")


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A folder with a marked scan, its seal, and the keys of both."""
    key = Key(bytes(range(32)))
    key.save(tmp_path / "mark.key")
    signer = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    (tmp_path / "key.pem").write_bytes(
        signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "public.pem").write_bytes(
        signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    scan = chest((32, 160, 160), (2.5, 1.4, 1.4), seed=4)
    marked = apply_perturbations(scan, [Mark(key, "demo", 15.0)], Budget(60)).scan
    write_scan(marked, tmp_path / "scan.nii.gz", derivation=NOTE)
    assert main(["seal", str(tmp_path / "scan.nii.gz"), "--sign", str(tmp_path / "key.pem")]) == 0
    return tmp_path


def _verify(folder: Path, *more: str) -> tuple[int, str]:
    page = folder / "page.html"
    seal = next(folder.glob("*.seal.json"))
    options = ["--key", folder / "mark.key", "--seal", seal, "--identity", "demo", "--html", page]
    code = main(["verify", str(folder / "scan.nii.gz"), *map(str, options), *more])
    return code, page.read_text(encoding="utf-8")


def test_a_tampered_scan_has_its_place_framed(sealed: Path) -> None:
    scan = read_scan(sealed / "scan.nii.gz")
    stored = scan.stored.copy()
    noise = np.random.default_rng(0).integers(-40, 41, (16, 32, 32))
    stored[8:24, 60:92, 44:76] = -850 - int(scan.intercept[0]) + noise
    write_scan(scan.with_stored(stored), sealed / "altered.nii.gz", derivation=NOTE)
    (sealed / "altered.nii.gz").replace(sealed / "scan.nii.gz")
    code, page = _verify(sealed, "--trust", str(sealed / "public.pem"))
    assert code == 1
    head = page[page.index("<h1>") :]
    assert head.startswith('<h1><strong class="verdict tampered">TAMPERED</strong> Verification of')
    assert "<title>TAMPERED: Verification of scan.nii.gz</title>" in page
    assert '<td class="text">8-23</td>' in page, "slices"
    assert "The sketch: a change over a few millimetres shows from " in page
    assert "The mark is missing, at " in page
    assert "It shows something else than was sealed, at " in page
    pictures = re.findall(r'<img src="data:image/webp;base64,[^"]+"[^>]*alt="([^"]+)"', page)
    assert "the scan, axial" in pictures
    assert any(alt.endswith("axial, means when sealed") for alt in pictures)
    assert 'id="table-signer"' in page
    assert "What could not be checked" in page
    assert str(sealed) not in page, "no path of this machine"
    assert "mitsgan verify scan.nii.gz --key mark.key" in page


def test_an_intact_scan_says_who_vouches_and_who_does_not(sealed: Path) -> None:
    code, page = _verify(sealed, "--trust", str(sealed / "public.pem"))
    assert code == 0
    assert '<strong class="verdict intact">INTACT</strong>' in page
    assert '<p class="lead">All 32 slices are as they were signed' in page
    assert "No place was flagged." in page
    code, page = _verify(sealed, "--overwrite")
    assert code == 3
    assert "nobody who is trusted vouches for the signer" in page
    assert "NOT trusted" in page
    assert "The seal: no trusted certificate or key was given" in page


def test_the_page_says_what_both_say_where_one_decided(sealed: Path) -> None:
    scan = read_scan(sealed / "scan.nii.gz")
    Key(bytes(range(1, 33))).save(sealed / "other.key")
    other = ["--key", str(sealed / "other.key"), "--trust", str(sealed / "public.pem")]
    code, page = _verify(sealed, *other)
    assert code == 3
    lead = re.findall('<p class="lead">(.*?)</p>', page, re.DOTALL)[0]
    assert '<strong class="verdict unknown">UNKNOWN</strong>' in page
    assert "Regions without the mark" not in page, "that there are none would be good news"
    assert f"The seal says intact: all {scan.shape[0]} slices are as they were signed" in lead


def test_the_json_makes_the_same_page_without_pictures(sealed: Path) -> None:
    """And no page is written over another file."""
    report, out = sealed / "v.json", sealed / "from-json.html"
    _, page = _verify(sealed, "--output", str(report))
    assert main(["report", str(report), "-o", str(out)]) == 0
    drawn = out.read_text(encoding="utf-8")
    lead = re.compile('<p class="lead">(.*?)</p>')
    assert lead.findall(drawn) == lead.findall(page)
    assert "<img" not in drawn
    assert "mitsgan verify scan.nii.gz --key KEYFILE --seal FILE.seal.json" in drawn
    seal = next(sealed.glob("*.seal.json"))
    again = ["verify", str(sealed / "scan.nii.gz"), "--seal", str(seal)]
    assert main([*again, "--html", str(sealed / "page.html")]) == 2
