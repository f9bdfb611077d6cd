"""What an original is, in one digest: the slices as a seal describes them, in any order.

SHA-256 of the sorted SHA-256 of all slices, a line each in hexadecimal. That of a slice is over
its attributes, size and block digests as canonical JSON, as docs/seal.md describes them, with an
empty salt. It says the same of a series however its files are called, or losslessly encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from mitsgan.files.dicom.content import LATER, SliceContent, attributes
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.find.sift import sift
from mitsgan.files.dicom.frames import Frame, frames_of
from mitsgan.files.dicom.source import DicomSource
from mitsgan.progress import Steps
from mitsgan.reading import Choice
from mitsgan.scan.source import Source
from mitsgan.seal.content import Part, dicom_part, kind_of, read_parts
from mitsgan.seal.digest import block_digests
from mitsgan.seal.format import canonical, encode

_NO_SALT = ""


def source_digest(source: Source, progress: Steps | None = None) -> str:
    """The digest of what a scan was read from.

    Raises:
        ScanError: it cannot be read any more.
    """
    if isinstance(source, DicomSource):
        return _digest(_parts(source.slices), progress)
    assert source.path is not None  # what was read from a file
    return digest_of(source.path, progress)


def digest_of(path: Path, progress: Steps | None = None) -> str:
    """The digest of all slices at a path.

    Other than for a seal, elements may come in any order, as they did when the original was kept.

    Raises:
        ScanError: it cannot be read.
    """
    if kind_of(path) == "dicom":
        files, _ = sift(read_headers(path).files, of_any_modality=True)
        return _digest(_parts(frames_of(files)), progress)
    return _digest(read_parts(path, _NO_SALT, Choice()), progress)


def bytes_digest(parts: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of bytes in pieces, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _parts(frames: Sequence[Frame]) -> list[Part]:
    return [dicom_part(SliceContent(one, attributes(one)), _NO_SALT) for one in frames]


def _digest(parts: list[Part], progress: Steps | None) -> str:
    lines = []
    for done, part in enumerate(parts):
        stored = part.pixels()
        described = {  # as at first, so that what was kept by then is still known again
            "attributes": {k: v for k, v in part.attributes.items() if k not in LATER},
            "rows": stored.shape[0],
            "columns": stored.shape[1],
            "blocks": encode(block_digests(stored)),
        }
        lines.append(hashlib.sha256(canonical(described)).hexdigest())
        if progress is not None:
            progress(done + 1, len(parts))
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()
