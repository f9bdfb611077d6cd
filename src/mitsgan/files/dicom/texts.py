"""The values of elements as text that no two different values share, however they are encoded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from mitsgan.files.dicom import elements as dcm
from mitsgan.quiet import quiet

Form = Literal["text", "number", "sequence"]
"""How a value is written: as its text, as a number in decimal, or as a digest of its items."""

Texts = dict[tuple[object, ...], str]
"""The text of values that were met, by their bytes and all that these are read by: most are the
same in every slice."""

_WIDTHS = {"OW": 2, "US": 2, "SS": 2, "UL": 4, "SL": 4, "OL": 4, "FL": 4, "OF": 4, "FD": 8}
"""Bytes of one number of a VR, where more than one."""

_STRUCTURE = frozenset(',={}[]"\n')
"""What the text of a sequence is put together with."""


def text_of(
    header: Dataset, element: DataElement | RawDataElement, form: Form, texts: Texts
) -> str:
    """The text of an element of a header; empty where its value is.

    Args:
        header: that holds it.
        element: as it was read.
        form: how it is written.
        texts: what was met before; gets this one.
    """
    if not isinstance(element, RawDataElement) or form == "sequence":
        return _text(header, element.tag, form)
    encodings = header.original_character_set
    charset = encodings if isinstance(encodings, str) else tuple(encodings or ())
    value = bytes(element.value or b"")
    key = (element.tag, element.VR, value, element.is_little_endian, charset)
    text = texts.get(key)
    if text is None:
        text = _text(header, element.tag, form)
        if "\ufffd" in text:  # whatever the character set does not have becomes the same sign
            text = "bytes " + value.strip(b" \0").hex()
        texts[key] = text = f"{_odd_vr(element)}{text}" if text else ""
    return text


def overlay_digest(elements: Mapping[int, DataElement | RawDataElement]) -> str:
    """A digest of all elements of the groups 6000 to 60FF; empty where there are none."""
    parts = [
        f"{dcm.label(tag)}={_plain(_little(elements[tag]))}"
        for tag in sorted(elements)
        if 0x6000 <= tag >> 16 <= 0x60FF and tag & 0xFFFF
    ]
    return _digest("\n".join(parts)) if parts else ""


def _text(header: Dataset, tag: int, form: Form) -> str:
    with quiet():
        if form == "number":
            number = dcm.integer(header, tag)
            return dcm.text(header, tag) if number is None else str(number)
        if form == "sequence":
            items = header[tag].value
            return _digest(_flat(items, bool(header.original_encoding[1]))) if items else ""
        text = "\\".join(dcm.values(header, tag))
    return text if text.strip("\\") else ""


def _flat(items: Sequence, little: bool) -> str:
    """The elements of a sequence, items and all, as text; ``little``: how its words are stored."""
    return (
        "["
        + ",".join(
            "{" + ",".join(f"{dcm.label(e.tag)}={_odd_vr(e)}{_said(e, little)}" for e in item) + "}"
            for item in items
        )
        + "]"
    )


def _said(element: DataElement, little: bool) -> str:
    """The value of an element of an item; that of a table whether its words came as numbers."""
    value = element.value
    if isinstance(value, Sequence):
        return _flat(value, little)
    if isinstance(value, bytes) and element.VR == "OW" and not little:
        return _plain(_swapped(value, 2))
    if isinstance(value, int | list) and element.VR == "US" and "OW" in _usual_vrs(element):
        return _plain(np.array(value, "<u2").tobytes())
    return _plain(value)


def _little(element: DataElement | RawDataElement) -> object:
    """The value of an element of its own, its bytes as little endian has them."""
    if not isinstance(element, RawDataElement) or element.is_little_endian or not element.value:
        return element.value
    return _swapped(element.value, _WIDTHS.get(str(element.VR), 1))


def _swapped(value: bytes, width: int) -> bytes:
    if len(value) % width:
        return value
    return np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()


def _odd_vr(element: DataElement | RawDataElement) -> str:
    """The VR of an element, where it is not the one that the standard gives it.

    Many programs do not read a number that says it is a text.
    """
    usual = _usual_vrs(element)
    return "" if element.VR is None or not usual or element.VR in usual else f"{element.VR}:"


def _usual_vrs(element: DataElement | RawDataElement) -> list[str]:
    """The VRs that the standard gives an element; none where it is private."""
    try:
        return dictionary_VR(element.tag).split(" or ")
    except KeyError:
        return []


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, MultiValue | list):  # one or the other, as its VR was told or not
        return str(value)
    text = str(value)
    # Else what stands within a text could pass for elements that follow it.
    return json.dumps(text) if set(text) & _STRUCTURE else text


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
