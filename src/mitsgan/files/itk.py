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
from mitsgan.scan.memory import check_plausible, image_scan, in_hu
from mitsgan.scan.scan import Scan
from mitsgan.scan.sitk import geometry_of, set_geometry

ITK_SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
DERIVATION_KEY = "mitsgan_derivation"


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
    kept = tuple(
        (key, image.GetMetaData(key))
        for key in image.GetMetaDataKeys()
        if not key.startswith("ITK_") and key not in ("NRRD_space", "Modality")
    )
    scan = image_scan(stored, geometry_of(image), ItkSource(path, kept, _is_compressed(path)))
    check_plausible(scan, str(path))
    return scan


def write_itk(scan: Scan, path: Path, derivation: Derivation) -> None:
    """Write an MHA, MHD or NRRD image; these formats have no rescale, so what is stored is HU.

    Raises:
        OutputError: it cannot be written, or reads back differently.
    """
    stored = in_hu(scan)
    image: Any = sitk.GetImageFromArray(stored)
    set_geometry(image, scan.geometry)
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


def not_a_volume(path: Path, found: str) -> str:
    """The message for a picture, a time series or a vector field."""
    return (
        f"{path} is no CT volume: it has {found}, expected three dimensions and one grey value "
        f"per voxel; choose one volume of it"
    )


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
