"""The original within each DICOM file, as the standard keeps it, for other software to restore.

*Encrypted Attributes Sequence* (0400,0500): its one item holds, as CMS, a data set with the
*Modified Attributes Sequence* (0400,0550), and that the original *Pixel Data* and every attribute
that was changed or taken away. Explicit VR little endian within and without: no other form is
restored by other toolkits.

Source: DICOM PS3.3 C.12.1.1.4.1 and PS3.15 E.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.uid import ExplicitVRLittleEndian

from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.pixels.write import native_bytes
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.dicom.write.encode import Element, Encoding
from mitsgan.files.dicom.write.header import CHANGED, STALE, charset
from mitsgan.files.dicom.write.series import write_parts
from mitsgan.files.dicom.write.verbatim import verbatim
from mitsgan.restore.digest import bytes_digest
from mitsgan.restore.envelope import Recipient, encrypt
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.series import read_written
from mitsgan.restore.within import ENCRYPTED_ATTRIBUTES, Promise, protected_digest
from mitsgan.scan.source import Source

_SYNTAX, _CONTENT, _MODIFIED = 0x04000510, 0x04000520, 0x04000550
_PIXEL_DATA = 0x7FE00010
_OUTER = _INNER = Encoding(implicit=False, little=True)


def check_encryptable(source: Source | None) -> None:
    """Raise `RestoreError` where a scan cannot hold its original: before the work, not after."""
    if not isinstance(source, DicomSource):
        raise RestoreError(
            "the full form keeps the original within DICOM files, and the scan is none; give "
            "`restorable_form=residual`"
        )
    for file in source.files:
        if file.transfer_syntax != ExplicitVRLittleEndian:
            raise RestoreError(
                f"{file.path} is in {file.transfer_syntax.name}; other software restores the full "
                f"form in Explicit VR Little Endian alone: convert its files (dcmconv +te, or "
                f"gdcmconv --raw where they are compressed), or give `restorable_form=residual`"
            )
        if ENCRYPTED_ATTRIBUTES in file.header:
            raise RestoreError(
                f"{file.path} holds encrypted attributes already; give `restorable_form=residual`"
            )


def add_originals(
    source: Source | None, written: Path, recipients: Sequence[Recipient], original: str
) -> None:
    """Put its original into each file of a protected series, encrypted.

    Args:
        source: the original.
        written: the protected series, a folder or a file.
        recipients: who may have the original.
        original: its digest (`mitsgan.restore.digest`).

    Raises:
        RestoreError: see `check_encryptable` and `mitsgan.restore.envelope.encrypt`.
        ScanError: a file cannot be read any more.
    """
    check_encryptable(source)
    assert isinstance(source, DicomSource)  # which that made sure of
    forms = {frame.file: form for frame, form in zip(source.slices, source.forms, strict=True)}
    for file, form in forms.items():
        derived = read_written(written, file)
        if derived.pixel_offset is None or derived.encoding != (False, True):
            raise RestoreError(
                f"{derived.path} cannot be read anew; nothing was written. Please report this"
            )
        around, frames = verbatim(file, form)
        assert around.sha256 is not None  # of what is not compressed
        kept = _original(file, frames)
        promise = Promise(
            original=original,
            protected=protected_digest(derived, form),
            files=len(forms),
            modified=bytes_digest([kept]),
            file=around.sha256,
            before=around.before,
            after=around.after,
        )
        content = encrypt(kept + _INNER.encode(promise.elements(_INNER)), recipients)
        _insert(derived, charset(file.header), content)


def _original(file: SliceFile, frames: Sequence[NDArray[Any]]) -> bytes:
    """The *Modified Attributes Sequence*, with all that was changed, and the pixels."""
    whole = frames[0] if len(frames) == 1 else np.stack(frames)
    pixels = _INNER.raw(_PIXEL_DATA, "OW", bytes(native_bytes(whole, little=True)))
    changed = [_padded(e) for tag, e in file.header.items() if tag in CHANGED | STALE]
    item = _INNER.item(*changed, pixels, charset=charset(file.header))
    return _INNER.encode([_INNER.raw(_MODIFIED, "SQ", item)])


def _padded(element: Element) -> Element:
    """With a value of even length: odd ones, as old writers leave them, cannot be read in items."""
    if not isinstance(element, RawDataElement) or not len(element.value or b"") % 2:
        return element
    return _INNER.raw(element.tag, str(element.VR), element.value or b"")


def _insert(file: SliceFile, names: str | list[str], content: bytes) -> None:
    """Add the sequence to a file that was written, whose character sets have these names."""
    item = _OUTER.item(
        _OUTER.raw(_SYNTAX, "UI", str(ExplicitVRLittleEndian)),
        _OUTER.raw(_CONTENT, "OB", content),
    )
    elements = dict(file.header.items())
    added = _OUTER.raw(ENCRYPTED_ATTRIBUTES, "SQ", item)
    elements[added.tag] = added
    before = _OUTER.encode([elements[tag] for tag in sorted(elements)], names)
    data = file.path.read_bytes()
    write_parts(file.path, [data[: file.body_offset], before, data[file.pixel_offset :]])
