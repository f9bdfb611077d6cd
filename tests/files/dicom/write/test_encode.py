"""Raw encoding equals what pydicom reads and writes."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from mitsgan.files.dicom.write.encode import Encoding


@pytest.mark.parametrize("implicit, little", [(True, True), (False, True), (False, False)])
def test_pydicom_reads_back_what_was_encoded(implicit: bool, little: bool) -> None:
    encoding = Encoding(implicit, little)
    item = encoding.item(encoding.raw(0x00080104, "LO", "odd"), encoding.raw(0x00080100, "SH", "1"))
    data = encoding.encode(
        [
            encoding.raw(0x00080000, "UL", b"\1\0\0\0"),  # a group length: left out
            encoding.raw(0x00080018, "UI", "1.2.3"),
            encoding.raw(0x0040A170, "SQ", item + item),
        ]
    )
    back = read_dataset(BytesIO(data), implicit, little)
    assert [int(tag) for tag in back.keys()] == [0x00080018, 0x0040A170]  # noqa: SIM118
    assert back.SOPInstanceUID == "1.2.3"
    assert [code.CodeMeaning for code in back[0x0040A170].value] == ["odd", "odd"]
    assert len(data) % 2 == 0


def test_sequences_of_undefined_length_go_through_pydicom() -> None:
    inner = Dataset()
    inner.CodeValue = "1"
    outer = Dataset()
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer["PurposeOfReferenceCodeSequence"].is_undefined_length = True
    data = Encoding(implicit=False, little=True).encode(list(outer.values()))
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    back = read_dataset(BytesIO(data), False, True)
    assert back.PurposeOfReferenceCodeSequence[0].CodeValue == "1"
