"""Which stored values mean "no data".

Source: DICOM PS3.3 C.7.5.1.1.2 (pixel padding value and its range).
"""

from __future__ import annotations

from collections.abc import Sequence

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.pixels.bits import Settled
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.units import Rescale
from mitsgan.scan.scan import AIR_HU


def common_padding(
    slices: Sequence[Frame],
    forms: Sequence[PixelFormat],
    settled: Settled,
    rescale: Sequence[Rescale],
) -> tuple[float, float] | None:
    """The one range of stored values that means "no data", or None.

    Slices may declare different ones. Those wholly below air need no declaration, for such voxels
    count as padding anyway. If one range is left, it is taken for all slices: at worst a few real
    voxels are left untouched.

    Raises:
        ScanError: two are left, which cannot be told apart.
    """
    declared: dict[tuple[int, int], int] = {}
    for z, (frame, form) in enumerate(zip(slices, forms, strict=True)):
        value = dcm.integer(frame.header, dcm.PIXEL_PADDING_VALUE)
        if value is None:
            continue
        limit = dcm.integer(frame.header, dcm.PIXEL_PADDING_RANGE_LIMIT)
        number = form.extended if z in settled.spare else form.from_bits
        ends = sorted(number(end) for end in (value, value if limit is None else limit))
        declared.setdefault((ends[0], ends[1]), z)
    if len(declared) > 1:
        for span, z in list(declared.items()):
            if span[1] * rescale[z].slope + rescale[z].intercept < AIR_HU:
                del declared[span]
    if len(declared) > 1:
        (one, first), (two, second) = list(declared.items())[:2]
        raise ScanError(
            f"{slices[first].path} declares stored values {one} as padding, {slices[second].path} "
            f"{two}; one series must have one *Pixel Padding Value*: repair the headers"
        )
    return next(((float(low), float(high)) for low, high in declared), None)
