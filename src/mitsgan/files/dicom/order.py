"""Whether a file says everything once, and in one way: else two programs may read two different
things in it.

A reader that takes the first of two equal elements and one that takes the last do not see the same
scan, and nor do two of which one looks behind the pixels, or believes that a file is encoded as it
says. What is to be vouched for must not allow that.

Source: DICOM PS3.5 section 7.1 (elements in ascending order, each at most once), annex A (transfer
syntaxes); PS3.10 section 7.1 (file meta information).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import body, body_tags, meta_bytes
from mitsgan.files.dicom.frames import PER_FRAME_GROUPS, SHARED_GROUPS
from mitsgan.files.dicom.items import Walked, walk
from mitsgan.files.dicom.pixels.offsets import check_offsets
from mitsgan.quiet import UNREADABLE, said

_OTHER_PIXELS = (0x7FE00008, 0x7FE00009)
_SEQUENCES = (SHARED_GROUPS, PER_FRAME_GROUPS, 0x00283000, 0x00283010, 0x04000500)
"""Whose items say how a slice is shown, or what is vouched for."""
_META_LENGTH, _META_SYNTAX = 0x00020000, 0x00020010
_META_LENGTH_SIZE = 12
_LARGE = 4096
"""Longer values are passed over, not read."""
_REMEDY = (
    "other programs may read something else in this file than mitsgan; rewrite it with a DICOM "
    "tool, if you know where it comes from"
)


def check_order(file: SliceFile) -> None:
    """Raise unless a file can be read in one way alone.

    It follows the standard byte for byte, and is encoded as it says. The elements ascend, each
    once, with one kind of pixel data at most; in items, too, where these tell how a slice is shown.
    And tables of compressed frames say where these are.

    Raises:
        ScanError: they do not, or the file cannot be read to its end.
    """
    _check_encoding(file)
    try:
        tags, ends = body_tags(file, _LARGE)
        check_offsets(file)
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path} cannot be read to its end ({said(error)}); it is "
            f"damaged or truncated: fetch it again"
        ) from error
    _check_ascending(file.path, tags)
    walked = _walked(file)
    if walked.tags[0] != tags or walked.ends[len(walked.ends) - len(ends) :] != ends:
        raise ScanError(f"{file.path} does not follow the standard (PS3.5 7): {_REMEDY}")
    if any(tag in file.header for tag in _SEQUENCES):
        for listed in walked.tags[1:]:
            _check_ascending(file.path, listed)
    other = next((tag for tag in tags if tag in _OTHER_PIXELS), None)
    if other is not None:
        raise ScanError(
            f"{file.path} holds {dcm.label(other)}, pixels of another kind than "
            f"{dcm.label(dcm.PIXEL_DATA)} *Pixel Data*: which of them is shown is unknown"
        )


def _check_encoding(file: SliceFile) -> None:
    """Raise unless group 0002 says once how long it is and how the rest is encoded, and truly."""
    data = meta_bytes(file)
    try:
        (tags,) = walk(BytesIO(data), implicit=False, little=True).tags
        length = len(data) - _META_LENGTH_SIZE
        as_long = _META_LENGTH not in file.meta or file.meta[_META_LENGTH].value == length
    except UNREADABLE:
        as_long, tags = False, []
    if not as_long:
        raise ScanError(
            f"{file.path}: group 0002 is not as long as it says, or does not follow the standard "
            f"(PS3.10 7.1): {_REMEDY}"
        )
    _check_ascending(file.path, tags)
    declared = dcm.text(file.meta, _META_SYNTAX)
    expected = (declared == ImplicitVRLittleEndian, declared != ExplicitVRBigEndian)
    if declared and (declared != file.transfer_syntax or file.encoding != expected):
        raise ScanError(
            f"{file.path} is not encoded as the transfer syntax in its group 0002 says: {_REMEDY}"
        )


def _walked(file: SliceFile) -> Walked:
    implicit, little = file.encoding
    try:
        with body(file) as stream:
            return walk(stream, implicit=implicit, little=little)
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path} does not follow the standard (PS3.5 7), {said(error)}: {_REMEDY}"
        ) from error


def _check_ascending(path: Path, tags: Sequence[int]) -> None:
    for before, tag in pairwise(tags):
        if tag <= before:
            what = "occurs twice" if tag == before else f"follows {dcm.label(before)}"
            raise ScanError(
                f"{path}: {dcm.label(tag)} {what}, but elements must ascend (PS3.5 7.1): {_REMEDY}"
            )
