"""The slices of one scan in order, and the grid that they make.

Source of the geometry: DICOM PS3.3 C.7.6.2 (image plane).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.find.select import differences
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.spacing import Positions, slice_spacing
from mitsgan.scan.scan import Geometry

_ORIENTATION_TOLERANCE = 1e-3
# A tilt of 0.3 degrees: less is rounding of the positions, more is a tilted gantry.
_DRIFT_MM, _DRIFT_PER_MM = 0.05, 0.005


def order_slices(frames: Sequence[Frame]) -> tuple[list[Frame], Geometry, list[str]]:
    """The slices along their normal, ascending, where they lie, and what to tell about that.

    With a tilted gantry the grid is sheared: its first axis runs along the table, not along the
    normal of the slices.

    Raises:
        ScanError: a missing or repeated slice, uneven spacing, mixed orientation or pixel spacing,
            slices that are not stacked in a line; the message names the files.
    """
    placed = place_slices(frames)
    row, column = _orientation(frames[0])
    in_plane = _pixel_spacing(frames[0])
    depth, notes = slice_spacing(placed)
    slope = _slope(placed, depth)
    step = depth * (placed.normal + slope)
    length = float(np.linalg.norm(step))
    x, y, z = (float(value) for value in placed.positions[0])
    try:
        geometry = Geometry(
            spacing=(length if slope.any() else depth, *in_plane),
            origin=(x, y, z),
            axes=tuple(
                (float(a), float(b), float(c))
                for a, b, c in (step / length if slope.any() else placed.normal, column, row)
            ),
        )
    except ScanError as error:
        raise ScanError(f"{frames[0].path}: {error}; repair the header") from error
    return list(placed.frames), geometry, notes


def plane_of(frame: Frame) -> Geometry:
    """Where the rows and columns of one slice lie; z is its normal, its spacing there 1 mm.

    Raises:
        ScanError: the header does not tell.
    """
    row, column = _orientation(frame)
    x, y, z = _position(frame)
    axes = (np.cross(row, column), column, row)
    return Geometry(
        spacing=(1.0, *_pixel_spacing(frame)),
        origin=(x, y, z),
        axes=tuple((float(a), float(b), float(c)) for a, b, c in axes),
    )


def place_slices(frames: Sequence[Frame]) -> Positions:
    """The slices along their normal, ascending, however far they lie apart.

    Raises:
        ScanError: mixed orientation or pixel spacing; the message names the files.
    """
    row, column = _orientation(frames[0])
    normal = np.cross(row, column)
    in_plane = _pixel_spacing(frames[0])
    for frame in frames[1:]:
        other = _orientation(frame)
        if not np.allclose(other, (row, column), rtol=0, atol=_ORIENTATION_TOLERANCE):
            name = "Image Orientation (Patient)"
            raise ScanError(_mixed(frames, frame, "orientation", name))
        if not np.allclose(_pixel_spacing(frame), in_plane, rtol=1e-4, atol=0):
            raise ScanError(_mixed(frames, frame, "pixel spacing", "Pixel Spacing"))
    positions = np.array([_position(frame) for frame in frames])
    order = np.argsort(positions @ normal, kind="stable")
    return Positions([frames[k] for k in order], positions[order], normal)


def _mixed(frames: Sequence[Frame], other: Frame, what: str, name: str) -> str:
    choices = differences(frames, _are_parallel) if other.file is frames[0].file else []
    remedy = (
        f"choose one by {min(choices, key=len)}, and write an image (.nii.gz, .nrrd)"
        if choices
        else "move those of the other kind to a folder of their own"
    )
    return (
        f"{other.path} has another {what} (*{name}*) than {frames[0].path}: they are not one stack "
        f"of slices; {remedy}"
    )


def _are_parallel(frames: Sequence[Frame]) -> bool:
    """Whether slices have one orientation and one pixel spacing, so far as they have any."""
    return all(
        len({tuple(dcm.values(frame.header, tag)) for frame in frames}) == 1
        for tag in (dcm.ORIENTATION, dcm.PIXEL_SPACING)
    )


def _orientation(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along which columns and rows count up: array axes x and y."""
    name = "Image Orientation (Patient)"
    cosines = dcm.numbers(frame.header, dcm.ORIENTATION, 6, name, frame.path)
    if cosines is None:
        raise ScanError(_missing(frame, dcm.ORIENTATION, name))
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1, atol=0.01) or abs(row @ column) > 0.01:
        raise ScanError(
            f"{frame.path}: {dcm.label(dcm.ORIENTATION)} *{name}* is {cosines}, expected two unit "
            f"vectors at right angles; repair the header or leave this file out"
        )
    row /= lengths[0]
    column -= (column @ row) * row
    return row, column / np.linalg.norm(column)


def _position(frame: Frame) -> list[float]:
    name = "Image Position (Patient)"
    position = dcm.numbers(frame.header, dcm.POSITION, 3, name, frame.path)
    if position is None:
        raise ScanError(_missing(frame, dcm.POSITION, name))
    return position


def _pixel_spacing(frame: Frame) -> tuple[float, float]:
    name = "Pixel Spacing"
    spacing = dcm.numbers(frame.header, dcm.PIXEL_SPACING, 2, name, frame.path)
    if spacing is None:
        raise ScanError(_missing(frame, dcm.PIXEL_SPACING, name))
    if min(spacing) <= 0:
        raise ScanError(f"{frame.path}: *{name}* is {spacing} mm, expected two positive numbers")
    return spacing[0], spacing[1]


def _missing(frame: Frame, tag: int, name: str) -> str:
    return (
        f"{frame.path}: {dcm.label(tag)} *{name}* is missing, so where the slice lies is unknown; "
        f"a cross-sectional CT image must have it"
    )


def _slope(placed: Positions, depth: float) -> NDArray[np.float64]:
    """By how much slices move aside for each mm along their normal; zeros where they do not.

    Raises:
        ScanError: they are not stacked in a line.
    """
    nothing = np.zeros(3)
    offset = placed.positions - placed.positions[0]
    along = offset @ placed.normal
    aside = offset - along[:, None] * placed.normal
    drift = np.linalg.norm(aside, axis=1)
    if (drift <= _DRIFT_MM + _DRIFT_PER_MM * along).all():
        return nothing
    steps = np.arange(len(along))
    slope = (steps @ aside) / (steps @ steps) / depth
    off = np.linalg.norm(aside - steps[:, None] * depth * slope, axis=1)
    worst = int(np.argmax(off - placed.rounding))
    if off[worst] > _DRIFT_MM + placed.rounding[worst]:
        raise ScanError(
            f"the slices are not stacked in a line: {placed.frames[worst].path} lies "
            f"{off[worst]:.2f} mm aside of where the others have it; repair its *Image Position "
            f"(Patient)*, or fetch the series again"
        )
    return np.asarray(slope)
