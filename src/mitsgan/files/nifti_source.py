"""Where a scan in NIfTI came from: apart from nibabel, which most commands need not wait for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NIFTI_SUFFIXES = (".nii", ".nii.gz")
PAIR_SUFFIXES = (".hdr", ".img")
"""A header and its voxels apart; read, not written."""


@dataclass(frozen=True)
class NiftiSource:
    """The header as it was read: kind (NIfTI-1 or 2), fields, extensions, affine.

    Attributes:
        path: the file.
        image: as nibabel read it.
        hu_offset: HU that were added to its values.
    """

    path: Path
    image: Any
    hu_offset: float = 0.0

    @property
    def identity(self) -> None:
        """None: an image says nothing of the series that it came from."""
        return None
