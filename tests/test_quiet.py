"""What libraries say reaches the user in our words, or not at all."""

from __future__ import annotations

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from mitsgan.quiet import UNREADABLE, said


def test_an_error_says_its_own_words_alone() -> None:
    """pydicom puts the traceback of what went wrong into the text of the error."""
    tag = Tag(0x00104000)
    dataset = Dataset({tag: RawDataElement(tag, "ZZ", 2, b"no", 0, False, True)})
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = True, True
    with pytest.raises(UNREADABLE) as caught:
        write_dataset(file, dataset)
    assert "Traceback" in str(caught.value)
    assert said(caught.value).endswith("Unknown Value Representation 'ZZ' in tag (0010,4000)")
    assert said(ValueError("two\n  lines")) == "two lines"
