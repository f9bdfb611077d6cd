"""The seal: what a scan is, bound together by one signature, and what differs from it later.

Order matters: protect, mark, round, write, and then seal what was written. A seal finds every
change of a voxel or of an attribute that counts, but it is broken by every processing, however
harmless; the mark survives these, but is a statistic. docs/seal.md.
"""

from __future__ import annotations

import difflib
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from mitsgan import __version__
from mitsgan.errors import ScanError
from mitsgan.mark.seal_content import SALTED, Part, choose_series, kind_of, read_parts
from mitsgan.mark.seal_digest import BLOCK, SIZE, block_digests, differing_blocks
from mitsgan.mark.seal_format import (
    DIGEST,
    FORMAT,
    VERSION,
    Seal,
    SealError,
    canonical,
    encode,
    read_seal,
    timestamp,
    write_seal,
)
from mitsgan.mark.seal_report import Finding, SealReport, SealVerdict
from mitsgan.mark.signature import Signer, verify
from mitsgan.mark.signature_keys import fingerprint, load_certificates, name_of
from mitsgan.mark.signature_trust import Trust
from mitsgan.scan.dicom_content import describe
from mitsgan.scan.dicom_files import Progress


def make_seal(
    path: Path,
    signer: Signer,
    *,
    series: str | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Seal a scan as it lies on disk: the document of docs/seal.md, signed.

    Args:
        path: a folder with a DICOM series, a DICOM file, or an image.
        signer: who signs.
        series: the *Series Instance UID*, where a folder holds several.
        progress: called with (done, total) steps.

    Raises:
        ScanError: it cannot be read.
        SealError: slices that cannot be told apart.
    """
    salt = secrets.token_hex(16)
    parts = choose_series(read_parts(path, salt, progress), path, series)
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
    parts = read_parts(path, seal.salt, progress)
    pairs, extra = _pair(seal, parts, notes)
    findings += _compare(seal, pairs, progress)
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


def _pair(
    seal: Seal, parts: Sequence[Part], notes: list[str]
) -> tuple[list[Part | None], list[Finding]]:
    """Which slice there is for each that was sealed, and which there are too many."""
    if seal.kind == "image":
        return _pair_in_order(seal, parts)
    pairs: list[Part | None] = [None] * len(seal.slices)
    left: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        left[part.attributes.get("SOPInstanceUID", "")].append(part)
    for z in range(len(seal.slices)):
        found = left.get(seal.expected(z).get("SOPInstanceUID", ""))
        if found:
            pairs[z] = found.pop(0)
    rest = [part for group in left.values() for part in group]
    if None in pairs:
        _pair_by_pixels(seal, pairs, rest)
    series = {seal.expected(z).get("SeriesInstanceUID", "") for z in range(len(seal.slices))}
    uids = {seal.expected(z).get("SOPInstanceUID", "") for z in range(len(seal.slices))}
    extra = [
        part
        for part in rest
        if part.series in series or part.attributes.get("SOPInstanceUID", "") in uids
    ]
    if len(extra) < len(rest):
        notes.append(f"{len(rest) - len(extra)} file(s) of other series were left out")
    return pairs, [
        Finding("extra", f"{part.name} is no slice that was sealed, or is there twice")
        for part in extra
    ]


def _pair_by_pixels(seal: Seal, pairs: list[Part | None], rest: list[Part]) -> None:
    """Slices whose UID was changed are known by their pixels; those found leave ``rest``."""
    lost = {seal.slices[z].blocks: z for z, part in enumerate(pairs) if part is None}
    for part in list(rest):
        try:
            z = lost.pop(block_digests(part.pixels(), seal.block), None)
        except ScanError:
            continue
        if z is not None:
            pairs[z] = part
            rest.remove(part)


def _pair_in_order(seal: Seal, parts: Sequence[Part]) -> tuple[list[Part | None], list[Finding]]:
    """Slices of an image have no names: as many are compared one by one, else aligned."""
    if len(parts) == len(seal.slices):
        return list(parts), []
    found = [block_digests(part.pixels(), seal.block) for part in parts]
    sealed = [item.blocks for item in seal.slices]
    pairs: list[Part | None] = [None] * len(sealed)
    extra: list[Part] = []
    steps = difflib.SequenceMatcher(None, sealed, found, autojunk=False).get_opcodes()
    for _, a, a_end, b, b_end in steps:
        both = min(a_end - a, b_end - b)
        pairs[a : a + both] = parts[b : b + both]
        extra += parts[b + both : b_end]
    return pairs, [
        Finding("extra", f"{part.name} of the image is none that was sealed") for part in extra
    ]


def _compare(seal: Seal, pairs: Sequence[Part | None], progress: Progress | None) -> list[Finding]:
    if not any(pairs):
        text = f"none of the {len(pairs)} sealed slices is there: is it the seal of another scan?"
        return [Finding("missing", text, tuple(range(len(pairs))))]
    changed: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    findings: list[Finding] = []
    for z, part in enumerate(pairs):
        if part is None:
            findings.append(
                Finding("missing", f"{_slice(seal, z)} of {len(pairs)} is missing", (z,))
            )
        else:
            expected = seal.expected(z)
            for name in sorted(expected.keys() | part.attributes.keys()):
                before, now = expected.get(name, ""), part.attributes.get(name, "")
                if before != now:
                    changed[name, before, now].append(z)
            findings += _compare_pixels(seal, z, part)
        if progress is not None:
            progress(len(pairs) + z + 1, 2 * len(pairs))
    headers = [
        Finding("attribute", _attribute(seal, name, before, now, slices), tuple(slices), name)
        for (name, before, now), slices in changed.items()
    ]
    return headers + findings


def _compare_pixels(seal: Seal, z: int, part: Part) -> list[Finding]:
    item, where = seal.slices[z], f"{_slice(seal, z)} ({part.name})"
    try:
        stored = part.pixels()
    except ScanError as error:
        if not part.decodable:
            raise
        return [Finding("unreadable", f"{where}: {error}", (z,))]
    if stored.shape != (item.rows, item.columns):
        was = f"{item.rows} x {item.columns}"
        return [
            Finding("pixels", f"{where} is {stored.shape[0]} x {stored.shape[1]}, was {was}", (z,))
        ]
    found = block_digests(stored, seal.block)
    if found == item.blocks:
        return []
    boxes = differing_blocks(item.blocks, found, item.rows, item.columns, seal.block)
    if not boxes:  # digests of other sizes than they should have: never called the same
        return [Finding("pixels", f"{where} differs", (z,))]
    source = next((k for k, other in enumerate(seal.slices) if other.blocks == found), None)
    if source is not None:
        text = f"{where} holds the pixels of {_slice(seal, source)}"
        return [Finding("moved", text, (z,), boxes=tuple(boxes))]
    listed = "; ".join(str(box) for box in boxes[:3])
    more = f" and {len(boxes) - 3} more" if len(boxes) > 3 else ""
    blocks = "1 block differs" if len(boxes) == 1 else f"{len(boxes)} blocks differ"
    return [Finding("pixels", f"{where}: {blocks}: {listed}{more}", (z,), boxes=tuple(boxes))]


def _slice(seal: Seal, z: int) -> str:
    number = seal.expected(z).get("InstanceNumber", "")
    return f"slice {z}" + (f", instance number {number}" if number else "")


def _attribute(seal: Seal, name: str, before: str, now: str, slices: Sequence[int]) -> str:
    count = len(slices)
    where = "all slices" if count == len(seal.slices) > 1 else f"{count} slices"
    where = _slice(seal, slices[0]) if count == 1 else where
    if name in SALTED and before and now:
        return f"{describe(name)} was changed in {where}"
    was, is_now = _value(name, before), _value(name, now)
    return f"{describe(name)} was {was}, now is {is_now}, in {where}"


def _value(name: str, text: str) -> str:
    if not text:
        return "absent"
    if name in SALTED:
        return "given"
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


__all__ = ["make_seal", "read_seal", "verify_seal", "write_seal"]
