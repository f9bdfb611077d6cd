"""One series out of many files: which slices belong to it, in what order, at what spacing.

Source of the geometry: DICOM PS3.3 C.7.6.2 (image plane).
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.scan.scan import Geometry

# Positions are written with two or three decimals, some with one: a gap may differ by a tenth of
# the spacing, and no slice may be further than a quarter of it from where an even grid has it.
_GAP_TOLERANCE = 0.1
_GRID_TOLERANCE = 0.25
_SAME_POSITION_MM = 0.01
_ORIENTATION_TOLERANCE = 1e-3
# A tilt of 0.3 degrees: less is rounding of the positions, more is a tilted gantry.
_DRIFT_MM, _DRIFT_PER_MM = 0.05, 0.005


def select_series(files: list[SliceFile], series: str | None, path: Path) -> list[SliceFile]:
    """The files of the one series that is asked for, or that there is.

    Raises:
        ScanError: several series and none asked for, or the one asked for is not there; the
            message lists what there is.
    """
    groups: dict[str, list[SliceFile]] = defaultdict(list)
    for file in files:
        groups[file.series].append(file)
    if series is not None and series in groups:
        return groups[series]
    listed = "\n".join(f"  {uid}  {_describe(group)}" for uid, group in sorted(groups.items()))
    if series is not None:
        raise ScanError(f"{path} holds no series {series}; it holds:\n{listed}")
    if len(groups) > 1:
        raise ScanError(
            f"{path} holds {len(groups)} series; choose one with --series UID:\n{listed}"
        )
    return files


def order_slices(files: list[SliceFile]) -> tuple[list[SliceFile], Geometry]:
    """The slices along their normal, ascending, and where they lie.

    A tilted gantry is refused: its slices are sheared against each other, and everything that
    measures in millimetres (cubes around a position, layers in slabs) takes axes to be orthogonal.

    Raises:
        ScanError: a missing or repeated slice, uneven spacing, mixed orientation or pixel spacing,
            a tilted gantry; the message names the files.
    """
    row, column = _orientation(files[0])
    normal = np.cross(row, column)
    in_plane = _pixel_spacing(files[0])
    for file in files[1:]:
        other = _orientation(file)
        if not np.allclose(other, (row, column), rtol=0, atol=_ORIENTATION_TOLERANCE):
            raise ScanError(_mixed(file, files[0], "orientation", "Image Orientation (Patient)"))
        if not np.allclose(_pixel_spacing(file), in_plane, rtol=1e-4, atol=0):
            raise ScanError(_mixed(file, files[0], "pixel spacing", "Pixel Spacing"))
    positions = np.array([_position(file) for file in files])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    ordered = [files[k] for k in order]
    _check_straight(positions[order], normal, ordered)
    depth = _spacing(along[order], ordered)
    x, y, z = (float(value) for value in positions[order[0]])
    geometry = Geometry(
        spacing=(depth, *in_plane),
        origin=(x, y, z),
        axes=tuple((float(a), float(b), float(c)) for a, b, c in (normal, column, row)),
    )
    return ordered, geometry


def _describe(group: list[SliceFile]) -> str:
    header = group[0].header
    modality = dcm.text(header, dcm.MODALITY) or "no modality"
    description = dcm.text(header, dcm.SERIES_DESCRIPTION) or "no description"
    kind = ", localizer" if "LOCALIZER" in dcm.values(header, dcm.IMAGE_TYPE) else ""
    files = "1 slice" if len(group) == 1 else f"{len(group)} slices"
    return f'{modality}{kind}  "{description}"  {files}'


def _mixed(file: SliceFile, first: SliceFile, what: str, name: str) -> str:
    return (
        f"{file.path} has another {what} (*{name}*) than {first.path}: they are not one stack of "
        f"slices; move those of the other kind to a folder of their own"
    )


def _orientation(file: SliceFile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along which columns and rows count up: array axes x and y."""
    name = "Image Orientation (Patient)"
    found = dcm.numbers(file.header, dcm.ORIENTATION, 6, name, file.path)
    if found is None:
        raise ScanError(_missing(file, dcm.ORIENTATION, name))
    row, column = np.array(found[:3]), np.array(found[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1, atol=0.01) or abs(row @ column) > 0.01:
        raise ScanError(
            f"{file.path}: {dcm.label(dcm.ORIENTATION)} *{name}* is {found}, expected two unit "
            f"vectors at right angles; repair the header or leave this file out"
        )
    row /= lengths[0]
    column -= (column @ row) * row
    return row, column / np.linalg.norm(column)


def _position(file: SliceFile) -> list[float]:
    name = "Image Position (Patient)"
    found = dcm.numbers(file.header, dcm.POSITION, 3, name, file.path)
    if found is None:
        raise ScanError(_missing(file, dcm.POSITION, name))
    return found


def _pixel_spacing(file: SliceFile) -> tuple[float, float]:
    name = "Pixel Spacing"
    found = dcm.numbers(file.header, dcm.PIXEL_SPACING, 2, name, file.path)
    if found is None:
        raise ScanError(_missing(file, dcm.PIXEL_SPACING, name))
    if min(found) <= 0:
        raise ScanError(f"{file.path}: *{name}* is {found} mm, expected two positive numbers")
    return found[0], found[1]


def _missing(file: SliceFile, tag: int, name: str) -> str:
    return (
        f"{file.path}: {dcm.label(tag)} *{name}* is missing, so where the slice lies is unknown; "
        f"a cross-sectional CT image must have it"
    )


def _check_straight(
    positions: NDArray[np.float64], normal: NDArray[np.float64], files: list[SliceFile]
) -> None:
    offset = positions - positions[0]
    along = offset @ normal
    drift = np.linalg.norm(offset - along[:, None] * normal, axis=1)
    worst = int(np.argmax(drift - _DRIFT_PER_MM * along))
    if drift[worst] <= _DRIFT_MM + _DRIFT_PER_MM * along[worst]:
        return
    angle = np.degrees(np.arctan2(drift[worst], along[worst]))
    raise ScanError(
        f"the slices are not stacked along their normal: {files[worst].path} lies "
        f"{drift[worst]:.2f} mm aside of {files[0].path} ({angle:.1f} degrees), as with a tilted "
        f"gantry; mitsgan needs slices stacked at right angles: resample the series first"
    )


def _spacing(along: NDArray[np.float64], files: list[SliceFile]) -> float:
    """The distance of neighbouring slices, mm, after checking that there is one."""
    if len(files) == 1:
        return _single_spacing(files[0])
    gaps = np.diff(along)
    for k in np.flatnonzero(gaps < _SAME_POSITION_MM):
        raise ScanError(
            f"{files[k].path} and {files[k + 1].path} lie at the same position "
            f"({along[k]:.3f} mm along the normal): a repeated slice, or two phases or "
            f"reconstructions in one series; keep one of each"
        )
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    for k in np.flatnonzero(np.abs(gaps - usual) > _GAP_TOLERANCE * usual):
        lost = round(gaps[k] / usual) - 1
        between = f"between {files[k].path} and {files[k + 1].path}"
        if lost >= 1 and abs(gaps[k] - (lost + 1) * usual) <= _GAP_TOLERANCE * usual:
            raise ScanError(
                f"{lost} slice(s) missing {between}: they are {gaps[k]:.3f} mm apart, the others "
                f"{usual:.3f} mm; fetch the whole series again"
            )
        raise ScanError(
            f"uneven slice spacing {between}: {gaps[k]:.3f} mm, elsewhere {usual:.3f} mm; "
            f"mitsgan needs evenly spaced slices: resample the series, or split it where the "
            f"spacing changes"
        )
    mean = float(along[-1] - along[0]) / len(gaps)
    off = np.abs(along - along[0] - mean * np.arange(len(along)))
    worst = int(np.argmax(off))
    if off[worst] > _GRID_TOLERANCE * mean:
        raise ScanError(
            f"uneven slice spacing: {files[worst].path} lies {off[worst]:.3f} mm from where even "
            f"steps of {mean:.3f} mm have it; resample the series to even spacing"
        )
    return mean


def _single_spacing(file: SliceFile) -> float:
    for tag, name in (
        (dcm.SPACING_BETWEEN_SLICES, "Spacing Between Slices"),
        (dcm.SLICE_THICKNESS, "Slice Thickness"),
    ):
        found = dcm.numbers(file.header, tag, 1, name, file.path)
        if found is not None and found[0] > 0:
            return found[0]
    raise ScanError(
        f"{file.path} is a single slice without *Spacing Between Slices* or *Slice Thickness*, so "
        f"its depth is unknown; name the folder of the whole series"
    )
