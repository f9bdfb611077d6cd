"""Keys, certificates and trust; what is refused, and why."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mitsgan.seal.keys import (
    PrivateKey,
    SignatureError,
    fingerprint,
    load_public,
    name_of,
    needs_passphrase,
    public_der,
)
from mitsgan.seal.signature import Signer, verify
from mitsgan.seal.trust import Trust

NOW = datetime.now(UTC).replace(microsecond=0)


def certificate(
    key: PrivateKey,
    name: str = "archive",
    issuer: tuple[str, PrivateKey] | None = None,
    days: tuple[int, int] = (-10, 10),
    ca: bool | None = None,
    usage: str | None = None,
    other: tuple[x509.ExtensionType, ...] = (),
) -> x509.Certificate:
    """A certificate of ``key``, signed by the issuer or by itself."""
    above, signing = issuer or (name, key)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(above))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
    if usage is not None:
        flags = {
            "digital_signature": False,
            "content_commitment": False,
            "key_encipherment": False,
            "data_encipherment": False,
            "key_agreement": False,
            "key_cert_sign": False,
            "crl_sign": False,
            "encipher_only": False,
            "decipher_only": False,
            usage: True,
        }
        builder = builder.add_extension(x509.KeyUsage(**flags), True)
    for extension in other:
        builder = builder.add_extension(extension, critical=True)
    algorithm = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signing, algorithm)


def key_pem(
    key: PrivateKey | dsa.DSAPrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture(scope="module")
def ed() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def keys(ed: ed25519.Ed25519PrivateKey, rsa_key: rsa.RSAPrivateKey) -> dict[str, PrivateKey]:
    return {
        "Ed25519": ed,
        "RSASSA-PSS-SHA256": rsa_key,
        "ECDSA-P256-SHA256": ec.generate_private_key(ec.SECP256R1()),
        "ECDSA-P384-SHA384": ec.generate_private_key(ec.SECP384R1()),
    }


@pytest.mark.parametrize(
    "algorithm", ["Ed25519", "RSASSA-PSS-SHA256", "ECDSA-P256-SHA256", "ECDSA-P384-SHA384"]
)
def test_signs_and_verifies(keys: dict[str, PrivateKey], algorithm: str, tmp_path: Path) -> None:
    key = keys[algorithm]
    (tmp_path / "both.pem").write_bytes(key_pem(key) + certificate(key).public_bytes(Encoding.PEM))
    signer = Signer.load(tmp_path / "both.pem")
    assert signer.algorithm == algorithm
    assert len(signer.certificates) == 1
    signature = signer.sign(b"content")
    assert verify(signer.public_key, algorithm, signature, b"content")
    assert not verify(signer.public_key, algorithm, signature, b"contenT")
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    assert not verify(signer.public_key, algorithm, changed, b"content")
    assert not verify(signer.public_key, algorithm, b"", b"content")
    other = next(name for name in keys if name != algorithm)
    with pytest.raises(SignatureError, match="which is not that of the key"):
        verify(signer.public_key, other, signature, b"content")


@pytest.mark.parametrize(
    "algorithm, digest",
    [("ECDSA-P256-SHA256", hashes.SHA256()), ("ECDSA-P384-SHA384", hashes.SHA384())],
)
def test_it_signs_with_the_digest_that_the_algorithm_names(
    keys: dict[str, PrivateKey], algorithm: str, digest: hashes.HashAlgorithm
) -> None:
    """Verified by somebody else's means: ours would agree with themselves on any other."""
    key = keys[algorithm]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    key.public_key().verify(Signer(key).sign(b"content"), b"content", ec.ECDSA(digest))


def test_a_dicom_signature_needs_an_rsa_key_and_its_certificate(
    keys: dict[str, PrivateKey],
) -> None:
    curve, rsa_key = keys["ECDSA-P256-SHA256"], keys["RSASSA-PSS-SHA256"]
    for signer in (Signer(rsa_key), Signer(curve, (certificate(curve),))):
        with pytest.raises(SignatureError, match="needs an RSA key and its certificate"):
            signer.sign_dicom(b"content")


def test_a_private_key_is_never_shown(ed: ed25519.Ed25519PrivateKey) -> None:
    assert "key" not in repr(Signer(ed))


def test_an_encrypted_key_needs_its_passphrase(
    ed: ed25519.Ed25519PrivateKey, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key_pem(ed, BestAvailableEncryption(b"secret")))
    assert Signer.load(path, None, lambda: b"secret").algorithm == "Ed25519"
    with pytest.raises(SignatureError, match="wrong passphrase"):
        Signer.load(path, None, lambda: b"wrong")
    with pytest.raises(SignatureError, match="is encrypted"):
        Signer.load(path)
    assert needs_passphrase(path.read_bytes())


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\nx\n", b"\0" * 50])
def test_what_is_no_key_needs_no_passphrase(data: bytes) -> None:
    assert not needs_passphrase(data)


def test_an_open_key_is_not_asked_for_a_passphrase(
    ed: ed25519.Ed25519PrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(key_pem(ed))
    Signer.load(tmp_path / "key.pem", None, lambda: pytest.fail("asked"))
    assert not needs_passphrase((tmp_path / "key.pem").read_bytes())


@pytest.mark.parametrize("kind", ["none", "garbage", "short", "dsa", "curve", "folder"])
def test_keys_of_no_use_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    contents = {
        "none": b"hello",
        "garbage": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    }
    if kind == "short":
        contents[kind] = key_pem(rsa.generate_private_key(65537, 1024))
    elif kind == "dsa":
        contents[kind] = key_pem(dsa.generate_private_key(1024))
    elif kind == "curve":
        contents[kind] = key_pem(ec.generate_private_key(ec.SECP521R1()))
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(contents[kind])
    with pytest.raises(SignatureError, match="key"):
        Signer.load(path)


def test_a_certificate_of_another_key_is_refused(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(key_pem(keys["Ed25519"]))
    other = certificate(keys["RSASSA-PSS-SHA256"])
    (tmp_path / "cert.pem").write_bytes(other.public_bytes(Encoding.PEM))
    with pytest.raises(SignatureError, match="is not of the key that is to sign"):
        Signer.load(tmp_path / "key.pem", tmp_path / "cert.pem")


def test_an_expired_certificate_does_not_sign(
    ed: ed25519.Ed25519PrivateKey, tmp_path: Path
) -> None:
    old = certificate(ed, days=(-10, -1)).public_bytes(Encoding.PEM)
    (tmp_path / "both.pem").write_bytes(key_pem(ed) + old)
    with pytest.raises(SignatureError, match="not today"):
        Signer.load(tmp_path / "both.pem")


def test_trust_in_a_key(ed: ed25519.Ed25519PrivateKey, tmp_path: Path) -> None:
    public = ed.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    trust = Trust.load(tmp_path / "public.pem")
    assert trust.covers(Signer(ed).public_key, (), NOW) == "its key is one that you trust"
    other = Signer(ed25519.Ed25519PrivateKey.generate())
    assert trust.covers(other.public_key, (), NOW) is None


@pytest.mark.parametrize("content", [b"", b"hello", "private"])
def test_trust_in_nothing_is_refused(
    content: bytes | str, ed: ed25519.Ed25519PrivateKey, tmp_path: Path
) -> None:
    data = key_pem(ed) if isinstance(content, str) else content
    (tmp_path / "trust.pem").write_bytes(data)
    with pytest.raises(SignatureError, match="public"):
        Trust.load(tmp_path / "trust.pem")


def test_trust_in_an_authority(keys: dict[str, PrivateKey]) -> None:
    ca_key, key = keys["ECDSA-P256-SHA256"], keys["RSASSA-PSS-SHA256"]
    public = Signer(key).public_key
    authority = certificate(ca_key, "authority", ca=True, usage="key_cert_sign")
    leaf = certificate(key, issuer=("authority", ca_key), usage="digital_signature")
    reason = Trust((), (authority,)).covers(public, (leaf,), NOW)
    assert reason is not None
    assert "issued by CN=authority" in reason

    def covered(
        chain: tuple[x509.Certificate, ...],
        trusted: x509.Certificate,
        at: datetime = NOW,
        of: bytes = public,
    ) -> bool:
        return Trust((), (trusted,)).covers(of, chain, at) is not None

    assert covered((leaf,), leaf)
    assert covered((), leaf), "the trusted certificate itself names the key"
    assert covered((leaf,), leaf, NOW + timedelta(days=10)), "valid to the last second"
    assert not covered((leaf,), leaf, NOW + timedelta(days=10, seconds=1))
    unlimited = certificate(key, issuer=("authority", ca_key))
    assert covered((unlimited,), authority), "one that names no use may be used for any"
    assert not covered((), authority)
    assert not covered((leaf,), authority, NOW + timedelta(days=30))
    assert not covered((leaf,), authority, of=Signer(keys["Ed25519"]).public_key)
    person = certificate(ca_key, "authority", ca=False)
    assert not covered((leaf,), person), "a person's certificate is no authority"
    silent = certificate(ca_key, "authority")
    assert not covered((leaf,), silent)
    other_use = certificate(ca_key, "authority", ca=True, usage="crl_sign")
    assert not covered((leaf,), other_use)
    namesake = certificate(keys["ECDSA-P384-SHA384"], "authority", ca=True)
    assert not covered((leaf,), namesake), "the same name, another key"
    encipher = certificate(key, issuer=("authority", ca_key), usage="key_encipherment")
    assert not covered((encipher,), authority), "not a certificate for signing"
    assert not covered((certificate(key),), authority), "signed by itself"


@pytest.mark.parametrize(
    "purposes, taken",
    [
        (["SERVER_AUTH", "CLIENT_AUTH"], False),
        (["OCSP_SIGNING"], False),
        (["CLIENT_AUTH", "EMAIL_PROTECTION"], True),
        (["ANY_EXTENDED_KEY_USAGE"], True),
    ],
)
def test_a_key_of_a_server_vouches_for_no_scan(
    keys: dict[str, PrivateKey], purposes: list[str], taken: bool
) -> None:
    """Whoever gets at the key of any server of a hospital could else seal in its name."""
    key, ca_key = keys["ECDSA-P256-SHA256"], keys["Ed25519"]
    usage = x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, name) for name in purposes])
    leaf = certificate(key, issuer=("authority", ca_key), other=(usage,))
    trust = Trust((), (certificate(ca_key, "authority", ca=True),))
    assert (trust.covers(public_der(key.public_key()), (leaf,), NOW) is not None) == taken


def test_what_is_critical_and_unknown_is_not_passed_over(keys: dict[str, PrivateKey]) -> None:
    key, ca_key = keys["ECDSA-P256-SHA256"], keys["Ed25519"]
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    leaf = certificate(key, issuer=("authority", ca_key), other=(unknown,))
    trust = Trust((), (certificate(ca_key, "authority", ca=True),))
    assert trust.covers(public_der(key.public_key()), (leaf,), NOW) is None


def test_an_authority_with_a_short_key_vouches_for_nobody(ed: ed25519.Ed25519PrivateKey) -> None:
    short = rsa.generate_private_key(65537, 1024)
    leaf = certificate(ed, issuer=("authority", short))
    trust = Trust((), (certificate(short, "authority", ca=True),))
    assert trust.covers(public_der(ed.public_key()), (leaf,), NOW) is None


def test_an_authority_that_signs_by_sha1_vouches_for_nobody(tmp_path: Path) -> None:
    """Two certificates of one hash can be made."""
    for name, more in (("ca", ""), ("me", "-CA ca.crt -CAkey ca.key")):
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -sha1 -subj /CN={name} -days 1 {more}"
        keys_out = f"-keyout {name}.key -out {name}.crt"
        made = subprocess.run([*command.split(), *keys_out.split()], cwd=tmp_path, check=False)
        if made.returncode:
            pytest.skip("this openssl signs no certificate so")
    ca, me = (
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes())
        for name in ("ca.crt", "me.crt")
    )
    own, now = public_der(me.public_key()), me.not_valid_before_utc + timedelta(minutes=1)
    assert Trust((), (ca,)).covers(own, (me,), now) is None
    assert Trust((), (me,)).covers(own, (me,), now), "one that is trusted itself needs nobody"


def test_a_name_stays_on_its_line(ed: ed25519.Ed25519PrivateKey) -> None:
    """Whoever signs anew names themselves: not a line below that says intact."""
    assert name_of(certificate(ed, "site\n\x1b[2Jintact")).isprintable()


def test_a_fingerprint_is_that_of_openssl(ed: ed25519.Ed25519PrivateKey) -> None:
    import hashlib

    der = ed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint(Signer(ed).public_key) == f"SHA256:{hashlib.sha256(der).hexdigest()}"


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"A" * 100_000])
def test_damaged_public_keys_are_refused(der: bytes) -> None:
    with pytest.raises(SignatureError, match="cannot be read"):
        load_public(der)
