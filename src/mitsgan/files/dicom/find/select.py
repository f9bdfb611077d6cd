"""Which of several scans is meant: by its series, or by what tells two scans in one series apart.

Source: DICOM PS3.3 C.7.3.1 (general series), C.7.4, C.8.2.1 (CT image).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydicom.datadict import (
    dictionary_description,
    dictionary_VR,
    keyword_for_tag,
    tag_for_keyword,
)
from pydicom.dataset import Dataset

from mitsgan.errors import ScanError, SettingsError, counted
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.frames import Frame
from mitsgan.reading import Choice

NAMES: Mapping[str, str] = {
    "kernel": "ConvolutionKernel",
    "acquisition": "AcquisitionNumber",
    "time": "AcquisitionTime",
    "thickness": "SliceThickness",
    "type": "ImageType",
    "phase": "NominalPercentageOfCardiacPhase",
    "position": "TemporalPositionIdentifier",
    "trigger": "TriggerTime",
    "kvp": "KVP",
    "algorithm": "ReconstructionAlgorithm",
    "diameter": "ReconstructionDiameter",
    "orientation": "ImageOrientationPatient",
    "spacing": "PixelSpacing",
    "description": "SeriesDescription",
    "number": "SeriesNumber",
    "stack": "StackID",
}
"""Short names of the attributes that tell scans of one folder or series apart."""

_SHOWN = 4
_PATIENT = 0x0010
_LONGEST = 64
_TOLD = frozenset(
    {
        *("AS", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT"),
        *("SH", "SL", "SS", "ST", "SV", "TM", "UI", "UL", "US", "UV"),
    }
)
"""Value representations by which two scans may be told apart: no names, no tables."""


class HasHeader(Protocol):
    """A file or a frame."""

    @property
    def header(self) -> Dataset: ...


Item = TypeVar("Item", bound=HasHeader)


@dataclass(frozen=True)
class Selection:
    """An attribute and the value that it must have.

    Attributes:
        name: as it was given: a short name of `NAMES`, or a DICOM keyword.
        value: its text; several values are joined by a backslash.
    """

    name: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Read ``kernel=B70f``.

        Raises:
            SettingsError: no attribute of that name.
        """
        name, _, value = text.partition("=")
        selection = cls(name.strip(), value.strip())
        if selection.tag is None:
            raise SettingsError(
                f"`select` knows no attribute {name.strip()!r}; give one of {', '.join(NAMES)}, or "
                "a DICOM keyword"
            )
        return selection

    @property
    def tag(self) -> int | None:
        keyword = NAMES.get(self.name.lower(), self.name)
        return tag_for_keyword(keyword) if keyword else None

    def fits(self, header: Dataset) -> bool:
        """Whether a slice has the value; numbers are equal however they are written."""
        return self.tag is not None and _plain(dcm.shown(header, self.tag)) == _plain(self.value)


def select_slices(
    items: Sequence[Item], selections: Sequence[Selection], path: Path
) -> Sequence[Item]:
    """Those slices that have all values that are asked for.

    Raises:
        ScanError: none has; the message lists which values there are.
    """
    for selection in selections:
        chosen = [item for item in items if selection.fits(item.header)]
        if not chosen:
            tag = selection.tag or 0
            counts = Counter(dcm.shown(item.header, tag) for item in items)
            raise ScanError(
                f"{path} holds no slice whose {_label(tag)} is {selection.value!r}; there are: "
                f"{_listed(counts)}"
            )
        items = chosen
    return items


def choose_frames(frames: Sequence[Frame], choice: Choice, path: Path) -> list[Frame]:
    """The slices of the one scan that is asked for, or that there is.

    Raises:
        ScanError: several and none asked for, or the one asked for is not there.
    """
    selections = [Selection.parse(text) for text in choice.select]
    frames = select_slices(frames, selections, path)
    files = set(select_series(list({frame.file: None for frame in frames}), choice.series, path))
    return [frame for frame in frames if frame.file in files]


def select_series(files: Sequence[SliceFile], series: str | None, path: Path) -> list[SliceFile]:
    """The files of the one series that is asked for, or that there is.

    Raises:
        ScanError: several series and none asked for, or the one asked for is not there; the
            message lists what there is.
    """
    groups: dict[str, list[SliceFile]] = defaultdict(list)
    for file in files:
        groups[file.series].append(file)
    if series is not None and series in groups:
        return groups[series]
    listed = "\n".join(f"  {uid}  {_describe(group)}" for uid, group in sorted(groups.items()))
    if series is not None:
        raise ScanError(f"{path} holds no series {series}; it holds:\n{listed}")
    if len(groups) > 1:
        raise ScanError(
            f"{path} holds {len(groups)} series; choose one by its UID with `series`:\n{listed}"
        )
    return list(files)


def differences(items: Sequence[Item], is_one_scan: Callable[[Sequence[Item]], bool]) -> list[str]:
    """What tells several scans in one series apart, ready to be chosen by; most useful first.

    Args:
        items: slices of one series.
        is_one_scan: whether slices can be those of one scan.
    """
    usual = [(name, tag) for name, word in NAMES.items() if (tag := tag_for_keyword(word))]
    return _choices(usual, items, is_one_scan) or _choices(_others(items), items, is_one_scan)


def _choices(
    named: Iterable[tuple[str, int]],
    items: Sequence[Item],
    is_one_scan: Callable[[Sequence[Item]], bool],
) -> list[str]:
    """Those attributes, each with the name to choose by, that tell scans apart."""
    choices = []
    for name, tag in named:
        groups: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            groups[dcm.shown(item.header, tag)].append(item)
        few = 1 < len(groups) <= len(items) / 2 and all(0 < len(v) <= _LONGEST for v in groups)
        if few and all(map(is_one_scan, groups.values())):
            counts = {value: len(group) for value, group in groups.items()}
            choice = next(iter(sorted(groups)))
            choices.append(f"{_label(tag)}: {_listed(counts)} (`select={name}={choice}`)")
    return choices


def _others(items: Sequence[HasHeader]) -> Iterator[tuple[str, int]]:
    """All attributes of a few words but those of the patient, which no message is to tell."""
    for tag in items[0].header.keys():  # noqa: SIM118 - a Dataset iterates over converted elements
        keyword = keyword_for_tag(tag)
        if keyword and tag >> 16 != _PATIENT and dictionary_VR(tag) in _TOLD:
            yield keyword, int(tag)


def _describe(group: Sequence[SliceFile]) -> str:
    header = group[0].header
    modality = dcm.text(header, dcm.MODALITY) or "no modality"
    description = dcm.text(header, dcm.SERIES_DESCRIPTION) or "no description"
    return f'{modality}  "{description}"  {counted(len(group), "slice")}'


def _listed(counts: Mapping[str, int]) -> str:
    shown = [f"{value or '(empty)'} in {n}" for value, n in sorted(counts.items())[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(counts) > _SHOWN else "")


def _label(tag: int) -> str:
    return f"*{dictionary_description(tag)}*"


def _plain(text: str) -> str:
    """Text by which values are compared: without case, numbers in one form."""
    parts = []
    for part in text.split("\\"):
        try:
            parts.append(repr(float(part)))
        except ValueError:
            parts.append(part.strip().lower())
    return "\\".join(parts)
