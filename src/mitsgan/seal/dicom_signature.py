"""Copies of DICOM files with a digital signature of the standard in them.

The signature is over the pixels and the attributes of `mitsgan.files.dicom.content`, one in each
file, with SHA-256 and RSA (PKCS #1 v1.5), as other DICOM software checks it. Copies are written in
*Explicit VR Little Endian*: the signature is over that encoding, whatever the source's.

Source: DICOM PS3.15 annex C.1 and C.3 (base RSA profile), PS3.3 C.12.1.1.3 (digital signatures).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError, ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.content import KEYWORDS, OVERLAYS, SEQUENCES, SliceContent
from mitsgan.files.dicom.files import Progress, SliceFile
from mitsgan.files.dicom.find.parse import whole_dataset
from mitsgan.files.dicom.pixels.write import native_bytes
from mitsgan.files.dicom.write.encode import Encoding
from mitsgan.files.dicom.write.header import IMPLEMENTATION_UID, implementation_name
from mitsgan.quiet import UNREADABLE, quiet, said

_MAC_PARAMETERS, _SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)
_SIGNED = frozenset(
    tag
    for keyword in KEYWORDS
    if keyword not in (*SEQUENCES, OVERLAYS) and (tag := tag_for_keyword(keyword)) is not None
) | {dcm.PIXEL_DATA}
"""What is signed where it is there. Sequences are left to the sidecar."""
_PADDED = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT"}) | {
    *("PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
}
_EXPLICIT = Encoding(implicit=False, little=True)


def write_signed(
    slices: Sequence[SliceContent],
    path: Path,
    sign: Callable[[bytes], bytes],
    certificate: bytes,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write signed copies into a new folder, under the names of their sources.

    They are the same objects as their sources, with the same UIDs: pixels and attributes are
    unchanged.

    Args:
        slices: what to copy.
        path: the folder to be.
        sign: makes the RSA signature (PKCS #1 v1.5, SHA-256) of what it is given.
        certificate: the signer's, DER.
        overwrite: whether an existing output may be replaced.
        progress: called with (done, total) steps.

    Raises:
        OutputError: the output exists or cannot be written, or a file is signed already.
        ScanError: a file cannot be read.
    """
    moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+0000")
    frames: dict[SliceFile, list[SliceContent]] = defaultdict(list)
    for item in slices:
        frames[item.file].append(item)
    with atomic_output(path, overwrite=overwrite, folder=True) as temporary:
        for done, (file, items) in enumerate(frames.items()):
            target = temporary / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_signed(file, items, sign, certificate, moment))
            if progress is not None:
                progress(done + 1, len(frames))


def _signed(
    file: SliceFile,
    frames: Sequence[SliceContent],
    sign: Callable[[bytes], bytes],
    certificate: bytes,
    moment: str,
) -> bytes:
    path = file.path
    if _SIGNATURES in file.header or _MAC_PARAMETERS in file.header:
        raise OutputError(f"{path} holds a digital signature already; sign a copy without it")
    try:
        plain = _explicit(file, frames)
        dataset = dcmread(BytesIO(plain))
        if _SIGNATURES in dataset:
            raise OutputError(f"{path} holds a digital signature already; sign a copy without it")
        raw = [_settled(dataset, tag) for tag in sorted(dataset.keys()) if tag in _SIGNED]
        identity = [
            _EXPLICIT.raw(0x04000005, "US", b"\0\0"),  # MAC ID Number
            _EXPLICIT.raw(0x04000100, "UI", f"2.25.{uuid.uuid4().int}"),
            _EXPLICIT.raw(0x04000105, "DT", moment),
            _EXPLICIT.raw(0x04000110, "CS", "X509_1993_SIG"),
        ]
        signature = sign(_EXPLICIT.encode(raw) + _EXPLICIT.encode(identity))
        signed = b"".join(
            (e.tag >> 16).to_bytes(2, "little") + (e.tag & 0xFFFF).to_bytes(2, "little")
            for e in raw
        )
        parameters = _EXPLICIT.item(
            _EXPLICIT.raw(0x04000005, "US", b"\0\0"),
            _EXPLICIT.raw(0x04000010, "UI", str(ExplicitVRLittleEndian)),
            _EXPLICIT.raw(0x04000015, "CS", "SHA256"),
            _EXPLICIT.raw(0x04000020, "AT", signed),
        )
        signatures = _EXPLICIT.item(
            *identity,
            _EXPLICIT.raw(0x04000115, "OB", certificate),
            _EXPLICIT.raw(0x04000120, "OB", signature),
        )
        for tag, content in ((_MAC_PARAMETERS, parameters), (_SIGNATURES, signatures)):
            dataset[tag] = _EXPLICIT.raw(tag, "SQ", content)
        out = BytesIO()
        dcmwrite(out, dataset)
    except UNREADABLE as error:
        raise ScanError(
            f"{path} cannot be written anew ({said(error)}); repair its header "
            f"with a DICOM tool first"
        ) from error
    return out.getvalue()


def _settled(dataset: Dataset, tag: int) -> RawDataElement:
    """An element to be signed, in the dataset without more padding than it needs.

    Whoever reads the file may drop padding, and would then find another signature.
    """
    stored: Any = dataset.get_item(tag)
    value = bytes(stored.value or b"")
    if stored.VR in _PADDED:
        value = value.rstrip(b" \0")
    element = _EXPLICIT.raw(tag, str(stored.VR), value)
    dataset[tag] = element
    return element


def _explicit(file: SliceFile, frames: Sequence[SliceContent]) -> bytes:
    """The file in *Explicit VR Little Endian*."""
    ordered = sorted(frames, key=lambda item: item.frame.number)
    stored = b"".join(native_bytes(item.pixels(), little=True) for item in ordered)
    dataset = FileDataset("", whole_dataset(file), file.preamble)
    dataset[dcm.PIXEL_DATA] = DataElement(dcm.PIXEL_DATA, "OW", stored)
    for tag in _OFFSET_TABLES:
        if tag in dataset:
            del dataset[tag]
    dataset.file_meta = FileMetaDataset(dict(file.meta.items()))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    dataset.file_meta.ImplementationVersionName = implementation_name()
    out = BytesIO()
    with quiet():
        dcmwrite(out, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return out.getvalue()
