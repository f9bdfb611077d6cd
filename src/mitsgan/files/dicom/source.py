"""What a scan remembers of the DICOM series that it was read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from mitsgan.errors import IdentityError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.uids import Uids, renewed_uids, source_uids
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.pixels.bits import Spare
from mitsgan.files.dicom.pixels.form import PixelFormat


@dataclass(frozen=True)
class DicomSource:
    """What writing a derived series needs besides the voxels.

    Attributes:
        path: the folder or the file that was read.
        slices: z ascending along the slice normal.
        forms: how each is stored.
        tails: the elements after *Pixel Data* of each file, by its path below what was read.
        spare: what the bits above the stored ones hold, by slice.
        widened: slices with values that need more bits than their header says.
        hu_offset: HU that were added to what the header says.
        new_uids: whether derived UIDs come from new ones, since the source's are no good.
    """

    path: Path
    slices: tuple[Frame, ...]
    forms: tuple[PixelFormat, ...]
    tails: Mapping[str, Dataset]
    spare: Mapping[int, Spare]
    widened: frozenset[int]
    hu_offset: float = 0.0
    new_uids: bool = False

    @property
    def files(self) -> tuple[SliceFile, ...]:
        """The files that hold the slices, each once, in the order of their first slice."""
        return tuple({frame.file: None for frame in self.slices})

    @property
    def planes(self) -> dict[tuple[str, int], Frame]:
        """The slices by the *SOP Instance UID* of their object and their number in it from 1."""
        return {(frame.file.instance, frame.number + 1): frame for frame in self.slices}

    @property
    def identity(self) -> str:
        """*Study Instance UID*, *Frame of Reference UID* and *Series Number*.

        A derived series keeps all three; its series UID is new. Of frames of reference and series
        numbers it is the one of most files. In LIDC-IDRI-0001 each has a frame of its own, which
        stands for none: else a series without its lowest slice would be another.

        Raises:
            IdentityError: no *Study Instance UID*.
        """
        first = self.slices[0]
        study = dcm.text(first.header, dcm.STUDY_INSTANCE_UID).strip(" \0")
        if not study and self.new_uids:
            study = self.uids().study
        if not study:
            raise IdentityError(
                f"{first.path} has no (0020,000D) *Study Instance UID*, so the mark cannot be "
                "bound to its series; give the mark an identity of your own choice"
            )
        frame, number = map(self._of_most, (dcm.FRAME_OF_REFERENCE_UID, dcm.SERIES_NUMBER))
        return f"dicom|{study}|{frame}|{number}"

    def _of_most(self, tag: int) -> str:
        """The value that more than half of the files have, or nothing."""
        values = Counter(dcm.text(file.header, tag).strip(" \0") for file in self.files)
        ((value, count),) = values.most_common(1)
        return value if count > values.total() / 2 else ""

    def uids(self) -> Uids:
        """The UIDs that a derived series is derived from.

        Raises:
            ScanError: they are empty, or not one for each object.
        """
        return renewed_uids(self.files) if self.new_uids else source_uids(self.files)
