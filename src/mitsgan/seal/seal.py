"""The seal: what a scan is, bound together by one signature, and what differs from it later.

Order matters: protect, mark, round, write, and then seal what was written. A seal finds every
change of a voxel or of an attribute that counts, but it is broken by every processing, however
harmless; the mark survives these, but is a statistic. docs/seal.md.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from mitsgan import __version__
from mitsgan.files.dicom.files import Progress
from mitsgan.reading import Choice
from mitsgan.seal.compare import compare, pair_slices
from mitsgan.seal.content import choose_parts, kind_of, read_parts
from mitsgan.seal.digest import BLOCK, SIZE, block_digests
from mitsgan.seal.format import (
    DIGEST,
    FORMAT,
    VERSION,
    SealError,
    canonical,
    encode,
    read_seal,
    timestamp,
    write_seal,
)
from mitsgan.seal.keys import fingerprint, load_certificates, name_of
from mitsgan.seal.report import Finding, SealReport, SealVerdict
from mitsgan.seal.signature import Signer, verify
from mitsgan.seal.trust import Trust


def make_seal(
    path: Path,
    signer: Signer,
    choice: Choice | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Seal a scan as it lies on disk: the document of docs/seal.md, signed.

    Args:
        path: a folder with a DICOM series, a DICOM file, or an image.
        signer: who signs.
        choice: which scan, where a folder holds several.
        progress: called with (done, total) steps.

    Raises:
        ScanError: it cannot be read.
        SealError: slices that cannot be told apart.
    """
    salt = secrets.token_hex(16)
    choice = choice or Choice()
    parts = choose_parts(read_parts(path, salt, choice, progress), path, choice)
    shared = {
        name: text
        for name, text in parts[0].attributes.items()
        if all(part.attributes.get(name) == text for part in parts)
    }
    slices = []
    for z, part in enumerate(parts):
        stored = part.pixels()
        slices.append(
            {
                "attributes": {k: v for k, v in part.attributes.items() if k not in shared},
                "rows": stored.shape[0],
                "columns": stored.shape[1],
                "blocks": encode(block_digests(stored)),
            }
        )
        if progress is not None:
            progress(len(parts) + z + 1, 2 * len(parts))
    document: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "created": timestamp(datetime.now(UTC)),
        "software": f"mitsgan {__version__}",
        "signer": {
            "algorithm": signer.algorithm,
            "public_key": encode(signer.public_key),
            "certificates": [encode(c.public_bytes(Encoding.DER)) for c in signer.certificates],
        },
        "content": {
            "kind": kind_of(path),
            "digest": DIGEST,
            "block": BLOCK,
            "salt": salt,
            "attributes": shared,
            "slices": slices,
        },
    }
    return {**document, "signature": encode(signer.sign(canonical(document)))}


def verify_seal(
    path: Path,
    seal_path: Path,
    trust: Trust | None = None,
    *,
    progress: Progress | None = None,
) -> SealReport:
    """What of a scan differs from its seal, and who vouches for the seal.

    Files of other series in the same folder are left out, and counted in the notes.

    Args:
        path: the scan, as for `make_seal`.
        seal_path: the sidecar.
        trust: whom to believe. Without it nothing is ever ``intact``: whoever changes a scan can
            also sign it anew, with a key of their own.
        progress: called with (done, total) steps.

    Raises:
        SealError: the sidecar cannot be read, or is of another kind of file.
        SignatureError: its key or certificates cannot be read.
        ScanError: the scan is not there, the header of a file cannot be read, or its pixels are
            encoded in a way that no decoder here knows.
    """
    seal = read_seal(seal_path)
    if kind_of(path) != seal.kind:
        raise SealError(
            f"{seal_path} is the seal of {_named(seal.kind)}, but {path} is "
            f"{_named(kind_of(path))}; give the scan that was sealed"
        )
    genuine = verify(seal.public_key, seal.algorithm, seal.signature, seal.signed)
    certificates = load_certificates(seal.certificates)
    findings: list[Finding] = []
    notes: list[str] = []
    if not genuine:
        findings.append(
            Finding("signature", "the signature is wrong: the seal itself was changed, or damaged")
        )
    parts = read_parts(path, seal.salt, Choice(), progress)
    pairs, extra = pair_slices(seal, parts, notes)
    findings += compare(seal, pairs, progress)
    findings += extra
    trusted = None
    if genuine and trust is not None:
        trusted = trust.covers(seal.public_key, certificates, seal.created)
        if trusted is None:
            notes.append(
                "the signer is none of those that you trust, nor certified by one of them at the "
                "time of signing"
            )
    elif genuine:
        notes.append("no trusted certificate or key was given, so the signer may be anybody")
    verdict: SealVerdict = "tampered" if findings else "intact" if trusted else "unknown"
    return SealReport(
        verdict=verdict,
        findings=tuple(findings),
        trusted=trusted,
        fingerprint=fingerprint(seal.public_key),
        signer=name_of(certificates[0]) if certificates else "",
        algorithm=seal.algorithm,
        created=timestamp(seal.created),
        slices=len(seal.slices),
        blocks=sum(len(item.blocks) // SIZE for item in seal.slices),
        notes=tuple(notes),
    )


def _named(kind: str) -> str:
    return "a DICOM series" if kind == "dicom" else "an image file"


__all__ = ["make_seal", "read_seal", "verify_seal", "write_seal"]
