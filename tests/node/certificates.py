"""An authority and certificates for tests of TLS."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Party:
    """A certificate, its key and the authority, as files."""

    certificate: Path
    key: Path
    authority: Path

    def toml(self) -> str:
        """As the node's settings."""
        return (
            f'tls = {{ certificate = "{self.certificate}", key = "{self.key}", '
            f'authorities = "{self.authority}" }}\n'
        )

    def dcmtk(self) -> list[str]:
        """As options of dcmtk."""
        return ["+tls", str(self.key), str(self.certificate), "+cf", str(self.authority)]

    def fingerprint(self) -> str:
        """SHA-256 of the certificate."""
        read = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return read.fingerprint(hashes.SHA256()).hex()


def parties(folder: Path, *names: str, ended: bool = False) -> list[Party]:
    """Certificates of one authority, for 127.0.0.1; valid, or no longer."""
    root = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    folder.mkdir(parents=True, exist_ok=True)
    authority = folder / "ca.crt"
    authority.write_bytes(_certificate(issuer, issuer, root, root, True).public_bytes(Encoding.PEM))
    paths = []
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _certificate(subject, issuer, key, root, False, 0 if ended else 2)
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        path = folder / f"{name}.key"
        path.touch(0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        paths.append(Party(folder / f"{name}.crt", path, authority))
    return paths


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    authority: bool,
    days: int = 2,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())
