"""The slices of a file: itself, or the frames of a multi-frame image.

A multi-frame object says once what all frames share, and per frame what differs (functional
groups). Here each frame gets a flat header, in which everything that holds for it stands as in a
single-frame image; so whoever asks for a position or a rescale need not know the difference.

Source: DICOM PS3.3 C.7.6.16 (multi-frame functional groups), A.38 (Enhanced CT), A.70 (Legacy
Converted Enhanced CT).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.quiet import UNREADABLE, quiet, said

SHARED_GROUPS = 0x52009229
PER_FRAME_GROUPS = 0x52009230
FRAME_TYPE = 0x00089007
_CONVERTED = (0x00209170, 0x00209171)
"""Attributes of the single-frame images that a legacy converted object was made of."""
_REFERENCES = frozenset({0x00081140, 0x00089124, 0x00209172})
"""Groups that tell of other objects: their UIDs are not the frame's."""
_MOST_FRAMES = 1 << 16


_Elements = dict[BaseTag, DataElement | RawDataElement]


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice.

    Attributes:
        file: that holds it.
        number: of the frame in the file, from 0.
        header: what holds for this frame, flat.
        besides: what other groups, or items of groups, say of elements that are in ``header``.
    """

    file: SliceFile
    number: int
    header: Dataset
    besides: tuple[Dataset, ...] = ()

    @property
    def path(self) -> Path:
        """For messages: the file, and the frame where there are several."""
        if not is_multiframe(self.file):
            return self.file.path
        return self.file.path.with_name(f"{self.file.path.name} frame {self.number + 1}")


def frames_of(files: Iterable[SliceFile]) -> list[Frame]:
    """All slices of some files, file by file.

    Raises:
        ScanError: the functional groups cannot be read, or are not as many as the frames.
    """
    frames: list[Frame] = []
    for file in files:
        frames += _frames(file) if is_multiframe(file) else [Frame(file, 0, file.header)]
    return frames


def is_multiframe(file: SliceFile) -> bool:
    """Whether a file holds an enhanced, multi-frame image."""
    return PER_FRAME_GROUPS in file.header


def frame_count(file: SliceFile) -> int:
    """*Number of Frames*, 1 where it is not given.

    Raises:
        ScanError: it is no number that makes sense.
    """
    text = dcm.text(file.header, dcm.NUMBER_OF_FRAMES)
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_FRAMES):
        raise ScanError(
            f"{file.path} holds {text!r} frames, expected a whole number; repair the header"
        )
    return int(text)


def _frames(file: SliceFile) -> list[Frame]:
    count = frame_count(file)
    # A copy: to look into a sequence converts it, and what is written must not change by that.
    header = Dataset(dict(file.header.items()))
    header.set_original_encoding(*file.encoding, file.header.original_character_set)
    try:
        with quiet():
            shared = header[SHARED_GROUPS].value if SHARED_GROUPS in header else []
            of_all, *more = [_macros(groups) for groups in shared] or [[]]
            extra = [item for macros in more for macro in macros for item in macro]
            per_frame = header[PER_FRAME_GROUPS].value
            flat = [_flat([*of_all, *_macros(groups)], extra) for groups in per_frame]
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path}: the functional groups cannot be read ({said(error)}); the file "
            "is damaged: fetch it again"
        ) from error
    if len(flat) != count:
        raise ScanError(
            f"{file.path} has {count} frames, but {len(flat)} *Per-frame Functional Groups*: the "
            "header is damaged; fetch it again"
        )
    top = {
        tag: element
        for tag, element in file.header.items()
        if tag not in (SHARED_GROUPS, PER_FRAME_GROUPS, dcm.NUMBER_OF_FRAMES)
    }
    frames = []
    for number, (elements, besides) in enumerate(flat):
        own, *others = (Dataset(one) for one in ({**top, **elements}, *besides))
        for dataset in (own, *others):
            dataset.set_original_encoding(*file.encoding, file.header.original_character_set)
        if FRAME_TYPE in elements:
            kind = "\\".join(dcm.values(own, FRAME_TYPE))
            own[dcm.IMAGE_TYPE] = DataElement(dcm.IMAGE_TYPE, "CS", kind)
        frames.append(Frame(file, number, own, tuple(others)))
    return frames


def _flat(
    macros: Sequence[list[_Elements]], extra: Iterable[_Elements]
) -> tuple[_Elements, list[_Elements]]:
    """The elements of one frame, and what of them is said otherwise somewhere else.

    Args:
        macros: the items of each. Of these the first counts; of macros that say the same, the last.
        extra: items that do not count.
    """
    elements: _Elements = {}
    besides = [*extra, *(item for macro in macros for item in macro[1:])]
    for first, *_ in macros:
        besides.append({tag: elements[tag] for tag in elements.keys() & first.keys()})
        elements.update(first)
    otherwise = (
        {t: one for t, one in item.items() if t in elements and one.value != elements[t].value}
        for item in besides
    )
    return elements, [item for item in otherwise if item]


def _macros(groups: Dataset) -> list[list[_Elements]]:
    """The items of each macro of one frame, or of those that all frames share."""
    tags = sorted(groups.keys(), key=lambda tag: tag not in _CONVERTED)  # the proper ones win
    macros = (groups[tag] for tag in tags if tag not in _REFERENCES)
    return [
        [dict(item.items()) for item in macro.value]
        for macro in macros
        if macro.VR == "SQ" and macro.value
    ]
