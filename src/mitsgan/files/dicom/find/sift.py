"""What lies beside the slices of a scan, and is none: named, and left out.

A slice must not go missing in silence. So what claims to be a slice, or cannot be told from a
damaged one, is an error; what is surely none is left out with one line.

Source: DICOM PS3.3 C.7.6.1.1.2 (image type), PS3.4 B.5 (storage SOP classes).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.entries import DIRECTORY, Entry

DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
_NOTES = frozenset(
    {
        *(".txt", ".md", ".rst", ".xml", ".json", ".csv", ".tsv", ".yaml", ".yml", ".html"),
        *(".htm", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".svg"),
        *(".log", ".ini", ".md5", ".sha256", ".sha1"),
    }
)
"""Endings of what people put beside a series; not worth a line."""

POINTER = b"version https://git-lfs"
"""How a file starts that stands for one that was not fetched."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CT_STORAGE = frozenset({f"{_STORAGE}2", f"{_STORAGE}2.1", f"{_STORAGE}2.2"})
_NO_IMAGE = (
    *(f"{_STORAGE}{kind}" for kind in ("9.", "11.", "66", "88.", "104.", "481.")),
    "1.3.12.2.1107.5.9.1",
)
"""How SOP classes begin that have no image, whatever modality they name: waveforms, presentation
states, raw data and registrations, reports, documents, radiotherapy; Siemens' CSA non-image."""

_NO_PIXELS = {
    "RTSTRUCT": "structure set",
    "RTPLAN": "treatment plan",
    "SR": "structured report",
    "PR": "presentation state",
    "KO": "key object selection",
    "REG": "registration",
    "DOC": "document",
}
_NAMED = 3


@dataclass(frozen=True)
class LeftOut:
    """A file that is no slice, why, and the series that it says it is of, if it is DICOM."""

    name: Path
    kind: str
    series: str = ""


def sift(
    files: Sequence[SliceFile], *, of_any_modality: bool = False
) -> tuple[list[SliceFile], list[LeftOut]]:
    """Files that are, or claim to be, slices of a scan, and those that are none: `no_slice`."""
    slices, left_out = [], []
    for file in files:
        kind = no_slice(file, of_any_modality=of_any_modality)
        if kind is None:
            slices.append(file)
        else:
            left_out.append(LeftOut(file.name, kind, file.series))
    return slices, left_out


def no_slice(file: SliceFile, *, of_any_modality: bool = False) -> str | None:
    """What a DICOM file is that is surely no slice of a scan; None where it may be one.

    Args:
        file: the file.
        of_any_modality: whether slices of other scans than CT count as slices.
    """
    header = file.header
    modality, kind = dcm.text(header, dcm.MODALITY), dcm.text(header, dcm.SOP_CLASS_UID)
    if modality in _NO_PIXELS:
        return _NO_PIXELS[modality]
    if modality not in ("CT", "") and not of_any_modality:
        return f"object of modality {modality}"
    if "LOCALIZER" in dcm.values(header, dcm.IMAGE_TYPE):
        return "localizer"
    if kind.startswith(_SECONDARY_CAPTURE) and not _could_be_a_slice(file):
        return "secondary capture"
    if dcm.integer(header, dcm.SAMPLES_PER_PIXEL) == 3:
        return "page in colour"
    is_other = modality != "CT" and kind not in _CT_STORAGE and kind
    if file.pixel_offset is None and (is_other or kind.startswith(_NO_IMAGE)):
        return "object without an image"
    return None


def _could_be_a_slice(file: SliceFile) -> bool:
    """Whether a secondary capture has what a slice has; workstations export slices as such."""
    header = file.header
    needed = (dcm.POSITION, dcm.ORIENTATION, dcm.RESCALE_SLOPE)
    return dcm.integer(header, dcm.BITS_ALLOCATED) == 16 and all(
        dcm.values(header, tag) for tag in needed
    )


def side_file(entry: Entry, start: bytes) -> LeftOut | None:
    """What a file is that is no DICOM; None where it may be a damaged slice.

    Args:
        entry: the file.
        start: its first bytes.
    """
    suffix, upper = entry.path.suffix.lower(), entry.path.name.upper()
    if suffix in DICOM_SUFFIXES or suffix[1:].isdecimal():  # .5 is the end of a UID as well
        return None
    if upper == DIRECTORY:
        return LeftOut(entry.name, "")
    if suffix in _NOTES:
        return LeftOut(entry.name, "")
    if suffix:
        return LeftOut(entry.name, "other file")
    # A note without an ending: text all through. An empty file may be a lost slice.
    if start.startswith(POINTER):
        return None
    is_text = bool(start) and all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in start)
    return LeftOut(entry.name, "") if is_text else None


def left_out_note(left_out: Iterable[LeftOut]) -> str | None:
    """One line on what was left out, or None where it is not worth one."""
    kinds: dict[str, list[Path]] = defaultdict(list)
    for item in left_out:
        if item.kind:
            kinds[item.kind].append(item.name)
    if not kinds:
        return None
    shown = []
    for kind, names in sorted(kinds.items(), key=lambda pair: (pair[0] == "other file", pair[0])):
        listed = ", ".join(name.as_posix() for name in names[:_NAMED])
        more = ", ..." if len(names) > _NAMED else ""
        what = kind if len(names) == 1 else _plural(kind)
        shown.append(f"{len(names)} {what} ({listed}{more})")
    return f"left out, being no slices of the scan: {'; '.join(shown)}"


def _plural(kind: str) -> str:
    """More than one ``copy of another file``, or ``localizer``."""
    head, *rest = re.split(r"(?= of | in | without )", kind, maxsplit=1)
    several = f"{head[:-1]}ies" if head.endswith("y") else f"{head}s"
    return several + "".join(rest)


def refuse_left_out(left_out: Iterable[LeftOut]) -> None:
    """Raise where anything but notes beside the slices was left out.

    Raises:
        ScanError: names what was.
    """
    note = left_out_note(left_out)
    if note is not None:
        raise ScanError(
            f"{note}; take these away, or read without `strict`, which wants nothing but slices"
        )
