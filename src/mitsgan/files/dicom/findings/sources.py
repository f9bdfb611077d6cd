"""The instances that were examined, as what refers to them needs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from pydicom.config import RAISE
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import DA, TM, validate_value

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.frames import Frame, is_multiframe
from mitsgan.files.dicom.series import place_slices
from mitsgan.files.dicom.spacing import Positions, check_apart
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

_BIRTH_DATE, _SEX, _STUDY_DATE, _STUDY_TIME = 0x00100030, 0x00100040, 0x00080020, 0x00080030
_READERS: dict[int, Callable[[str], object]] = {
    _BIRTH_DATE: DA,
    _STUDY_DATE: DA,
    _STUDY_TIME: TM,
    _SEX: ("M", "F", "O").index,
}
"""What only some values are allowed for. Scanners and anonymisers write others, such as ``U``."""

_DEIDENTIFICATION_CODES = 0x00120064
_OF_PATIENT_AND_STUDY = frozenset({0x0008, 0x0010, 0x0012, 0x0032, 0x0038, 0x0040})
"""Groups of elements that findings repeat as they are.

Not their sequences, of which anonymisers leave half, such as procedure and diagnosis codes, other
patient IDs, references to patient and study; but how names were taken off must be told."""

_CHECKED = frozenset({"AS", "DA", "DS", "TM"})
"""What is optional of a patient and has such a VR, as age and weight, is repeated if valid."""

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
    datasets = tuple(_dataset(frame.file) for frame in frames)
    # By the standard they have one. In LIDC-IDRI-0001 each slice has another, and what refers to
    # all of them can name one alone.
    for dataset in datasets[1:]:
        dataset.FrameOfReferenceUID = datasets[0].FrameOfReferenceUID
    return Examined(tuple(frames), datasets)


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
            repeated = {t: e for t, e in header.items() if not _is_left_out(header, t)}
            dataset = Dataset(repeated)
            dataset.set_original_encoding(*file.encoding, header.original_character_set)
            for tag in _MAY_BE_EMPTY:
                if tag not in dataset or not _is_allowed(header, tag):
                    dataset[tag] = DataElement(tag, dictionary_VR(tag), None)
    except UNREADABLE as error:
        raise ScanError(f"{file.path} cannot be read ({said(error)}): fetch it again") from error
    return dataset


def _is_left_out(header: Dataset, tag: int) -> bool:
    """Whether findings do not repeat an element of patient or study."""
    group = tag >> 16
    if group not in _OF_PATIENT_AND_STUDY or not dictionary_has_tag(tag) or tag in _MAY_BE_EMPTY:
        return False
    vr = dictionary_VR(tag)
    if vr == "SQ":
        return tag != _DEIDENTIFICATION_CODES
    if group != dcm.PATIENT_ID >> 16 or vr not in _CHECKED:
        return False
    try:
        for text in dcm.values(header, tag):
            validate_value(vr, text, RAISE)
    except ValueError:
        return True
    return False


def _is_allowed(header: Dataset, tag: int) -> bool:
    """Whether the standard has such a value."""
    text = dcm.text(header, tag).strip()
    try:
        if text:
            _READERS.get(tag, str)(text)
    except ValueError:
        return False
    return True


def as_one_stack(scan: Examined, shown: Sequence[bool]) -> list[Dataset]:
    """The datasets of the slices that show something, with one plane and one thickness for all.

    A segmentation has both once. Slices may differ in the last digits of their orientation, lack
    a thickness, or be frames that say for themselves what all have in common.

    Args:
        scan: what was examined.
        shown: which of its slices.

    Raises:
        ScanError: the slices are not one stack.
    """
    pairs = zip(scan.frames, shown, strict=True)
    frames = [frame for frame, some in pairs if some or scan.is_multiframe]
    placed = place_slices(frames)
    check_apart(placed)
    measures, orientation = Dataset(), Dataset()
    orientation.ImageOrientationPatient = dcm.values(frames[0].header, dcm.ORIENTATION)
    measures.PixelSpacing = dcm.values(frames[0].header, dcm.PIXEL_SPACING)
    measures.SliceThickness = _thickness(placed)
    if scan.is_multiframe:
        groups = dict(scan.first.get("SharedFunctionalGroupsSequence", [Dataset()])[0].items())
        shared = Dataset(groups)
        shared.PixelMeasuresSequence = Items([measures])
        shared.PlaneOrientationSequence = Items([orientation])
        scan.first.SharedFunctionalGroupsSequence = Items([shared])
        return [scan.first]
    datasets = [one for one, some in zip(scan.datasets, shown, strict=True) if some]
    for dataset in datasets:
        dataset.update(measures)
        dataset.update(orientation)
    return datasets


def _thickness(placed: Positions) -> float:
    """What the first slice tells, else the least distance of two, else 1 mm."""
    for tag in (dcm.SLICE_THICKNESS, dcm.SPACING_BETWEEN_SLICES):
        with suppress(ValueError):
            told = [float(dcm.decimal(text)) for text in dcm.values(placed.frames[0].header, tag)]
            if told and 0 < told[0] < math.inf:
                return told[0]
    return float(np.diff(placed.along).min()) if len(placed.frames) > 1 else 1.0


def series_number(scan: Examined, more: int) -> int:
    """A number for a series that belongs to what was examined: far behind it, but beside it."""
    text = dcm.text(scan.frames[0].header, dcm.SERIES_NUMBER).strip()
    own = int(text) if text.isascii() and text.isdigit() else 0
    return _BEHIND + 2 * (own % _BEHIND) + more
