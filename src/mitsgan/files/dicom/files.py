"""One DICOM file without its pixel data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.find.entries import Entry, Stamp

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class SliceFile:
    """One DICOM file without its pixel data.

    Attributes:
        entry: where it lies.
        preamble, meta: the first 128 bytes and group 0002; zeros and nothing where a file has none.
        header: every element before *Pixel Data*, raw as read.
        tags: of these elements in the order of the file, equal ones and all.
        body_offset: where the data set starts.
        pixel_offset: where the *Pixel Data* element starts, or None if there is none.
        transfer_syntax: how it is encoded; not always what its group 0002 says.
        stamp: of the file when it was read: another one later, and it was changed meanwhile.
    """

    entry: Entry
    preamble: bytes
    meta: FileMetaDataset
    header: Dataset
    tags: tuple[int, ...]
    body_offset: int
    pixel_offset: int | None
    transfer_syntax: UID
    stamp: Stamp

    @property
    def path(self) -> Path:
        """The file, for messages."""
        return self.entry.path

    @property
    def name(self) -> Path:
        """Its path below what was read; the result gets the same."""
        return self.entry.name

    def check_unchanged(self) -> None:
        """Raise `ScanError` where somebody wrote to the file since its header was read."""
        try:
            changed = self.entry.stamp != self.stamp
        except OSError:
            changed = True
        if changed:
            raise ScanError(
                f"{self.path} changed while it was read; read it again when it is whole"
            )

    @property
    def encoding(self) -> tuple[bool, bool]:
        """Whether the elements are implicit VR, and little endian."""
        implicit, little = self.header.original_encoding
        return bool(implicit), bool(little)

    @property
    def series(self) -> str:
        return dcm.text(self.header, dcm.SERIES_INSTANCE_UID)

    @property
    def instance(self) -> str:
        return dcm.text(self.header, dcm.SOP_INSTANCE_UID)
