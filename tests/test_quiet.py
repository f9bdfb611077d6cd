"""What libraries say reaches the user in our words, or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event, Thread

import pytest
from nibabel.imageglobals import logger
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from mitsgan.files.nifti import _unheard
from mitsgan.quiet import UNREADABLE, mute, quiet, said


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


@pytest.mark.parametrize(
    "change, state",
    [
        (quiet, lambda: list(warnings.filters)),
        (mute, lambda: os.fstat(2)),
        (_unheard, lambda: logger.disabled),
    ],
    ids=["warnings", "terminal", "log"],
)
def test_what_threads_change_at_once_is_as_before_afterwards(
    change: Callable[[], AbstractContextManager[None]], state: Callable[[], object]
) -> None:
    """The first to come goes first: the other put back what the first had changed, for good."""
    before = state()
    first_is_in, other_is_in, first_is_out = Event(), Event(), Event()
    still_changed: list[bool] = []

    def first() -> None:
        with change():
            first_is_in.set()
            assert other_is_in.wait(60)
        first_is_out.set()

    def other() -> None:
        assert first_is_in.wait(60)
        with change():
            other_is_in.set()
            assert first_is_out.wait(60)
            still_changed.append(state() != before)

    threads = [Thread(target=first), Thread(target=other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert still_changed == [True]
    assert state() == before
