"""Whose scan it is, without saying whose: enough to keep patients apart, too little to name one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mitsgan.files.io import IMAGE_SUFFIXES, source_path
from mitsgan.scan.order import UNCHANGED, AxisOrder
from mitsgan.scan.scan import AIR_HU, Scan

if TYPE_CHECKING:
    from mitsgan.files.dicom.source import DicomSource

_PATIENT_ID = 0x00100020
_SALT = b"mitsgan: patients kept apart"
_DENSEST_HU = 3071


def patient_key(scan: Scan) -> str:
    """A salted hash that is the same for all scans of one patient.

    From DICOM it is that of (0010,0020) *Patient ID*, or where that is empty of (0020,000D)
    *Study Instance UID*; of an image, whose file says nothing, that of its file name without its
    ending. The salt is public, so it is a pseudonym and no anonymisation: who has a list of
    patients can, at some cost, try them all.
    """
    if (source := _dicom(scan)) is not None:
        from mitsgan.files.dicom import elements as dcm

        header = source.slices[0].header
        if patient := dcm.text(header, _PATIENT_ID).strip():
            return _hashed(f"patient {patient}")
        return _hashed(f"study {dcm.text(header, dcm.STUDY_INSTANCE_UID)}")
    return _hashed(f"image {image_stem(scan) or series_key(scan)}")


def series_key(scan: Scan) -> str:
    """A hash of the histogram of its HU: the same series in another format, or flipped, has it."""
    counts = np.zeros(_DENSEST_HU - int(AIR_HU) + 1, np.int64)
    for z in range(len(scan.stored)):
        hu = np.nan_to_num(scan.hu(z, z + 1), nan=AIR_HU)
        whole = np.clip(np.rint(hu), AIR_HU, _DENSEST_HU).astype(np.int64)
        counts += np.bincount((whole - int(AIR_HU)).ravel(), minlength=len(counts))
    # How many voxels are air depends on what a format holds outside the field of view.
    return hashlib.blake2b(counts[1:].tobytes(), digest_size=16).hexdigest()


def series_names(scan: Scan) -> frozenset[str]:
    """What a list of nodules may call the scan: its *Series Instance UID*, or its file's name."""
    if (source := _dicom(scan)) is not None:
        from mitsgan.files.dicom import elements as dcm

        uid = dcm.text(source.slices[0].header, dcm.SERIES_INSTANCE_UID)
        return frozenset(name for name in (uid, source.path.name) if name)
    stem = image_stem(scan)
    path = source_path(scan)
    return frozenset(name for name in (stem, path.name if path else "") if name)


def frames_of_reference(scan: Scan) -> frozenset[str]:
    """The *Frame of Reference UID* of its positions; none where its files tell none.

    It is one by the standard. Whoever took names off may have given each slice one of its own, as
    in LIDC-IDRI-0001, where all of them are told.
    """
    source = _dicom(scan)
    if source is None:
        return frozenset()
    from mitsgan.files.dicom import elements as dcm

    tag = dcm.FRAME_OF_REFERENCE_UID
    return frozenset(dcm.text(one.header, tag).strip() for one in source.slices) - {""}


def pixel_order(scan: Scan) -> AxisOrder:
    """How the scan's axes lie in those of its DICOM slices.

    An image does not say how those lay that it was made of: they are taken for a patient's on his
    back, as canonical order has them.
    """
    return UNCHANGED if _dicom(scan) is None else scan.order


def image_stem(scan: Scan) -> str:
    """The name of the scan's file without its ending, or nothing where it has no file."""
    path = source_path(scan)
    if path is None:
        return ""
    name = path.name
    ending = next((s for s in IMAGE_SUFFIXES if name.lower().endswith(s)), "")
    return name[: len(name) - len(ending)]


def _dicom(scan: Scan) -> DicomSource | None:
    from mitsgan.files.dicom.source import DicomSource

    return scan.source if isinstance(scan.source, DicomSource) else None


@lru_cache(maxsize=1024)
def _hashed(identifier: str) -> str:
    # Slow on purpose (about 50 ms): patient numbers are few enough to try them all.
    key = hashlib.scrypt(identifier.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=16)
    return key.hex()
