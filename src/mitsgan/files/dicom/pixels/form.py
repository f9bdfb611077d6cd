"""How a slice stores its values.

Source: DICOM PS3.3 C.7.6.3 (image pixel), PS3.5 section 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.frames import Frame


@dataclass(frozen=True)
class PixelFormat:
    """How a slice stores its values: 16 bits allocated, one sample per pixel."""

    rows: int
    columns: int
    bits_stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the 16-bit words."""
        return np.dtype(np.int16 if self.signed else np.uint16)

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits_stored - 1)) if self.signed else 0

    @property
    def highest(self) -> int:
        return (1 << (self.bits_stored - self.signed)) - 1

    @property
    def mask(self) -> int:
        """The bits that are stored."""
        return (1 << self.bits_stored) - 1

    def from_bits(self, value: int) -> int:
        """A header value of 16 unsigned bits, as the pixels would read it."""
        return value - 0x10000 if self.signed and value >= 0x8000 else value

    def extended(self, value: int) -> int:
        """The bits that are stored as a number, whatever stands above them."""
        value &= self.mask
        return value - (1 << self.bits_stored) if value > self.highest else value


def read_format(frame: Frame) -> PixelFormat:
    """How a slice is stored.

    Raises:
        ScanError: in a way that no CT image in HU has.
    """
    header, path = frame.header, frame.path
    rows, columns = dcm.integer(header, dcm.ROWS), dcm.integer(header, dcm.COLUMNS)
    allocated = dcm.integer(header, dcm.BITS_ALLOCATED)
    stored, high = dcm.integer(header, dcm.BITS_STORED), dcm.integer(header, dcm.HIGH_BIT)
    signed = dcm.integer(header, dcm.PIXEL_REPRESENTATION)
    if not rows or not columns:
        raise ScanError(f"{path}: *Rows* x *Columns* is {rows} x {columns}; it is no image")
    if allocated != 16 or stored is None or not 8 < stored <= 16 or signed not in (0, 1):
        raise ScanError(
            f"{path} stores {stored} of {allocated} bits, pixel representation {signed}; "
            f"a CT image in HU has 9 to 16 of 16 bits and representation 0 or 1; choose the "
            f"original series"
        )
    if high != stored - 1:
        raise ScanError(
            f"{path} has *High Bit* {high} with *Bits Stored* {stored}, expected {stored - 1}: "
            f"DICOM no longer allows shifted pixels; rewrite the series with a DICOM tool"
        )
    return PixelFormat(rows, columns, stored, bool(signed))


def common_size(frames: list[Frame], forms: list[PixelFormat]) -> tuple[int, int]:
    """Rows and columns of all slices.

    Raises:
        ScanError: they differ; names two slices.
    """
    first = forms[0].rows, forms[0].columns
    for frame, form in zip(frames, forms, strict=True):
        size = form.rows, form.columns
        if size != first:
            raise ScanError(
                f"{frame.path} ({size[0]} x {size[1]}) differs from {frames[0].path} "
                f"({first[0]} x {first[1]}): they are not one stack of slices; move one kind to a "
                f"folder of its own"
            )
    return first
