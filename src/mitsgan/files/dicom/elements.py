"""Reading single DICOM elements without disturbing them.

pydicom replaces a raw element by a converted one when its value is asked for, and a converted one
may be written back differently (" 0.675781" as "0.675781"). These helpers look at the raw bytes
and leave them, so that what is not meant to change does not change, byte for byte.
"""

from __future__ import annotations

import math
from pathlib import Path
from struct import calcsize, iter_unpack

from pydicom import charset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from mitsgan.errors import ScanError

UNDEFINED_LENGTH = 0xFFFFFFFF
"""Of what ends where a delimiter says so."""

IMAGE_TYPE = 0x00080008
INSTANCE_CREATION_DATE = 0x00080012
INSTANCE_CREATION_TIME = 0x00080013
INSTANCE_CREATOR_UID = 0x00080014
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
MODALITY = 0x00080060
SERIES_DESCRIPTION = 0x0008103E
PATIENT_ID = 0x00100020
SLICE_THICKNESS = 0x00180050
SPACING_BETWEEN_SLICES = 0x00180088
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
SERIES_NUMBER = 0x00200011
INSTANCE_NUMBER = 0x00200013
POSITION = 0x00200032
ORIENTATION = 0x00200037
FRAME_OF_REFERENCE_UID = 0x00200052
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
PIXEL_SPACING = 0x00280030
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103
PIXEL_PADDING_VALUE = 0x00280120
PIXEL_PADDING_RANGE_LIMIT = 0x00280121
RESCALE_INTERCEPT = 0x00281052
RESCALE_SLOPE = 0x00281053
RESCALE_TYPE = 0x00281054
LOSSY_IMAGE_COMPRESSION = 0x00282110
PIXEL_DATA = 0x7FE00010

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
"""How `struct` calls the kinds of numbers that are no text."""


def element(dataset: Dataset, tag: int) -> DataElement | RawDataElement | None:
    """The element as it was read, or None if it is absent."""
    # Nothing is deferred; without this, an empty element is converted, whatever its VR.
    return dataset.get_item(tag, keep_deferred=True) if tag in dataset else None


def text(dataset: Dataset, tag: int) -> str:
    r"""The value as text, several values joined by ``\``; empty if absent."""
    entry = element(dataset, tag)
    if entry is None or entry.value is None:
        return ""
    value = entry.value
    if isinstance(value, bytes):
        encodings = dataset.original_character_set or "iso8859"
        names = [encodings] if isinstance(encodings, str) else list(encodings)
        return str(charset.decode_bytes(value, names, set())).strip(" \0")
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(item) for item in value)
    return str(value)


def shown(dataset: Dataset, tag: int) -> str:
    r"""As `text`, without the blanks around each value, and with numbers in bytes as numbers."""
    entry = element(dataset, tag)
    if isinstance(entry, RawDataElement) and isinstance(entry.value, bytes):
        known = dictionary_has_tag(tag) and entry.VR in (None, "UN")
        code = _BINARY.get(dictionary_VR(tag) if known else str(entry.VR))
        if code is not None:
            form = f"{'<' if entry.is_little_endian else '>'}{code}"
            whole = entry.value[: len(entry.value) // calcsize(form) * calcsize(form)]
            digits = ".7g" if code == "f" else ".15g"
            return "\\".join(format(number, digits) for (number,) in iter_unpack(form, whole))
    return "\\".join(values(dataset, tag))


def values(dataset: Dataset, tag: int) -> list[str]:
    """The values as text, blanks around each removed; an empty list if absent or empty."""
    joined = text(dataset, tag)
    return [value.strip() for value in joined.split("\\")] if joined else []


def numbers(dataset: Dataset, tag: int, count: int, name: str, file: Path) -> list[float] | None:
    """``count`` decimal numbers, or None if the element is absent or empty.

    Raises:
        ScanError: it holds something else; ``name`` and ``file`` say where.
    """
    texts = values(dataset, tag)
    if not texts:
        return None
    try:
        result = [decimal(value) for value in texts]
    except ValueError:
        result = []
    if len(result) != count or not all(math.isfinite(value) for value in result):
        raise ScanError(
            f"{file}: {label(tag)} *{name}* is {text(dataset, tag)!r}, expected {count} number(s); "
            f"repair the header or leave this file out"
        )
    return result


def decimal(text: str) -> float:
    """The number that a decimal string is (PS3.5 6.2).

    Raises:
        ValueError: it is none. Python takes ``1_024`` and digits of other scripts for numbers;
            other programs read 1 there, or nothing.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r} is no decimal number")
    return float(text)


def integer(dataset: Dataset, tag: int) -> int | None:
    """An unsigned 16-bit value (US, or the bits of an SS), or the number of an IS; or None."""
    entry = element(dataset, tag)
    if entry is None or entry.value is None or entry.value == b"":
        return None
    if isinstance(entry, RawDataElement):
        raw = bytes(entry.value or b"")
        if len(raw) == 2 and entry.VR != "IS":
            return int.from_bytes(raw, "little" if entry.is_little_endian else "big")
    try:
        return int(text(dataset, tag)) & 0xFFFF
    except ValueError:
        return None


def label(tag: int) -> str:
    """A tag as DICOM writes it, ``(gggg,eeee)``."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
