"""The sidecar: a JSON document, its canonical bytes, and a reader that takes nothing else.

What is signed are the canonical bytes of the document without its ``signature``: UTF-8, names
sorted, no blanks. As the document holds text and whole numbers only and its names are ASCII, these
are the bytes of RFC 8785 (JCS). docs/seal.md describes every field.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mitsgan.atomic import atomic_output
from mitsgan.errors import MitsganError
from mitsgan.quiet import remedy
from mitsgan.seal.digest import SIZE, block_count

FORMAT, VERSION, DIGEST = "mitsgan-seal", 2, "SHA-256"
READABLE = (1, 2)
"""Versions that are read: seals of old stay valid. The first had no sketch."""

OPTIONAL = ("sketch", "original")
"""Fields of the content that a seal may lack, from version 2 on."""

KINDS = ("dicom", "image")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LARGEST = 256 << 20
_LARGEST_SIDE = 1 << 16
_LARGEST_BLOCK = 4096


class SealError(MitsganError):
    """A seal cannot be made, or is none that can be read."""


@dataclass(frozen=True)
class SealedSlice:
    """One slice as it was: attributes of its own, size, and the digests of its blocks."""

    attributes: Mapping[str, str]
    rows: int
    columns: int
    blocks: bytes


@dataclass(frozen=True)
class SealedOriginal:
    """What the scan was before it was protected, if that is kept.

    Attributes:
        digest: of the original, as `mitsgan.restore.digest` takes it, in hexadecimal.
        encrypted: SHA-256 of what it is kept in, encrypted, in hexadecimal.
    """

    digest: str
    encrypted: str

    def fields(self) -> dict[str, str]:
        """As they stand in the document."""
        return {"digest": self.digest, "encrypted": self.encrypted}


@dataclass(frozen=True)
class Seal:
    """A sidecar whose form is right; whether its signature is, is another question.

    Attributes:
        created: when it was made, by the clock of whoever signed.
        algorithm, public_key, certificates, signature: the signer's, keys and certificates in DER.
        kind: ``dicom`` or ``image``.
        block: the side of a block in voxels.
        salt: hashed with attributes that name the patient.
        attributes: those that all slices share.
        slices: z ascending.
        sketch: the fields of the sketch (`mitsgan.seal.sketch.encoding`); None without one.
        original: what the scan was before it was protected; None where that is not kept.
        signed: the canonical bytes that the signature is over.
    """

    created: datetime
    algorithm: str
    public_key: bytes
    certificates: tuple[bytes, ...]
    signature: bytes
    kind: str
    block: int
    salt: str
    attributes: Mapping[str, str]
    slices: tuple[SealedSlice, ...]
    sketch: Mapping[str, object] | None
    original: SealedOriginal | None
    signed: bytes

    def expected(self, z: int) -> dict[str, str]:
        """All attributes of a slice."""
        return {**self.attributes, **self.slices[z].attributes}

    def tells(self, name: str) -> bool:
        """Whether anything is said of an attribute."""
        return name in self.attributes or any(name in item.attributes for item in self.slices)

    def each(self, name: str) -> list[str]:
        """What each slice says of an attribute; "" where one says nothing."""
        shared = self.attributes.get(name, "")
        return [item.attributes.get(name, shared) for item in self.slices]

    def values(self, name: str) -> set[str]:
        """All that slices say of an attribute; "" where one says nothing."""
        return set(self.each(name))


def canonical(document: Mapping[str, object]) -> bytes:
    """The bytes that are signed: of all but ``signature``."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def timestamp(moment: datetime) -> str:
    """UTC to the second."""
    return moment.astimezone(UTC).strftime(_TIME)


def encode(data: bytes) -> str:
    """Base64, as all bytes in the document are."""
    return base64.b64encode(data).decode("ascii")


def write_seal(document: Mapping[str, object], path: Path, *, overwrite: bool = False) -> None:
    """Write a sidecar, whole or not at all.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(sidecar(document))


def sidecar(document: Mapping[str, object]) -> bytes:
    """The bytes of a sidecar."""
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def read_seal(path: Path) -> Seal:
    """Read a sidecar; its signature is not looked at.

    Raises:
        SealError: unreadable, damaged, or not of this format and version.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise SealError(
            f"the seal {path} cannot be read ({error.strerror}); "
            f"{remedy(error, 'name the file that `mitsgan seal` wrote')}"
        ) from error
    if len(data) > _LARGEST:
        raise SealError(
            f"{path} is larger than {_LARGEST >> 20} MB, which no seal is; name the file that "
            f"`mitsgan seal` wrote"
        )
    try:
        return parse(data)
    except SealError as error:
        raise SealError(f"{path} is no seal that can be read: {error}; fetch it again") from error


def parse(data: bytes) -> Seal:
    """A sidecar from its bytes.

    Raises:
        SealError: not JSON, or not this format; says where.
    """
    top = _document(data)
    version = _version(top)
    _names(top, "the document", "format version created software signer content signature")
    signer = _object(top["signer"], "signer")
    _names(signer, "signer", "algorithm public_key certificates")
    content = _object(top["content"], "content")
    fields = "kind digest block salt attributes slices"
    optional = () if version == 1 else OPTIONAL
    _names(content, "content", fields, optional)
    _text(top["software"], "software")
    if content["kind"] not in KINDS or content["digest"] != DIGEST:
        raise SealError(f"content: kind or digest is unknown, expected {KINDS} and {DIGEST}")
    block = _number(content["block"], "block", _LARGEST_BLOCK)
    slices = tuple(
        _slice(item, f"slice {z}", block) for z, item in enumerate(_list(content["slices"]))
    )
    if not slices:
        raise SealError("it seals no slice")
    try:
        signed = canonical(top)
    except (ValueError, RecursionError) as error:  # surrogates, which UTF-8 cannot hold
        raise SealError(f"it holds text that is not Unicode ({_short(error)})") from error
    return Seal(
        created=_time(top["created"]),
        algorithm=_text(signer["algorithm"], "algorithm"),
        public_key=_bytes(signer["public_key"], "public_key"),
        certificates=tuple(_bytes(item, "certificates") for item in _list(signer["certificates"])),
        signature=_bytes(top["signature"], "signature"),
        kind=str(content["kind"]),
        block=block,
        salt=_text(content["salt"], "salt"),
        attributes=_attributes(content["attributes"], "content"),
        slices=slices,
        # What is in it is looked at when the signature has been: its images need a decoder.
        sketch=_object(content["sketch"], "sketch") if "sketch" in content else None,
        original=_original(content["original"]) if "original" in content else None,
        signed=signed,
    )


def _document(data: bytes) -> dict[str, object]:
    """Its JSON, in which no name comes twice and no number has a fraction."""
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except (ValueError, RecursionError) as error:
        raise SealError(f"it is damaged or not JSON ({_short(error)})") from error
    return _object(document, "the document")


def _version(top: Mapping[str, object]) -> object:
    """Its version, which is one that this program reads."""
    if top.get("format") != FORMAT:
        raise SealError(f'it lacks "format": "{FORMAT}"')
    version = top.get("version")
    if version not in READABLE or isinstance(version, bool):
        known = " and ".join(map(str, READABLE))
        raise SealError(f"it is of version {_short(version)}, this program reads {known}")
    return version


def _original(value: object) -> SealedOriginal:
    fields = _object(value, "original")
    _names(fields, "original", "digest encrypted")
    digest, encrypted = (_text(fields[name], name) for name in ("digest", "encrypted"))
    if not all(re.fullmatch("[0-9a-f]{64}", text) for text in (digest, encrypted)):
        raise SealError("original: expected SHA-256 in hexadecimal")
    return SealedOriginal(digest, encrypted)


def _slice(item: object, where: str, block: int) -> SealedSlice:
    fields = _object(item, where)
    _names(fields, where, "attributes rows columns blocks")
    rows = _number(fields["rows"], f"{where}: rows", _LARGEST_SIDE)
    columns = _number(fields["columns"], f"{where}: columns", _LARGEST_SIDE)
    blocks = _bytes(fields["blocks"], f"{where}: blocks")
    if len(blocks) != SIZE * block_count(rows, columns, block):
        raise SealError(
            f"{where}: blocks holds {len(blocks)} bytes, which is not {SIZE} for each block"
        )
    return SealedSlice(_attributes(fields["attributes"], where), rows, columns, blocks)


def _attributes(value: object, where: str) -> dict[str, str]:
    return {
        _keyword(name, where): _text(text, f"{where}: {name}")
        for name, text in _object(value, f"{where}: attributes").items()
    }


def _keyword(name: str, where: str) -> str:
    # Sorting names by code point is RFC 8785's order for ASCII alone.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,63}", name):
        raise SealError(f"{where}: {_short(name)} is no name of an attribute")
    return name


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return unique


def _no_fraction(text: str) -> object:
    raise ValueError(f"{text[:20]} is not a whole number")


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SealError(f"{where} is no object")
    return value


def _names(
    fields: Mapping[str, object], where: str, names: str, optional: Sequence[str] = ()
) -> None:
    wrong = sorted((set(fields) - set(optional)) ^ set(names.split()))
    if wrong:
        raise SealError(f"{where} lacks a field or has one too many: {_short(wrong)}")


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise SealError(f"{_short(value)} is no list")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise SealError(f"{where} is no text")
    return value


def _number(value: object, where: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise SealError(f"{where} is no whole number from 1 to {most}")
    return value


def _bytes(value: object, where: str) -> bytes:
    text = _text(value, where)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealError(f"{where} is not base64") from error
    if encode(data) != text:  # unused bits at the end: one value, one spelling
        raise SealError(f"{where} is not base64 as it should be written")
    return data


def _time(value: object) -> datetime:
    try:
        return datetime.strptime(_text(value, "created"), _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise SealError("created is no time like 2026-01-31T12:00:00Z") from error


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
