"""Compare what was written with what it was written of, before it is moved into place.

A fault in reading (shifted pixels, a wrong encoding, a rescale of another slice) would be written,
sealed and called intact, for the same code reads it again. So neither the source nor the result is
read here as elsewhere: DICOM by pydicom from end to end, images by their headers as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import OutputError
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.readback.dicom import dicom_slices
from mitsgan.files.readback.image import image_slices
from mitsgan.files.readback.slices import StoredSlice
from mitsgan.scan.scan import Scan

_SINGLE = 1e-6
"""Relative error of single precision."""
_ROUNDING_HU = 1e-3

Slices = Iterator[StoredSlice]


def check_readback(
    scan: Scan,
    written: Path,
    largest_hu: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Raise unless what was written is the scan, and no voxel moved by more than it may.

    Args:
        scan: as it was written, in the order of its file.
        written: the folder or the file.
        largest_hu: how far a voxel may be from the source, HU; None where there is no such limit.
        progress: called with slices done and slices in all.

    Raises:
        OutputError: it reads back differently, or voxels are further from the source.
    """
    source = scan.source
    if isinstance(source, DicomSource) and not _is_image(written):
        new: Slices = dicom_slices(source, written)
    else:
        new = image_slices(written, _offset(scan, written))
    old = None if largest_hu is None else _source_slices(scan)
    depth = len(scan.stored)
    for done, one in enumerate(new):
        if progress is not None:
            progress(done, depth)
        _check_equal(scan, one, written)
        if old is not None and largest_hu is not None:
            before = next(old)
            if before.z != one.z:
                raise OutputError(f"{written.name} holds slices in another order than its source")
            _check_moved(scan, one, before, largest_hu, written)
    if progress is not None:
        progress(depth, depth)


def _source_slices(scan: Scan) -> Slices | None:
    """The source of a scan, read anew; None where it has none on disk."""
    source = scan.source
    if isinstance(source, DicomSource):
        return dicom_slices(source, None)
    path = None if source is None else source.path
    return None if path is None else image_slices(path, _offset(scan, path))


def _offset(scan: Scan, path: Path) -> float:
    """HU to add to what an image file says: those that were added when the source was read."""
    source = scan.source
    if isinstance(source, DicomSource) or not _same_kind(scan, path):
        return 0.0
    return float(getattr(source, "hu_offset", 0.0))


def _same_kind(scan: Scan, path: Path) -> bool:
    """Whether a file keeps the units of the source: NIfTI of NIfTI, the others of the others."""
    origin = None if scan.source is None else scan.source.path
    return origin is not None and _is_nifti(origin) == _is_nifti(path)


def _is_image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(
        (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
    )


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz", ".hdr", ".img"))


def _check_equal(scan: Scan, one: StoredSlice, written: Path) -> None:
    wanted, slope, intercept = scan.stored[one.z], scan.slope[one.z], scan.intercept[one.z]
    if one.is_scaled_as(slope, intercept) and np.array_equal(one.stored, wanted):
        return
    hu, wanted_hu = one.hu, wanted.astype(np.float64) * slope + intercept
    if hu.shape != wanted_hu.shape or not _close(hu, wanted_hu):
        raise OutputError(
            f"slice {one.z} of {written.name} does not read back as it was written, by other means "
            f"than those it was written with; nothing was written. Please report this"
        )


def _check_moved(
    scan: Scan, one: StoredSlice, before: StoredSlice, largest_hu: float, written: Path
) -> None:
    z = one.z
    if before.stored.shape != one.stored.shape:
        raise OutputError(f"slice {z} of {written.name} has another size than its source")
    limit = largest_hu * (1 + _SINGLE) + _ROUNDING_HU
    worst, padding_moved = (_moved_words if _are_words(scan, one, before) else _moved)(
        scan, one, before
    )
    if worst > limit or padding_moved > _ROUNDING_HU:
        what = f"by {worst:g} HU" if worst > limit else "in the padding"
        raise OutputError(
            f"slice {z} of {written.name} differs from its source {what}, beyond the budget of "
            f"{largest_hu:g} HU, when both are read anew; nothing was written. If the source was "
            f"not changed meanwhile, please report this"
        )


def _are_words(scan: Scan, one: StoredSlice, before: StoredSlice) -> bool:
    """Whether a slice and its source hold integers of one scale, that of the scan."""
    slope, intercept = scan.slope[one.z], scan.intercept[one.z]
    return scan.is_integer and all(
        each.holds_words and each.is_scaled_as(slope, intercept) for each in (one, before)
    )


def _moved_words(scan: Scan, one: StoredSlice, before: StoredSlice) -> tuple[float, float]:
    """As `_moved`, on integers: exact, and in a fifth of the time."""
    change = np.subtract(one.stored, before.stored, dtype=np.int32)
    worst = max(int(change.max()), -int(change.min()))
    in_padding = change[_is_padding(scan, one.z, before.stored)]
    return worst * one.slope, float(np.abs(in_padding).max(initial=0)) * one.slope


def _moved(scan: Scan, one: StoredSlice, before: StoredSlice) -> tuple[float, float]:
    """How far the voxels of a slice moved at most, and those of its padding, HU."""
    hu, hu_before = one.hu, before.hu
    with np.errstate(invalid="ignore"):
        moved = np.abs(hu - hu_before)
    moved[~np.isfinite(hu_before) & ~np.isfinite(hu)] = 0
    stored = (hu_before - scan.intercept[one.z]) / scan.slope[one.z]
    if scan.is_integer:
        stored = np.rint(stored)
    in_padding = moved[_is_padding(scan, one.z, stored)]
    worst = float(np.nan_to_num(moved, nan=np.inf).max())
    return worst, float(np.nan_to_num(in_padding, nan=0).max(initial=0))


def _is_padding(scan: Scan, z: int, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """What of slice ``z`` of the source was padding, by its own values."""
    one = scan.with_slices(stored[None].astype(scan.stored.dtype), z, z + 1)
    return np.asarray(one.is_padding()[0])


def _close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.allclose(one, other, rtol=_SINGLE, atol=_ROUNDING_HU, equal_nan=True)
