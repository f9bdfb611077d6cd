"""The elements of a data set as they lie in their file, read strictly by the standard.

Where bytes do not follow it, each program makes of them what it can, and two programs may go on
from two different places: one shows what the other passes over. So what is to be vouched for has
to be such that nobody needs to guess. pydicom also keeps the last of two equal elements of an item,
other programs may keep the first.

Source: DICOM PS3.5 sections 7.1 and 7.5 (data elements, nesting of data sets), 6.2.2 (unknown VR),
A.4 (encapsulated pixel data).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import VR

from mitsgan.files.dicom import elements as dcm

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW"}) | {
    *(b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
}
"""VRs whose length takes four bytes, behind two that are reserved."""
_VRS = frozenset(vr.value.encode() for vr in VR if len(vr.value) == 2)
_DEEPEST = 32
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Walked:
    """What a data set holds.

    Attributes:
        tags: of its elements, and of those of each item at any depth, in the order of the bytes.
        ends: where each element of the data set itself ends in its stream.
    """

    tags: list[list[int]]
    ends: list[int]


def walk(stream: BinaryIO, *, implicit: bool, little: bool) -> Walked:
    """Go through a data set from element to element, to the end of a stream.

    Zeros that fill a file up are passed over.

    Args:
        stream: where the data set begins.
        implicit: whether its VRs are left out.
        little: whether it is little endian.

    Raises:
        ValueError: it does not follow the standard, so that programs may read it in several ways.
    """
    walking = _Walk(stream, "<" if little else ">", stream.tell())
    walking.data_set(implicit=implicit)
    return Walked(walking.tags, walking.ends)


@dataclass
class _Walk:
    """A walk through a stream, which stands at ``at``."""

    stream: BinaryIO
    order: str
    at: int
    tags: list[list[int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def data_set(self, *, implicit: bool) -> None:
        """Pass over all elements down to the end of the stream."""
        tags: list[int] = []
        self.tags.append(tags)
        while len(head := self.stream.read(8)) == 8:
            self.at += 8
            if not any(head):
                self._zeros()
                return
            tags.append(self._element(head, implicit=implicit, depth=0))
            self.ends.append(self.at)

    def _zeros(self) -> None:
        while chunk := self.stream.read(_CHUNK):
            if any(chunk):
                raise ValueError("zeros stand between its elements")

    def _element(self, head: bytes, *, implicit: bool, depth: int) -> int:
        """Pass over an element of which the first eight bytes were read; its tag."""
        group, number = struct.unpack_from(f"{self.order}HH", head)
        tag = int(group << 16 | number)
        if group == 0xFFFE:
            raise ValueError(f"{dcm.label(tag)} stands where an element should")
        vr, length = self._vr_and_length(head, tag, implicit=implicit)
        undefined = length == dcm.UNDEFINED_LENGTH
        if tag == dcm.PIXEL_DATA and undefined and vr in (b"OB", b"OW"):
            self._fragments()
        elif vr == b"SQ" or (vr == b"UN" and undefined):
            self._items(length, implicit=implicit or vr == b"UN", unknown=vr == b"UN", depth=depth)
        elif undefined:
            raise ValueError(f"{dcm.label(tag)} has no length, but is no sequence")
        elif depth == 0:  # if it is cut off, whoever decodes it says so
            self.stream.seek(length, 1)
            self.at += length
        else:
            self._skip(length)
        return tag

    def _vr_and_length(self, head: bytes, tag: int, *, implicit: bool) -> tuple[bytes, int]:
        if implicit:
            (length,) = struct.unpack_from(f"{self.order}I", head, 4)
            return _usual(tag, undefined=length == dcm.UNDEFINED_LENGTH), length
        vr = head[4:6]
        if vr not in _VRS:
            raise ValueError(f"{dcm.label(tag)} has the VR {vr!r}, which there is not")
        if vr in _LONG:
            (length,) = struct.unpack(f"{self.order}I", self._read(4))
        else:
            (length,) = struct.unpack_from(f"{self.order}H", head, 6)
        return vr, length

    def _items(self, length: int, *, implicit: bool, unknown: bool, depth: int) -> None:
        """Pass over the items of a sequence; ``unknown`` if it does not say that it is one."""
        if depth == _DEEPEST:
            raise ValueError(f"sequences are nested more than {_DEEPEST} deep")
        end = None if length == dcm.UNDEFINED_LENGTH else self.at + length
        while end is None or self.at < end:
            tag, size = self._item()
            if tag == _SEQUENCE_END and end is None:
                return
            if tag != _ITEM:
                raise ValueError("a sequence holds something else than items")
            self._in_item(size, implicit=implicit, unknown=unknown, depth=depth + 1)
        if self.at != end:
            raise ValueError("an item is longer than its sequence")

    def _in_item(self, length: int, *, implicit: bool, unknown: bool, depth: int) -> None:
        tags: list[int] = []
        self.tags.append(tags)
        end = None if length == dcm.UNDEFINED_LENGTH else self.at + length
        while end is None or self.at < end:
            head = self._read(8)
            if end is None and struct.unpack_from(f"{self.order}HH", head) == (0xFFFE, 0xE00D):
                return
            if unknown and not tags and head[4:6] in _VRS:
                raise ValueError("an item of unknown VR seems to have VRs")
            tags.append(self._element(head, implicit=implicit, depth=depth))
        if self.at != end:
            raise ValueError("an element is longer than its item")

    def _fragments(self) -> None:
        """Pass over compressed pixels."""
        while True:
            tag, size = self._item()
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM:
                raise ValueError("compressed pixels hold something else than items")
            self._skip(size)

    def _item(self) -> tuple[int, int]:
        """Tag and length of an item."""
        group, number, length = struct.unpack(f"{self.order}HHI", self._read(8))
        return group << 16 | number, length

    def _read(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) < size:
            raise ValueError("it ends within an element")
        self.at += size
        return data

    def _skip(self, size: int) -> None:
        if size:
            self.stream.seek(size - 1, 1)
            self.at += size - 1
            self._read(1)


def _usual(tag: int, *, undefined: bool) -> bytes:
    """The VR of an element that does not say it; that of private ones depends on their length."""
    try:
        return dictionary_VR(tag)[:2].encode()
    except KeyError:
        return b"SQ" if undefined else b"OB"
