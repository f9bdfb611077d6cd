"""Whatever was changed, exchanged or is missing is refused with its reason, and nothing is written.

What counts is signed: the digest of the original, and that of the file it is encrypted in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from tests.restore.conftest import Protect

from mitsgan.errors import MitsganError, OutputError, SettingsError
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.restore.restore import restore
from mitsgan.jobs.seal import passphrase_of
from mitsgan.phantom.chest import chest
from mitsgan.restore.envelope import Recipient, decrypt, encrypt, load_private_key
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.payload import Payload
from mitsgan.restore.sidecar import read_sidecar, to_sidecar
from mitsgan.seal.format import SealError
from mitsgan.seal.keys import SignatureError

Refused = Callable[..., None]
SIDECAR, SEAL = "protected.original.p7m", "protected.seal.json"


@pytest.fixture
def kept(series: Path, protect: Protect, tmp_path: Path) -> Path:
    """A folder with ``protected``, its original and its seal, to be changed."""
    protect(series, tmp_path / "protected")
    return tmp_path


@pytest.fixture
def refused(kept: Path, keys: Path) -> Refused:
    """Restores, expects a reason, and that nothing came about."""

    def check(reason: str, error: type[MitsganError] = RestoreError, **how: Path) -> None:
        before = sorted(kept.rglob("*"))
        options = {"private_key": keys / "site.pem", "trust": keys / "signer.pub", **how}
        with pytest.raises(error, match=reason):
            restore(kept / "protected", kept / "back", **options)  # type: ignore[arg-type]
        assert sorted(kept.rglob("*")) == before

    return check


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_wrong_key(refused: Refused, keys: Path) -> None:
    refused("is not encrypted to this key", private_key=keys / "stranger.pem")
    refused("not RSA", private_key=keys / "signer.pem")


def test_a_flipped_byte_anywhere_in_the_kept_original(refused: Refused, kept: Path) -> None:
    """Bytes of the DER that decryption does not look at count, too."""
    sidecar = kept / SIDECAR
    size = sidecar.stat().st_size
    for at in (0, 1, 40, 200, size // 3, size // 2, size - 60, size - 40, size - 1):
        flip(sidecar, at)
        refused("was changed or cut off since")
        flip(sidecar, at)


def test_a_flipped_byte_that_is_signed_for_anew(refused: Refused, kept: Path) -> None:
    """Who mends the checksum of the file still has not signed it."""
    sidecar = kept / SIDECAR
    content = bytearray(sidecar.read_bytes())
    envelope = content[: -(32 + len(b"mitsgan-original"))]
    envelope[len(envelope) // 2] ^= 1
    sidecar.write_bytes(to_sidecar(bytes(envelope)))
    refused("was exchanged, or one of the two is of another scan")


def test_a_flipped_byte_in_a_voxel(refused: Refused, kept: Path, keys: Path) -> None:
    flip(sorted((kept / "protected").iterdir())[2], -7)
    refused("is not as it was sealed in .*IM00003.dcm.*rows 0-39, columns 0-35")
    (kept / SEAL).unlink()
    with pytest.raises(RestoreError, match="not those that were protected"):
        restore(kept / "protected", kept / "back", private_key=keys / "site.pem")
    assert not (kept / "back").exists()


def test_a_flipped_byte_in_a_header_is_refused_or_harmless(
    refused: Refused, kept: Path, keys: Path, series: Path, same_files: Callable[[Path, Path], bool]
) -> None:
    """Headers come from what was encrypted, so the seal alone asks what became of them."""
    file = sorted((kept / "protected").iterdir())[1]
    outcomes = set()
    for at in range(400, 1100, 70):
        flip(file, at)
        try:
            restore(
                kept / "protected",
                kept / "back",
                private_key=keys / "site.pem",
                trust=keys / "signer.pub",
            )
        except MitsganError:
            outcomes.add("refused")
            assert not (kept / "back").exists()
        else:
            outcomes.add("exact")
            assert same_files(series, kept / "back")
            shutil.rmtree(kept / "back")
        flip(file, at)
    assert "refused" in outcomes


def test_a_missing_slice(refused: Refused, kept: Path, keys: Path) -> None:
    sorted((kept / "protected").iterdir())[3].unlink()
    refused("is not as it was sealed in .*missing")
    (kept / SEAL).unlink()
    with pytest.raises(RestoreError, match="lacks 1 of 6 files of the protected series"):
        restore(kept / "protected", kept / "back", private_key=keys / "site.pem")
    assert not (kept / "back").exists()


@pytest.fixture
def other(keys: Path, protect: Protect, tmp_path: Path) -> Path:
    """Another scan with its original, by the same signer to the same recipients."""
    folder = tmp_path / "other"
    folder.mkdir()
    phantom_series(chest((6, 40, 36), (30.0, 9.0, 9.0), seed=6), folder / "series")
    protect(folder / "series", folder / "protected")
    return folder


def test_the_original_of_another_scan(
    refused: Refused, kept: Path, other: Path, keys: Path
) -> None:
    refused("was exchanged, or one of the two is of another scan", original=other / SIDECAR)
    refused("is not as it was sealed", original=other / SIDECAR, seal=other / SEAL)
    (kept / SEAL).unlink()
    with pytest.raises(RestoreError, match="is another series than the one"):
        restore(
            kept / "protected",
            kept / "back",
            private_key=keys / "site.pem",
            original=other / SIDECAR,
        )
    assert not (kept / "back").exists()


def test_the_seal_of_another_scan(refused: Refused, other: Path) -> None:
    refused("was exchanged, or one of the two is of another scan", seal=other / SEAL)


def test_a_changed_seal(refused: Refused, kept: Path) -> None:
    """Whoever exchanges the original can write its digest into the seal, but not sign that."""
    seal = kept / SEAL
    document = json.loads(seal.read_text())
    document["content"]["original"]["digest"] = "0" * 64
    seal.write_text(json.dumps(document))
    refused("the signature is wrong")
    document["content"]["original"]["digest"] = "no digest"
    seal.write_text(json.dumps(document))
    refused("expected SHA-256 in hexadecimal", SealError)


def test_a_signer_whom_nobody_trusts(refused: Refused, keys: Path) -> None:
    refused("who is not trusted by", trust=keys / "site.pub")


def test_a_seal_that_was_made_without_an_original(
    refused: Refused, kept: Path, series: Path, protect: Protect
) -> None:
    protect(series, kept / "bare", restorable=())
    refused("does not say what the original was", seal=kept / "bare.seal.json")


def test_no_seal_where_somebody_is_to_be_trusted(refused: Refused, kept: Path) -> None:
    (kept / SEAL).unlink()
    refused("`trust` says whom to believe a seal, but there is none", SettingsError)


def test_what_is_no_original(refused: Refused, kept: Path, keys: Path) -> None:
    """Encrypted to the right key, with the right checksum, and something else."""
    (kept / SEAL).unlink()
    recipient = Recipient.load(keys / "site.pub")
    for data in (b"", b"nothing of ours", b"\xff" * 400):
        (kept / SIDECAR).write_bytes(to_sidecar(encrypt(data, [recipient])))
        with pytest.raises(RestoreError, match="does not hold an original as mitsgan keeps it"):
            restore(kept / "protected", kept / "back", private_key=keys / "site.pem")
    (kept / SIDECAR).unlink()
    with pytest.raises(RestoreError, match="it holds the original, which is lost without it"):
        restore(kept / "protected", kept / "back", private_key=keys / "site.pem")


def test_a_kept_original_of_a_size_of_its_own(kept: Path, keys: Path) -> None:
    """Anybody can encrypt to a recipient: a few bytes that become more than the memory holds."""
    (kept / SEAL).unlink()
    envelope, _ = read_sidecar(kept / SIDECAR)
    private = load_private_key(keys / "site.pem", None)
    payload = Payload.from_bytes(decrypt(envelope, private, "kept"), "kept")
    depth, height, width = payload.description.shape
    shapes = (depth, height, 8 * width), (depth + 16, height, width), (depth, height, width)
    for shape, itemsize in zip(shapes, (2, 2, 1 << 40), strict=True):
        description = replace(payload.description, shape=shape, itemsize=itemsize)
        data = replace(payload, description=description).to_bytes()
        (kept / SIDECAR).write_bytes(to_sidecar(encrypt(data, [Recipient(private.public_key())])))
        with pytest.raises(RestoreError, match="of other slices than it says"):
            restore(kept / "protected", kept / "back", private_key=keys / "site.pem")


def test_a_folder_of_scans(kept: Path, keys: Path) -> None:
    with pytest.raises(RestoreError, match=r"folder of 1 scan.*such as .*protected"):
        restore(kept, kept.with_name("back"), private_key=keys / "site.pem")


def test_outputs_are_never_replaced(kept: Path, keys: Path, series: Path, protect: Protect) -> None:
    (kept / "back").mkdir()
    with pytest.raises(OutputError, match="exists, and is never replaced"):
        restore(kept / "protected", kept / "back", private_key=keys / "site.pem")
    with pytest.raises(OutputError, match="name a folder"):
        restore(kept / "protected", kept / "back.dcm", private_key=keys / "site.pem")
    (kept / "another.original.p7m").write_text("somebody's own")
    with pytest.raises(OutputError, match=r"original\.p7m"):
        protect(series, kept / "another")
    assert (kept / "another.original.p7m").read_text() == "somebody's own"
    before = (kept / SIDECAR).read_bytes()
    protect(series, kept / "protected", overwrite=True)
    assert (kept / SIDECAR).read_bytes() != before


def test_who_cannot_be_a_recipient(
    keys: Path, series: Path, protect: Protect, tmp_path: Path
) -> None:
    (tmp_path / "two.pem").write_bytes(
        (keys / "site.pub").read_bytes() + (keys / "escrow.pub").read_bytes()
    )
    for wrong, reason in (
        (keys / "site.pem", "holds a private key, which belongs to the recipient alone"),
        (keys / "signer.pub", "is not RSA"),
        (tmp_path / "two.pem", "expected that of one recipient"),
    ):
        with pytest.raises(RestoreError, match=reason):
            protect(series, tmp_path / "out", restorable=(wrong,))
    assert not (tmp_path / "out").exists()


def _certified(name: str, key: rsa.RSAPrivateKey, by: str, with_key: rsa.RSAPrivateKey) -> bytes:
    """A certificate, PEM."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, by))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=36500))
    return builder.sign(with_key, SHA256()).public_bytes(Encoding.PEM)


def test_several_certificates_are_of_one_recipient_and_its_authorities(tmp_path: Path) -> None:
    """A second recipient in the same file would get nothing, and only find out when it counts."""
    site, ca, root = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    of_site = _certified("site", site, "ca", ca)
    of_ca, of_root = _certified("ca", ca, "root", root), _certified("root", root, "root", root)
    renewed = _certified("ca", site, "ca", site)  # of the same name, by another key
    path = tmp_path / "recipient.pem"
    path.write_bytes(of_site + of_ca + of_root)
    assert Recipient.load(path).key == site.public_key()
    for several in (of_ca + of_site, of_site + of_root, of_site + of_ca + renewed + of_root):
        path.write_bytes(several)
        with pytest.raises(RestoreError, match="give each recipient a file of its own"):
            Recipient.load(path)
    pem = ca.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(of_site + pem)
    with pytest.raises(RestoreError, match="give each recipient a file of its own"):
        Recipient.load(path)


def test_keys_in_another_form_are_told_how_to_convert(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "site.der"
    path.write_bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SignatureError, match=r"no private key in PEM; .*openssl pkcs12"):
        load_private_key(path, None)
    with pytest.raises(RestoreError, match=r"no certificates .* -inform DER"):
        Recipient.load(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_keys_may_be_text_as_windows_writes_it(keys: Path, tmp_path: Path, encoding: str) -> None:
    """Notepad marks UTF-8, and what PowerShell leads into a file is UTF-16: they held no key."""
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    for name in ("site.pub", "site.pem"):
        text = (keys / name).read_text().replace("\n", "\r\n")
        (tmp_path / name).write_bytes(mark + text.encode(encoding))
    key = load_private_key(tmp_path / "site.pem", None)
    assert Recipient.load(tmp_path / "site.pub").key == key.public_key()
    (tmp_path / "word").write_bytes(mark + "secret\r\n".encode(encoding))
    assert passphrase_of(keys / "site.pem", tmp_path / "word", None)() == b"secret"


def test_a_passphrase_may_be_text(kept: Path, keys: Path) -> None:
    key = load_private_key(keys / "site.pem", None)
    lock = BestAvailableEncryption("Schlüssel".encode())
    path = kept / "locked.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    given: tuple[str | bytes, ...] = ("Schlüssel", "Schlüssel".encode())
    for passphrase in given:
        out = kept / f"back-{type(passphrase).__name__}"
        restore(kept / "protected", out, private_key=path, passphrase=passphrase)
        assert out.is_dir()
