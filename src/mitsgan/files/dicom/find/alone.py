"""One slice that was named out of the folder of its series."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from mitsgan.errors import ScanError
from mitsgan.files.dicom.find.entries import Entry, is_collection
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.frames import Frame, is_multiframe

_LOOKED_AT = 2000
"""Files beside it: in folders of whole archives it is enough to know that there are many."""


def alone_note(path: Path, frames: Sequence[Frame]) -> str | None:
    """What to tell where a single slice was named, and others of its series lie beside it."""
    if len(frames) != 1 or is_collection(path) or is_multiframe(frames[0].file):
        return None
    others = _others(path, frames[0].file.series)
    if not others:
        return None
    return (
        f"{path.name} is one slice of its series, of which {others} more lie beside it: only this "
        f"one was read; name the folder {path.parent} for the whole scan"
    )


def _others(path: Path, series: str) -> int:
    """How many files beside a slice are of its series."""
    count = 0
    for other in islice(sorted(path.parent.iterdir()), _LOOKED_AT):
        if other.name.startswith(".") or not other.is_file() or other.samefile(path):
            continue
        try:
            header = read_header(Entry(other, Path(other.name)))
        except (ScanError, OSError):  # somebody else's damage
            continue
        count += header is not None and header.series == series
    return count
