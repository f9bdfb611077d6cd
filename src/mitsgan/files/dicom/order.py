"""Whether a file says everything once: else two programs may read two different things in it.

A reader that takes the first of two equal elements and one that takes the last do not see the same
scan, and nor do two of which one looks behind the pixels. What is to be vouched for must not allow
that.

Source: DICOM PS3.5 section 7.1 (elements in ascending order, each at most once).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.parse import body_tags, head_bytes
from mitsgan.files.dicom.frames import PER_FRAME_GROUPS, SHARED_GROUPS
from mitsgan.files.dicom.items import item_tags
from mitsgan.files.dicom.pixels.offsets import check_offsets
from mitsgan.quiet import UNREADABLE, said

_OTHER_PIXELS = (0x7FE00008, 0x7FE00009)
_SEQUENCES = (SHARED_GROUPS, PER_FRAME_GROUPS, 0x00283000, 0x00283010, 0x04000500)
"""Whose items say how a slice is shown, or what is vouched for."""
_LARGE = 4096
"""Longer values are passed over, not read."""


def check_order(file: SliceFile) -> None:
    """Raise unless the elements ascend, each once, with one kind of pixel data at most.

    In items, too, where these tell how a slice is shown. And unless tables of compressed frames say
    where these are.

    Raises:
        ScanError: they do not, or the file cannot be read to its end.
    """
    try:
        tags = body_tags(file, _LARGE)
        nested: list[list[int]] = []
        if any(tag in file.header for tag in _SEQUENCES):
            implicit, little = file.encoding
            nested = item_tags(head_bytes(file), implicit=implicit, little=little)[1:]
        check_offsets(file)
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path} cannot be read to its end ({said(error)}); it is "
            f"damaged or truncated: fetch it again"
        ) from error
    for listed in (tags, *nested):
        _check_ascending(file.path, listed)
    other = next((tag for tag in tags if tag in _OTHER_PIXELS), None)
    if other is not None:
        raise ScanError(
            f"{file.path} holds {dcm.label(other)}, pixels of another kind than "
            f"{dcm.label(dcm.PIXEL_DATA)} *Pixel Data*: which of them is shown is unknown"
        )


def _check_ascending(path: Path, tags: Sequence[int]) -> None:
    for before, tag in pairwise(tags):
        if tag <= before:
            what = "occurs twice" if tag == before else f"follows {dcm.label(before)}"
            raise ScanError(
                f"{path}: {dcm.label(tag)} {what}, but elements must ascend (PS3.5 7.1): "
                f"other programs may read something else in this file than mitsgan; rewrite it "
                f"with a DICOM tool, if you know where it comes from"
            )
