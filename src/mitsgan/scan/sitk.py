"""Scans and SimpleITK's images, in memory: nothing here reads or writes a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.scan.canonical import in_file_order
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.memory import in_hu

if TYPE_CHECKING:
    from mitsgan.scan.scan import Scan


def voxels_of(image: Any) -> tuple[NDArray[Any], Geometry]:
    """The voxels of an image ``[z, y, x]``, copied, and where they lie.

    Raises:
        ScanError: not three dimensions of one grey value, or directions that are no unit vectors.
    """
    dimensions, components = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    if dimensions != 3 or components != 1:
        raise ScanError(
            f"the image has {dimensions} dimensions and {components} values per voxel; expected "
            "three dimensions and one grey value"
        )
    return sitk.GetArrayFromImage(image), geometry_of(image)


def to_sitk(scan: Scan) -> Any:
    """See `Scan.to_sitk`."""
    scan = in_file_order(scan)
    image: Any = sitk.GetImageFromArray(in_hu(scan))
    set_geometry(image, scan.geometry)
    return image


def geometry_of(image: Any) -> Geometry:
    """Where the voxels of a three-dimensional image lie.

    Raises:
        ScanError: its directions are no unit vectors. ITK takes such of an MHA as they are: voxels
            would lie farther apart than their spacing says.
    """
    direction = np.array(image.GetDirection()).reshape(3, 3)
    x, y, z = image.GetOrigin()
    depth, height, width = image.GetSpacing()[::-1]
    geometry = Geometry(
        spacing=(depth, height, width),
        origin=(x, y, z),
        axes=tuple((float(a), float(b), float(c)) for a, b, c in direction.T[::-1]),
    )
    geometry.check_axes()
    return geometry


def set_geometry(image: Any, geometry: Geometry) -> None:
    """Say where the voxels of an image lie."""
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(np.array(geometry.axes)[::-1].T.ravel().tolist())
