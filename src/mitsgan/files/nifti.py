"""NIfTI in and out, the header kept.

nibabel, not SimpleITK: it takes any affine, and leaves the header alone. NIfTI's world is RAS,
ours LPS: x and y change sign at this door.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Extension
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.files.itk import check_written, not_a_volume
from mitsgan.scan.memory import check_plausible, image_scan, in_hu
from mitsgan.scan.scan import Geometry, Scan

_Nifti1: Any = nib.Nifti1Image  # nibabel types little of what is used here
NIFTI_SUFFIXES = (".nii", ".nii.gz")
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MILLIMETRES = "mm"
_COMMENT = 6
_DAMAGED = (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error)


@dataclass(frozen=True)
class NiftiSource:
    """The header as it was read: kind (NIfTI-1 or 2), fields, extensions, affine."""

    path: Path
    image: Any

    @property
    def identity(self) -> None:
        """None: an image says nothing of the series that it came from."""
        return None


def read_nifti(path: Path) -> Scan:
    """Read a NIfTI image whose values, after its own slope and intercept, are HU.

    Raises:
        ScanError: it cannot be read, is not one three-dimensional grey image, or not in HU.
    """
    try:
        image: Any = nib.load(path)
        if not isinstance(image, _Nifti1):
            raise ScanError(f"{path} is not a single-file NIfTI image; convert it to .nii.gz")
        data: NDArray[Any] = np.asanyarray(image.dataobj.get_unscaled())
    except _DAMAGED as error:
        raise ScanError(f"{path} cannot be read as NIfTI ({error}); fetch it again") from error
    if data.ndim < 3 or data.dtype.kind not in "iuf" or any(n != 1 for n in data.shape[3:]):
        raise ScanError(not_a_volume(path, f"shape {data.shape} of {data.dtype}"))
    scale = _to_millimetres(image)
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    if not slope > 0:
        raise ScanError(f"{path} has slope {slope}, expected a positive number; rewrite it in HU")
    affine = _RAS_TO_LPS @ image.affine * scale
    columns = affine[:3, :3].T  # of i, j, k
    lengths = np.linalg.norm(columns, axis=1)
    if not (np.isfinite(affine).all() and (lengths > 0).all()):
        raise ScanError(f"{path} has no usable affine: {image.affine.tolist()}; repair its header")
    x, y, z = (float(value) for value in affine[:3, 3])
    geometry = Geometry(
        spacing=(float(lengths[2]), float(lengths[1]), float(lengths[0])),
        origin=(x, y, z),
        axes=tuple(
            (float(a), float(b), float(c)) for a, b, c in (columns / lengths[:, None])[::-1]
        ),
    )
    stored = data.reshape(data.shape[:3]).transpose(2, 1, 0)
    scan = image_scan(stored, geometry, NiftiSource(path, image), slope, intercept)
    check_plausible(scan, str(path))
    return scan


def write_nifti(scan: Scan, path: Path, derivation: Derivation) -> None:
    """Write a NIfTI image: the source's header if it was NIfTI, else a new one.

    Stored values stay as they are, with slope and intercept in the header, where all slices share
    them; else the values are written in HU.

    Raises:
        OutputError: it reads back differently.
    """
    slope, intercept = float(scan.slope[0]), float(scan.intercept[0])
    shared = bool((scan.slope == slope).all() and (scan.intercept == intercept).all())
    stored = scan.stored
    if not shared:
        stored, slope, intercept = in_hu(scan), 1.0, 0.0
    data = stored.transpose(2, 1, 0)
    if isinstance(scan.source, NiftiSource):
        source = scan.source.image
        data = data.reshape(source.shape)
        image: Any = type(source)(data, source.affine, source.header, dtype=stored.dtype)
    else:
        affine = np.eye(4)
        affine[:3, :3] = scan.geometry.matrix[::-1].T
        affine[:3, 3] = scan.geometry.origin
        image = _Nifti1(data, _RAS_TO_LPS @ affine, dtype=stored.dtype)
        image.header.set_xyzt_units(_MILLIMETRES)
        image.set_sform(image.affine, code="scanner")
        image.set_qform(image.affine, code="scanner")
    image.header.extensions.append(
        Nifti1Extension(_COMMENT, derivation.description.encode("utf-8"))
    )
    image.header.set_slope_inter(slope, intercept)
    nib.save(image, path)
    written: Any = nib.load(path)
    if not isinstance(written, _Nifti1):
        raise OutputError(f"{path.name} does not read back as NIfTI; choose another format")
    back = np.asanyarray(written.dataobj.get_unscaled())
    check_written(back.reshape(back.shape[:3]).transpose(2, 1, 0), stored, path)


def _to_millimetres(image: Any) -> NDArray[np.float64]:
    """Factors for the rows of the affine: a few files are in metres or micrometres."""
    unit = image.header.get_xyzt_units()[0]
    factor = {"meter": 1000.0, "micron": 0.001}.get(unit, 1.0)
    return np.array([[factor]] * 3 + [[1.0]])
