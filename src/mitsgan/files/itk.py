"""MHA/MHD and NRRD images in and out, and what all image formats share.

An image format has no element that says "CT in HU"; so the values are checked to be plausible.
Source: ITK's MetaIO and NRRD definitions, as SimpleITK reads and writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.scan.scan import Geometry, Scan
from mitsgan.scan.source import Source

ITK_SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
DERIVATION_KEY = "mitsgan_derivation"

_LABELS = 255.0
_LARGEST_HU = 100_000.0


@dataclass(frozen=True)
class ItkSource:
    """What an ITK file held besides voxels and geometry: its metadata, and if it was compressed."""

    path: Path
    metadata: tuple[tuple[str, str], ...]
    compressed: bool

    @property
    def identity(self) -> None:
        """None: an image says nothing of the series that it came from."""
        return None


def companions(path: Path) -> tuple[str, ...]:
    """Names of the files that belong to ``path`` besides itself."""
    return (f"{path.stem}.raw",) if path.suffix.lower() in (".mhd", ".nhdr") else ()


def read_itk(path: Path) -> Scan:
    """Read an MHA, MHD or NRRD image whose values are HU.

    Raises:
        ScanError: it cannot be read, is not one three-dimensional grey image, or not in HU.
    """
    try:
        image: Any = sitk.ReadImage(str(path))  # SimpleITK declares no types
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ScanError(f"{path} cannot be read as an image ({reason}); fetch it again") from error
    components, dimensions = image.GetNumberOfComponentsPerPixel(), image.GetDimension()
    if dimensions != 3 or components != 1:
        raise ScanError(not_a_volume(path, f"{dimensions} dimensions, {components} component(s)"))
    stored = sitk.GetArrayFromImage(image)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    x, y, z = image.GetOrigin()
    depth, height, width = image.GetSpacing()[::-1]
    geometry = Geometry(
        spacing=(depth, height, width),
        origin=(x, y, z),
        axes=tuple((float(a), float(b), float(c)) for a, b, c in direction.T[::-1]),
    )
    kept = tuple(
        (key, image.GetMetaData(key))
        for key in image.GetMetaDataKeys()
        if not key.startswith("ITK_") and key not in ("NRRD_space", "Modality")
    )
    scan = image_scan(stored, geometry, ItkSource(path, kept, _is_compressed(path)))
    check_plausible(scan, path)
    return scan


def write_itk(scan: Scan, path: Path, derivation: Derivation) -> None:
    """Write an MHA, MHD or NRRD image; these formats have no rescale, so what is stored is HU.

    Raises:
        OutputError: it cannot be written, or reads back differently.
    """
    stored = in_hu(scan)
    image: Any = sitk.GetImageFromArray(stored)
    geometry = scan.geometry
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(np.array(geometry.axes)[::-1].T.ravel().tolist())
    compressed = False
    if isinstance(scan.source, ItkSource):
        for key, value in scan.source.metadata:
            image.SetMetaData(key, value)
        compressed = scan.source.compressed
    image.SetMetaData(DERIVATION_KEY, " ".join(derivation.description.split()))
    # One data file of a known name belongs to a detached header, compressed or not it would vary.
    compressed = compressed and not companions(path)
    try:
        sitk.WriteImage(image, str(path), useCompression=compressed)
        back = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        # SimpleITK does not pass on what the system said; a full disk is the usual reason.
        reason = str(error).strip().splitlines()[-1]
        raise OutputError(
            f"{path.name} could not be written ({reason}); see that the disk has room for "
            f"{stored.nbytes / 1e6:.0f} MB, or choose another place"
        ) from error
    check_written(back, stored, path)


def image_scan(
    stored: NDArray[Any],
    geometry: Geometry,
    source: Source | None,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Scan:
    """A scan of one rescale for all slices, whose range is that of its dtype."""
    stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    info = np.iinfo(stored.dtype) if stored.dtype.kind in "iu" else np.finfo(stored.dtype)
    return Scan(
        stored=stored,
        slope=np.full(len(stored), slope),
        intercept=np.full(len(stored), intercept),
        lowest=float(info.min),
        highest=float(info.max),
        geometry=geometry,
        source=source,
    )


def in_hu(scan: Scan) -> NDArray[Any]:
    """The voxels in HU, ``[z, y, x]``.

    The stored values themselves where they are HU already, integers where every HU is one, else
    float32.
    """
    if (scan.slope == 1).all() and (scan.intercept == 0).all():
        return scan.stored
    whole = bool((scan.slope % 1 == 0).all() and (scan.intercept % 1 == 0).all())
    if not (scan.is_integer and whole):
        return scan.hu()
    values = scan.stored.astype(np.int64)
    values *= scan.slope.astype(np.int64)[:, None, None]
    values += scan.intercept.astype(np.int64)[:, None, None]
    fits = np.iinfo(np.int16).min <= values.min() and values.max() <= np.iinfo(np.int16).max
    return values.astype(np.int16 if fits else np.int32)


def not_a_volume(path: Path, found: str) -> str:
    """The message for a picture, a time series or a vector field."""
    return (
        f"{path} is no CT volume: it has {found}, expected three dimensions and one grey value "
        f"per voxel; choose one volume of it"
    )


def check_plausible(scan: Scan, path: Path) -> None:
    """Raise `ScanError` unless the values can be a CT in HU.

    Air is near -1000 HU and around every patient, so values that never go below zero are labels,
    a normalised image, or stored values that lost their rescale intercept.
    """
    if scan.stored.dtype.itemsize == 1:
        raise ScanError(
            f"{path} holds 8-bit values, too few for HU: it is a label map or a picture; give the "
            f"CT scan in HU"
        )
    stored = scan.stored if scan.is_integer else scan.stored[np.isfinite(scan.stored)]
    if stored.size == 0:
        raise ScanError(f"{path} holds no finite value; give the CT scan in HU")
    ends = np.array([stored.min(), stored.max()], np.float64) * scan.slope[0] + scan.intercept[0]
    low, high = float(ends[0]), float(ends[1])
    found = f"{path} holds values from {low:g} to {high:g}"
    if high - low <= _LABELS:
        raise ScanError(
            f"{found}: a label map or a normalised image, not HU; give the CT scan in HU, where "
            f"air is about -1000 and bone above 300"
        )
    if low >= 0:
        raise ScanError(
            f"{found}, none below 0, but air and fat are below 0 HU: it seems to have lost its "
            f"rescale intercept (often -1024); convert it to HU first"
        )
    if max(-low, high) > _LARGEST_HU:
        raise ScanError(f"{found}, which no CT scan has in HU; convert it to HU first")


def check_written(back: NDArray[Any], stored: NDArray[Any], path: Path) -> None:
    """Raise `OutputError` unless what was read back is what was to be written."""
    same_kind = stored.dtype.kind == "f"
    if back.dtype != stored.dtype or not np.array_equal(back, stored, equal_nan=same_kind):
        raise OutputError(
            f"{path.name} does not read back as it was written ({back.dtype} {back.shape} for "
            f"{stored.dtype} {stored.shape}); choose another format"
        )


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(65536).lower()
    return b"compresseddata = true" in header or b"encoding: gz" in header
