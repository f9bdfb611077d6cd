"""What the bits of a 16-bit word above *Bits Stored* mean: nothing, the sign, or more of the value.

By the standard only the stored bits are the value. But scanners and workstations write metal of
5000 into 12 bits, or a padding of -3024, and most viewers show what the whole word says. To drop
the upper bits would turn metal into fat; so a word whose upper bits are in use is taken whole, and
such a voxel is never touched (`Scan.is_padding`).

Source: DICOM PS3.5 section 8.1.1; PS3.3 C.9.2 and its retired overlay in unused bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.pixels.form import PixelFormat

Spare = NDArray[np.uint16] | int
"""What stands in the bits above those stored: per voxel, or the same everywhere."""


@dataclass(frozen=True)
class Settled:
    """What words turned out to be.

    Attributes:
        spare: what the bits above the stored ones held, by slice, where they are no part of the
            value; to be written back.
        widened: slices with values that need more bits than *Bits Stored* says.
    """

    spare: Mapping[int, Spare]
    widened: tuple[int, ...]


def settle(
    stored: NDArray[Any], forms: Sequence[PixelFormat], with_overlay: Sequence[bool]
) -> Settled:
    """Turn 16-bit words into values, in place.

    Args:
        stored: ``[z, y, x]``, whole words, of a type that can hold them.
        forms: of each slice.
        with_overlay: whether a slice keeps an overlay in bits above those stored.
    """
    spare: dict[int, Spare] = {}
    beyond: dict[PixelFormat, list[int]] = {}
    negative: set[PixelFormat] = set()
    for z, form in enumerate(forms):
        low, high = int(stored[z].min()), int(stored[z].max())
        if with_overlay[z]:
            spare[z] = (stored[z].astype(np.int32) & 0xFFFF & ~form.mask).astype(np.uint16)
            _extend(stored[z], form)
            continue
        if low < 0:
            negative.add(form)
        if low < form.lowest or high > form.highest:
            beyond.setdefault(form, []).append(z)
    widened: list[int] = []
    for form, slices in beyond.items():
        # Signed values of which none is negative, but some look too large: the sign was cut off.
        highest = max(int(stored[z].max()) for z in slices)
        if form.signed and form not in negative and highest <= form.mask:
            for z in slices:
                spare[z] = 0
                _extend(stored[z], form)
        else:
            widened += slices
    return Settled(spare, tuple(sorted(widened)))


def _extend(values: NDArray[Any], form: PixelFormat) -> None:
    """Keep the stored bits, and extend the sign."""
    wide = values.astype(np.int32) & form.mask
    wide[wide > form.highest] -= form.mask + 1
    values[...] = wide


def words(values: NDArray[Any], form: PixelFormat, spare: Spare | None) -> NDArray[Any]:
    """Values of one slice as the 16-bit words that go into a file, the bits above restored."""
    if spare is None:
        return values.astype(form.dtype)
    whole = (values.astype(np.int32) & form.mask) | np.asarray(spare, np.int32)
    return whole.astype(np.uint16).view(form.dtype)


def has_overlay_in_pixels(file: SliceFile) -> bool:
    """Whether the header says that an overlay stands in bits of the pixels."""
    return any(
        tag >> 24 == 0x60 and tag & 0xFFFF == 0x0102 and dcm.integer(file.header, tag)
        for tag in file.header.keys()  # noqa: SIM118 - a Dataset iterates over converted elements
    )
