"""Raw DICOM elements to bytes, as they were read.

An element that nobody touched goes out with the bytes it came in with, and a new one is made raw
once. pydicom's own writer does the rest; going through it for every element of every slice would
take longer than writing the pixels.

Source: DICOM PS3.5 section 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import Tag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from mitsgan.files.dicom import elements as dcm

_ITEM = 0xFFFEE000
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_WIDE = frozenset(str(vr) for vr in EXPLICIT_VR_LENGTH_32)
_PADDING = {"UI": b"\0", "OB": b"\0"}

Element = DataElement | RawDataElement


@dataclass(frozen=True)
class Encoding:
    """Implicit or explicit VR, and byte order."""

    implicit: bool
    little: bool

    def raw(self, tag: int, vr: str, value: bytes | str) -> RawDataElement:
        """A new element; text must be ASCII. Padded to an even length."""
        data = value.encode("ascii", "replace") if isinstance(value, str) else value
        data += _PADDING.get(vr, b" ") * (len(data) % 2)
        known = None if self.implicit else vr
        return RawDataElement(Tag(tag), known, len(data), data, 0, self.implicit, self.little)

    def item(self, *elements: Element, charset: str | list[str] = "iso8859") -> bytes:
        """A sequence item of these elements, in tag order."""
        content = self.encode(sorted(elements, key=lambda element: element.tag), charset)
        group, number = _ITEM >> 16, _ITEM & 0xFFFF
        return struct.pack(f"{self._order}HHI", group, number, len(content)) + content

    def encode(self, elements: Iterable[Element], charset: str | list[str] = "iso8859") -> bytes:
        """The elements one after the other, which must come in tag order.

        Retired group lengths are left out: they would no longer be true (PS3.5 section 7.2).
        """
        parts: list[bytes] = []
        for element in elements:
            tag = element.tag
            if tag & 0xFFFF == 0 and tag >> 16 > 6:
                continue
            if (
                isinstance(element, RawDataElement)
                and element.length != dcm.UNDEFINED_LENGTH
                and (self.implicit or element.VR)
            ):
                value = element.value or b""
                parts.append(self.head(tag, str(element.VR), len(value)))
                parts.append(value)
            else:
                parts.append(self._through_pydicom(element, charset))
        return b"".join(parts)

    def pixel_data(
        self, data: memoryview, *, encapsulated: bool
    ) -> tuple[bytes, memoryview, bytes]:
        """*Pixel Data* in three parts, head, data and end, so that the data need not be copied."""
        if encapsulated:
            return self.head(0x7FE00010, "OB", dcm.UNDEFINED_LENGTH), data, _SEQUENCE_END
        return self.head(0x7FE00010, "OW", len(data)), data, b""

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR and length."""
        group, number = tag >> 16, tag & 0xFFFF
        if self.implicit:
            return struct.pack(f"{self._order}HHI", group, number, length)
        name = vr.encode("ascii")
        if vr in _WIDE:
            return struct.pack(f"{self._order}HH2sHI", group, number, name, 0, length)
        return struct.pack(f"{self._order}HH2sH", group, number, name, length)

    @property
    def _order(self) -> str:
        return "<" if self.little else ">"

    def _through_pydicom(self, element: Element, charset: str | list[str]) -> bytes:
        buffer = DicomBytesIO()
        buffer.is_implicit_VR = self.implicit
        buffer.is_little_endian = self.little
        write_data_element(buffer, element, charset)
        return buffer.getvalue()


FILE_META = Encoding(implicit=False, little=True)
"""How group 0002 is always encoded."""
