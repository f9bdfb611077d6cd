"""The headers of all DICOM files at a path, pixel data left on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import Progress, SliceFile
from mitsgan.files.dicom.find.entries import READABLE, Entry, entries_at, is_collection
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.find.sift import POINTER, LeftOut, side_file
from mitsgan.quiet import UNREADABLE

_LOOKED_AT = 1024


@dataclass(frozen=True)
class Headers:
    """What lies at a path.

    Attributes:
        files: the DICOM files, in the order of their names.
        left_out: what is no DICOM, and no lost slice either.
    """

    files: list[SliceFile]
    left_out: list[LeftOut]


def read_headers(path: Path, progress: Progress | None = None) -> Headers:
    """The headers of one DICOM file, or of all in a folder, a zip archive or a DICOMDIR.

    Programs, notes and pictures are left out; what may be a damaged slice is an error, because a
    slice must not go missing in silence.

    Args:
        path: what to read.
        progress: called with (done, total) steps, two for each file.

    Raises:
        ScanError: nothing there, or a file that is damaged or not DICOM.
    """
    entries = entries_at(path)
    alone = not is_collection(path)
    files: list[SliceFile] = []
    left_out: list[LeftOut] = []
    for done, entry in enumerate(entries):
        if progress is not None and not alone:
            progress(done, 2 * len(entries))
        header = read_header(entry)
        if header is not None:
            check_whole(header)
            files.append(header)
            continue
        start = _start(entry)
        beside = None if alone else side_file(entry, start)
        if beside is None:
            raise ScanError(_not_dicom(entry.path, start, alone=alone))
        left_out.append(beside)
    if not files:
        what = f"none of its {len(entries)} files is DICOM" if entries else "it is empty"
        raise ScanError(
            f"no DICOM files in {path}: {what}; name the folder that holds the slices, or an image "
            f"file. What can be read: {READABLE}"
        )
    return Headers(files, left_out)


def check_whole(file: SliceFile) -> None:
    """Raise where a file ends before it says what series it belongs to."""
    if file.pixel_offset is None and dcm.SERIES_INSTANCE_UID not in file.header:
        raise ScanError(
            f"{file.path} has neither a {dcm.label(dcm.SERIES_INSTANCE_UID)} *Series Instance UID* "
            f"nor pixel data: it is damaged, truncated or no image; fetch it again, or take it "
            f"away if it is not part of the series"
        )


def _start(entry: Entry) -> bytes:
    try:
        with entry.open() as file:
            return file.read(_LOOKED_AT)
    except UNREADABLE as error:
        raise ScanError(f"{entry.path} cannot be read ({error}): fetch it again") from error


def _not_dicom(path: Path, start: bytes, *, alone: bool) -> str:
    if start.startswith(POINTER):
        return (
            f"{path} is a Git LFS pointer, not a DICOM file: it stands for a file that was not "
            "fetched; run `git lfs pull`"
        )
    if start[128:132] == b"DICM":
        return f"{path} is a DICOM directory under another name; call it DICOMDIR"
    what = f"holds {len(start)} bytes only" if len(start) < 132 else "lacks the mark 'DICM'"
    message = f"{path} is not a DICOM file (it {what} where a DICOM file says what it is)"
    if alone:
        return f"{message}. What can be read: {READABLE}"
    return f"{message}: fetch it again if it is a slice, take it away if it is not"
