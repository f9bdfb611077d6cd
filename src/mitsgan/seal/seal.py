"""The seal: what a scan is, bound together by one signature, and what differs from it later.

Order matters: protect, mark, round, write, and then seal what was written. A seal finds every
change of a voxel or of an attribute that counts, and its sketch tells processing, which changes
them all, from tampering, which changes what a scan shows. docs/seal.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from numpy.typing import NDArray

from mitsgan import __version__
from mitsgan.errors import ScanError
from mitsgan.files.dicom.files import Progress
from mitsgan.files.dicom.find.sift import LeftOut
from mitsgan.reading import Choice
from mitsgan.seal.content import Part, choose_parts, kind_of, of_series, read_parts
from mitsgan.seal.digest import BLOCK, block_digests
from mitsgan.seal.format import (
    DIGEST,
    FORMAT,
    VERSION,
    SealedOriginal,
    SealError,
    canonical,
    encode,
    timestamp,
)
from mitsgan.seal.scans import whole_scan
from mitsgan.seal.signature import Signer
from mitsgan.seal.sketch.encoding import to_fields
from mitsgan.seal.sketch.sketch import make_sketch


def make_seal(
    path: Path,
    signer: Signer,
    choice: Choice | None = None,
    *,
    sketch: bool = True,
    original: SealedOriginal | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, object]:
    """Seal a scan as it lies on disk: the document of docs/seal.md, signed.

    Args:
        path: a folder with a DICOM series, a DICOM file, or an image.
        signer: who signs.
        choice: which scan, where a folder holds several.
        sketch: whether to seal a coarse picture of what it shows, too. What is no whole CT scan in
            HU is sealed without.
        original: what the scan was before it was protected, where that is kept.
        progress: called with (done, total) steps.
        tell: called with why there is no sketch, where one was to be.

    Raises:
        ScanError: it cannot be read, or somebody writes to it meanwhile.
        SealError: slices that cannot be told apart, or what is none under the UID of their series.
    """
    salt = secrets.token_hex(16)
    choice = choice or Choice()
    beside: list[LeftOut] = []
    parts = choose_parts(read_parts(path, salt, choice, progress, beside), path, choice)
    for item in of_series(beside, {part.series for part in parts}):
        raise SealError(
            f"{item.name} is no slice ({item.kind}), but has the *Series Instance UID* of the "
            f"scan: whoever verifies could not tell whether it was there; move it away, or give "
            f"it a series of its own"
        )
    shared = {
        name: text
        for name, text in parts[0].attributes.items()
        if all(part.attributes.get(name) == text for part in parts)
    }
    slices = []
    for z, part in enumerate(parts):
        rest = {k: v for k, v in part.attributes.items() if k not in shared}
        slices.append({"attributes": rest, **_size_and_blocks(part.pixels())})
        if progress is not None:
            progress(len(parts) + z + 1, 2 * len(parts))
    picture = _sketch(parts, path, tell) if sketch else None
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
            **({} if picture is None else {"sketch": picture}),
            **({} if original is None else {"original": original.fields()}),
        },
    }
    return {**document, "signature": encode(signer.sign(canonical(document)))}


def _size_and_blocks(stored: NDArray[Any]) -> dict[str, object]:
    """What is sealed of the pixels of a slice ``[y, x]``."""
    rows, columns = stored.shape
    return {"rows": rows, "columns": columns, "blocks": encode(block_digests(stored))}


def _sketch(
    parts: Sequence[Part], path: Path, tell: Callable[[str], None] | None
) -> dict[str, object] | None:
    """The fields of a sketch; None of what is no whole CT scan in HU, which has none.

    Raises:
        ScanError: a file is no longer what was sealed of it.
    """
    try:
        scan = whole_scan(parts, path)
    except ScanError as error:
        for part in parts:
            if part.frame is not None:
                part.frame.file.check_unchanged()
        if tell is not None:
            tell(f"sealed without a sketch, by which processing is told from tampering: {error}")
        return None
    return to_fields(make_sketch(scan))
