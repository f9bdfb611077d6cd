"""NIfTI in and out, the header kept.

nibabel, not SimpleITK: it takes any affine, and leaves the header alone. NIfTI's world is RAS,
ours LPS: x and y change sign at this door.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger
from nibabel.nifti1 import Nifti1Extension
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.files.itk import not_a_volume
from mitsgan.files.nifti_source import PAIR_SUFFIXES, NiftiSource
from mitsgan.ownership import NAME
from mitsgan.quiet import UNREADABLE, for_all_threads, quiet, remedy
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.memory import in_hu
from mitsgan.scan.scan import Scan

_Nifti1: Any = nib.Nifti1Image  # nibabel types little of what is used here
_Nifti2: Any = nib.Nifti2Image
_Pair: Any = nib.Nifti1Pair
_MILLIMETRES = "mm"
_SPACE_UNITS = 0b111
"""The bits of a unit that are of space; the others are of time."""
_COMMENT = 6
_GZIP = b"\x1f\x8b"
_SIZE_2 = 540
_HEADER_2 = _SIZE_2.to_bytes(4, "little"), _SIZE_2.to_bytes(4, "big")
_DAMAGED = (ImageFileError, HeaderDataError, WrapStructError, MemoryError, *UNREADABLE)


def read_nifti(path: Path, hu_offset: float = 0.0) -> Scan:
    """Read a NIfTI image whose values, after its own slope and intercept and the offset, are HU.

    Raises:
        ScanError: it cannot be read, or is not one three-dimensional grey image.
    """
    try:
        with quiet(), _unheard():
            image: Any = _load(path)
            if not isinstance(image, _Pair):
                raise ScanError(
                    f"{path} is an Analyze image, which does not say which side is left; convert "
                    f"it to NIfTI (.nii.gz)"
                )
            data: NDArray[Any] = np.asanyarray(image.dataobj.get_unscaled())
    except _DAMAGED as error:
        reason = " ".join(str(error).split())
        raise ScanError(f"{path} cannot be read as NIfTI ({reason}); {remedy(error)}") from error
    if data.ndim < 3 or data.dtype.kind not in "iuf" or any(n != 1 for n in data.shape[3:]):
        raise ScanError(not_a_volume(path, f"shape {data.shape} of {data.dtype}"))
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    if not slope > 0:
        raise ScanError(f"{path} has slope {slope}, expected a positive number; rewrite it in HU")
    stored = data.reshape(data.shape[:3]).transpose(2, 1, 0)
    source = NiftiSource(path, image, hu_offset)
    return Scan.of_image(stored, _geometry(image, path), source, slope, intercept + hu_offset)


def write_nifti(scan: Scan, path: Path, derivation: Derivation) -> None:
    """Write a NIfTI image: the source's header if it was NIfTI, else a new one.

    Stored values stay as they are, with slope and intercept in the header, where all slices share
    them; else the values are written in HU.

    Raises:
        OutputError: NIfTI cannot hold it.
    """
    slope, intercept = float(scan.slope[0]), float(scan.intercept[0])
    shared = bool((scan.slope == slope).all() and (scan.intercept == intercept).all())
    stored = scan.stored
    if not shared:
        stored, slope, intercept = in_hu(scan), 1.0, 0.0
    data = stored.transpose(2, 1, 0)
    if isinstance(scan.source, NiftiSource):
        source = scan.source.image
        intercept -= scan.source.hu_offset
        data = data.reshape(source.shape)
        kind = _Nifti2 if int(source.header["sizeof_hdr"]) == _SIZE_2 else _Nifti1
        with _unheard():  # it tells again what is odd in the source's header
            image: Any = kind(data, source.affine, source.header, dtype=stored.dtype)
    else:
        image = _Nifti1(data, scan.geometry.affine, dtype=stored.dtype)
        image.header.set_xyzt_units(_MILLIMETRES)
        image.set_sform(image.affine, code="scanner")
        image.set_qform(image.affine, code="scanner")
    said = derivation.description
    said = said if NAME in said else f"{NAME}: {said}"
    image.header.extensions.append(Nifti1Extension(_COMMENT, said.encode("utf-8")))
    image.header.set_slope_inter(slope, intercept)
    try:
        with quiet(), _unheard():
            nib.save(image, path)
    except (HeaderDataError, ValueError, TypeError) as error:
        raise OutputError(
            f"{path.name} cannot be written as NIfTI ({error}); choose another format"
        ) from error


@for_all_threads
@contextmanager
def _unheard() -> Iterator[None]:
    """Keep from the terminal what nibabel logs of odd headers, which it then reads all the same.

    Its own LoggingOutputSuppressor takes its handler away; the message then goes to that of Python
    for loggers without any, which is the terminal, too.
    """
    was, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was


def _load(path: Path) -> Any:
    """The image, whether or not it is compressed as its name says."""
    # Never mapped into memory: voxels must stay as they were read, whatever becomes of the file.
    if path.suffix.lower() in PAIR_SUFFIXES:
        return nib.load(path, mmap=False)
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    if packed == path.name.lower().endswith(".gz"):
        return nib.load(path, mmap=False)
    with gzip.open(path) if packed else path.open("rb") as stream:
        kind = _Nifti2 if stream.read(4) in _HEADER_2 else _Nifti1
        stream.seek(0)
        return kind.from_bytes(stream.read())


def _geometry(image: Any, path: Path) -> Geometry:
    """Where the voxels lie, by nibabel's rule: the sform if it has a code, else the qform."""
    try:
        return Geometry.from_affine(image.affine * _to_millimetres(image))
    except ScanError as error:
        raise ScanError(f"{path} has {error}; repair its header") from error


def _to_millimetres(image: Any) -> NDArray[np.float64]:
    """Factors for the rows of the affine: a few files are in metres or micrometres."""
    # Not by nibabel's names, which codes that the standard does not define do not have.
    unit = int(image.header["xyzt_units"]) & _SPACE_UNITS
    factor = {1: 1000.0, 3: 0.001}.get(unit, 1.0)
    return np.array([[factor]] * 3 + [[1.0]])
