"""Where a scan in NIfTI came from: apart from nibabel, which most commands need not wait for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_APART = 0.5
"""Voxels from which on two places are two."""

_LONGER = 1e-3

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

    @property
    def places(self) -> str:
        """How its header places the voxels in more ways than one; empty where it does not.

        A NIfTI may say it by an sform, a qform and the spacing of its voxels, and programs choose.
        """
        header, affine = self.image.header, self.image.affine
        spacing = np.abs(np.asarray(header.get_zooms()[:3], float))
        steps = np.linalg.norm(affine[:3, :3], axis=0)
        if (np.abs(spacing - steps) > _LONGER * steps).any():
            return f"voxels of {_mm(spacing)} mm and of {_mm(steps)} mm"
        forms = [header.get_sform(coded=True), header.get_qform(coded=True)]
        if any(code == 0 for _, code in forms):
            return ""
        last = np.array([*self.image.shape[:3], 2]) - 1
        corners = np.array([(*at, 1) for at in np.ndindex(2, 2, 2)]) * last
        one, other = (corners @ np.asarray(form).T for form, _ in forms)
        apart = float(np.abs(one - other).max())
        if apart <= _APART * float(steps.min()):
            return ""
        return f"an sform and a qform that place voxels up to {apart:.1f} mm apart"


def _mm(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)
