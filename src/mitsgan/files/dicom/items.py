"""The tags within the items of sequences, as they stand in the file, equal ones and all.

pydicom keeps the last of two equal elements of an item, other programs may keep the first.

Source: DICOM PS3.5 sections 7.1 and 7.5 (data elements, nesting of data sets).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_VR

from mitsgan.files.dicom import elements as dcm

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW"}) | {
    *(b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
}
"""VRs whose length takes four bytes, behind two that are reserved."""


def item_tags(data: bytes, *, implicit: bool, little: bool) -> list[list[int]]:
    """The tags of a data set, and of each item in it at any depth, in the order of its bytes.

    Args:
        data: the data set, or the start of one that ends between two elements.
        implicit: whether its VRs are left out.
        little: whether it is little endian.

    Raises:
        ValueError, RecursionError: it is cut off, or nested too deeply.
    """
    walk = _Walk(data, "<" if little else ">")
    try:
        walk.data_set(0, len(data), implicit=implicit)
    except struct.error as error:
        raise ValueError("a sequence is cut off") from error
    return walk.found


@dataclass
class _Walk:
    """A data set, and the tags that were found in it; places are bytes from its start."""

    data: bytes
    order: str
    found: list[list[int]] = field(default_factory=list)

    def data_set(self, at: int, end: int, *, implicit: bool) -> int:
        """Pass over elements up to a place, or to the end of an item; where that is."""
        tags: list[int] = []
        self.found.append(tags)
        while at < end:
            tag, at = self._tag(at)
            if tag == _ITEM_END:
                return at + 4
            tags.append(tag)
            vr, length, at = self._head(at, tag, implicit=implicit)
            if vr == b"SQ" or (vr == b"UN" and length == dcm.UNDEFINED_LENGTH):
                at = self._items(at, length, implicit=implicit or vr == b"UN")
            elif length == dcm.UNDEFINED_LENGTH:
                at = self._fragments(at)
            else:
                at += length
        return at

    def _items(self, at: int, length: int, *, implicit: bool) -> int:
        end = len(self.data) if length == dcm.UNDEFINED_LENGTH else at + length
        while at < end:
            tag, size, at = self._item(at)
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM:
                raise ValueError("a sequence holds something else than items")
            item_end = len(self.data) if size == dcm.UNDEFINED_LENGTH else at + size
            at = self.data_set(at, item_end, implicit=implicit)
        return at

    def _fragments(self, at: int) -> int:
        """Pass over compressed pixels."""
        while True:
            tag, size, at = self._item(at)
            if tag == _SEQUENCE_END:
                return at
            at += size

    def _tag(self, at: int) -> tuple[int, int]:
        group, number = struct.unpack_from(f"{self.order}HH", self.data, at)
        return group << 16 | number, at + 4

    def _item(self, at: int) -> tuple[int, int, int]:
        """Tag and length of an item, and where it starts."""
        tag, at = self._tag(at)
        (length,) = struct.unpack_from(f"{self.order}I", self.data, at)
        return tag, length, at + 4

    def _head(self, at: int, tag: int, *, implicit: bool) -> tuple[bytes, int, int]:
        """VR and length of an element, and where its value starts; ``at`` is behind its tag."""
        vr = self.data[at : at + 2]
        if implicit or vr in _LONG:
            at += 0 if implicit else 4
            (length,) = struct.unpack_from(f"{self.order}I", self.data, at)
            return (_usual(tag, length) if implicit else vr), length, at + 4
        (length,) = struct.unpack_from(f"{self.order}H", self.data, at + 2)
        return vr, length, at + 4


def _usual(tag: int, length: int) -> bytes:
    """The VR of an element that does not say it."""
    if length == dcm.UNDEFINED_LENGTH:
        return b"SQ"
    try:
        return dictionary_VR(tag).encode()
    except KeyError:  # a private one
        return b"OB"
