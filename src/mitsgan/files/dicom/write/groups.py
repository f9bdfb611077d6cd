"""The functional groups of a derived multi-frame image: that its frames are derived, from what.

Source: DICOM PS3.3 C.7.6.16.2.6 (derivation image), C.8.15.2 (enhanced CT image), C.8.15.3.1 (CT
image frame type), C.12.2 (common instance reference), C.7.6.16.1.3 (concatenations).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag

from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.frames import FRAME_TYPE, PER_FRAME_GROUPS, SHARED_GROUPS
from mitsgan.files.dicom.write.encode import Element, Encoding
from mitsgan.quiet import quiet

_DERIVATION_IMAGE = 0x00089124
_REFERENCED_SERIES = 0x00081115
_REFERENCED_INSTANCES = 0x0008114A
_REFERENCED_OBJECTS = 0x00081199
_SOURCE_EVIDENCE = 0x00089154

FRAME_KIND = ("PRIMARY", "AXIAL", "NONE")
"""What follows DERIVED where a source does not say what kind of image it is; all four have to be.

Who merged single slices that did not say it leaves it out."""

_CONCATENATION = (0x00209161, 0x00200242)
"""*Concatenation UID* and *SOP Instance UID of Concatenation Source*."""

CHANGED_GROUPS = frozenset(
    {
        *(SHARED_GROUPS, PER_FRAME_GROUPS, _REFERENCED_SERIES, _SOURCE_EVIDENCE),
        *_CONCATENATION,
    }
)
"""Elements that change in a derived multi-frame image, besides those of any derived image."""


def derived_groups(
    file: SliceFile, encoding: Encoding, described: Sequence[Element]
) -> dict[BaseTag, Element]:
    """The functional groups of the source, its frames now derived ones.

    Args:
        file: the source.
        encoding: of its data set.
        described: what was done and from what, the elements of the *Derivation Image Sequence*.
    """
    header = Dataset(dict(file.header.items()))
    header.set_original_encoding(*file.encoding, file.header.original_character_set)
    changed: dict[BaseTag, Element] = {}
    with quiet():
        shared = [_copy(item) for item in _items(header, SHARED_GROUPS)] or [Dataset()]
        per_frame = [_copy(item) for item in _items(header, PER_FRAME_GROUPS)]
        derivation = Dataset({element.tag: element for element in described})
        derivation.set_original_encoding(encoding.implicit, encoding.little)
        # Either all frames share the macro or each has it; what was there before stays in front.
        for item in per_frame if any(_DERIVATION_IMAGE in item for item in per_frame) else shared:
            earlier = list(_items(item, _DERIVATION_IMAGE))
            item[_DERIVATION_IMAGE] = DataElement(
                _DERIVATION_IMAGE, "SQ", Items([*earlier, derivation])
            )
        for item in (*shared, *per_frame):
            _derive_frame_type(item, encoding)
    for tag, items in ((SHARED_GROUPS, shared), (PER_FRAME_GROUPS, per_frame)):
        changed[Tag(tag)] = DataElement(tag, "SQ", Items(items))
    return changed


def references(file: SliceFile, encoding: Encoding) -> dict[BaseTag, Element]:
    """The sequences in which an enhanced image lists all that it refers to, and is made of.

    What the source lists stays: its functional groups, which are kept, refer to it.
    """
    instance = encoding.item(
        encoding.raw(0x00081150, "UI", dcm.text(file.header, dcm.SOP_CLASS_UID)),
        encoding.raw(0x00081155, "UI", file.instance),
    )
    uid = encoding.raw(dcm.SERIES_INSTANCE_UID, "UI", file.series)
    series, source = (
        encoding.item(encoding.raw(tag, "SQ", instance), uid)
        for tag in (_REFERENCED_INSTANCES, _REFERENCED_OBJECTS)
    )
    study = encoding.raw(
        dcm.STUDY_INSTANCE_UID, "UI", dcm.text(file.header, dcm.STUDY_INSTANCE_UID)
    )
    evidence = encoding.item(encoding.raw(_REFERENCED_SERIES, "SQ", source), study)
    return {
        Tag(tag): appended(file.header, encoding, tag, item)
        for tag, item in ((_REFERENCED_SERIES, series), (_SOURCE_EVIDENCE, evidence))
    }


def renamed_concatenation(file: SliceFile, rename: Callable[[str], str]) -> dict[BaseTag, str]:
    """New UIDs of what an object is a fragment of, where it is one (PS3.3 C.7.6.16.2.2.4).

    Else its fragments would be taken for further ones of the source.

    Args:
        file: the source.
        rename: a new UID for one of the source's.
    """
    uids = {Tag(tag): dcm.text(file.header, tag) for tag in _CONCATENATION}
    return {tag: rename(uid) for tag, uid in uids.items() if uid}


def appended(source: Dataset, encoding: Encoding, tag: int, item: bytes) -> Element:
    """A sequence with one more item; the source's own stays untouched."""
    sequence = dcm.element(source, tag)
    if isinstance(sequence, RawDataElement) or sequence is None:
        earlier = (sequence.value or b"") if sequence is not None else b""
        return encoding.raw(tag, "SQ", bytes(earlier) + item)
    added = read_dataset(BytesIO(item[8:]), encoding.implicit, encoding.little)
    return DataElement(tag, "SQ", Items([*(sequence.value or []), added]))


def _derive_frame_type(item: Dataset, encoding: Encoding) -> None:
    """Let *Frame Type* say DERIVED wherever an item has it."""
    for tag in list(item.keys()):
        macro: Any = item[tag]
        if macro.VR != "SQ" or not macro.value or FRAME_TYPE not in macro.value[0]:
            continue
        inner = _copy(macro.value[0])
        kind = "\\".join(["DERIVED", *(dcm.values(inner, FRAME_TYPE)[1:] or FRAME_KIND)])
        inner[FRAME_TYPE] = encoding.raw(FRAME_TYPE, "CS", kind)
        item[tag] = DataElement(tag, "SQ", Items([inner, *macro.value[1:]]))


def _items(dataset: Dataset, tag: int) -> Sequence[Dataset]:
    return dataset[tag].value or [] if tag in dataset else []


def _copy(item: Dataset) -> Dataset:
    """An item that can be changed without changing the source's header."""
    copy = Dataset(dict(item.items()))
    implicit, little = item.original_encoding
    copy.set_original_encoding(implicit, little, item.original_character_set)
    return copy
