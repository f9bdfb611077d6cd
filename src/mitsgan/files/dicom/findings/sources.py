"""The instances that were examined, as what refers to them needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.frames import Frame, is_multiframe
from mitsgan.quiet import UNREADABLE, quiet, said

_NEEDED = (
    *(dcm.SOP_CLASS_UID, dcm.SOP_INSTANCE_UID, dcm.STUDY_INSTANCE_UID, dcm.SERIES_INSTANCE_UID),
    dcm.FRAME_OF_REFERENCE_UID,
)
_MAY_BE_EMPTY = (
    *(0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00080020, 0x00080030, 0x00080050),
    *(0x00080090, 0x00200010, 0x00201040),
)
"""Patient, study, accession number, referring physician, position reference: types 2."""

_REFERENCED_STUDY = 0x00081110
"""Would be repeated as it is; anonymisers leave half of it."""

_BEHIND = 10_000


@dataclass(frozen=True, eq=False)
class Examined:
    """The slices that were examined.

    Attributes:
        frames: along the normal of the slices, or as the frames of the one multi-frame image.
        datasets: of their files, without pixel data: one each, or the one of all.
    """

    frames: tuple[Frame, ...]
    datasets: tuple[Dataset, ...]

    @property
    def first(self) -> Dataset:
        """One of them, for what all share."""
        return self.datasets[0]

    @property
    def is_multiframe(self) -> bool:
        """Whether all slices are frames of one image."""
        return is_multiframe(self.frames[0].file)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.first.Rows), int(self.first.Columns)


def examined(frames: Sequence[Frame]) -> Examined:
    """What was examined, in an order in which it can be referred to.

    Raises:
        ScanError: something has no UID to be referred to by, or the slices do not fit together.
    """
    files = list({frame.file: None for frame in frames})
    if any(is_multiframe(file) for file in files):
        if len(files) > 1:
            raise ScanError(
                f"the scan is in {len(files)} files, of which {files[0].path} holds several "
                "frames; findings can refer to slices of one file each, or to one multi-frame file"
            )
        ordered = sorted(frames, key=lambda frame: frame.number)
        return Examined(tuple(ordered), (_dataset(files[0]),))
    return Examined(tuple(frames), tuple(_dataset(frame.file) for frame in frames))


def _dataset(file: SliceFile) -> Dataset:
    """A header that others may read and that lacks nothing they ask for."""
    header = file.header
    for tag in _NEEDED:
        if not dcm.text(header, tag).strip():
            raise ScanError(
                f"{file.path} has no {dcm.label(tag)} {keyword_for_tag(tag)}, so findings cannot "
                "refer to it; repair the header"
            )
    try:
        with quiet():
            dataset = Dataset(dict(header.items()))
            dataset.set_original_encoding(*file.encoding, header.original_character_set)
            dataset.pop(_REFERENCED_STUDY, None)
            for tag in _MAY_BE_EMPTY:
                if tag not in dataset:
                    dataset[tag] = DataElement(tag, dictionary_VR(tag), None)
    except UNREADABLE as error:
        raise ScanError(f"{file.path} cannot be read ({said(error)}): fetch it again") from error
    return dataset


def series_number(scan: Examined, more: int) -> int:
    """A number for a series that belongs to what was examined: far behind it, but beside it."""
    text = dcm.text(scan.frames[0].header, dcm.SERIES_NUMBER).strip()
    own = int(text) if text.isascii() and text.isdigit() else 0
    return _BEHIND + 2 * (own % _BEHIND) + more
