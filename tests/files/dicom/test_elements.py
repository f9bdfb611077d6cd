"""Values are read without changing how the element will be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm


def _raw(tag: int, vr: str | None, value: bytes, *, little: bool = True) -> Dataset:
    element = RawDataElement(Tag(tag), vr, len(value), value, 0, vr is None, little)
    return Dataset({Tag(tag): element})


@pytest.mark.parametrize(
    "value, expected",
    [
        (b" 0.675781\\0.675781", [0.675781, 0.675781]),
        (b"001.000000E+00\\+0.0 ", [1.0, 0.0]),
        (b"-01.024000E+03\\1\0", [-1024.0, 1.0]),
    ],
)
def test_odd_numeric_strings(value: bytes, expected: list[float]) -> None:
    dataset = _raw(dcm.PIXEL_SPACING, None, value)
    assert dcm.numbers(dataset, dcm.PIXEL_SPACING, 2, "Pixel Spacing", Path("f")) == expected
    item = dcm.element(dataset, dcm.PIXEL_SPACING)
    assert isinstance(item, RawDataElement)
    assert item.value == value


@pytest.mark.parametrize("value", [b"1,5\\1,5", b"1.0", b"1\\nan", b"1\\2\\3"])
def test_what_is_no_number_names_tag_and_file(value: bytes) -> None:
    with pytest.raises(ScanError, match=r"f\.dcm: \(0028,0030\) \*Pixel Spacing\* is .*2 number"):
        dcm.numbers(
            _raw(dcm.PIXEL_SPACING, "DS", value),
            dcm.PIXEL_SPACING,
            2,
            "Pixel Spacing",
            Path("f.dcm"),
        )


def test_integers_in_either_byte_order_and_absent_values() -> None:
    assert dcm.integer(_raw(dcm.ROWS, "US", b"\x00\x02"), dcm.ROWS) == 512
    assert dcm.integer(_raw(dcm.ROWS, "US", b"\x02\x00", little=False), dcm.ROWS) == 512
    assert dcm.integer(_raw(dcm.PIXEL_PADDING_VALUE, "SS", b"\x30\xf8"), 0x00280120) == 63536
    assert dcm.integer(Dataset(), dcm.ROWS) is None
    assert dcm.integer(_raw(dcm.ROWS, "US", b""), dcm.ROWS) is None
    assert dcm.numbers(Dataset(), dcm.PIXEL_SPACING, 2, "Pixel Spacing", Path("f")) is None
