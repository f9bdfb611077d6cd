"""How far slices lie apart: whether they are even, and what it means where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError, counted
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.find.select import differences
from mitsgan.files.dicom.frames import Frame

# Positions are written with two or three decimals: a gap may differ by a tenth of the spacing, and
# no slice may be further than a quarter of it from where an even grid has it.
_GAP_TOLERANCE = 0.1
_GRID_TOLERANCE = 0.25
_SAME_POSITION_MM = 0.01
_COARSEST_MM = 1.0
_SAME = 1e-3


@dataclass(frozen=True)
class Positions:
    """Slices in order along their normal.

    Attributes:
        frames: the slices.
        positions: ``[z, 3]``, LPS mm.
        normal: unit vector.
    """

    frames: Sequence[Frame]
    positions: NDArray[np.float64]
    normal: NDArray[np.float64]

    @cached_property
    def along(self) -> NDArray[np.float64]:
        """Where slices lie along the normal, mm."""
        return np.asarray(self.positions @ self.normal)

    @cached_property
    def rounding(self) -> NDArray[np.float64]:
        """How far each may be off for the digits that its position is written with, mm."""
        halves = np.array([_half_steps(frame) for frame in self.frames])
        return np.asarray(halves @ np.abs(self.normal))


def slice_spacing(placed: Positions) -> tuple[float, list[str]]:
    """The distance of neighbouring slices along their normal, mm, and what to tell about it.

    Raises:
        ScanError: there is no one distance; says what is missing, repeated or different.
    """
    frames, along = placed.frames, placed.along
    if len(frames) == 1:
        return _single_spacing(frames[0]), []
    check_apart(placed)
    gaps = np.diff(along)
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    mean = float(along[-1] - along[0]) / len(gaps)
    off = np.abs(along - along[0] - mean * np.arange(len(along)))
    odd = np.flatnonzero(np.abs(gaps - usual) > _GAP_TOLERANCE * usual)
    if not len(odd) and off.max() <= _GRID_TOLERANCE * mean:
        return mean, []
    even = _rounded_step(placed, usual, mean)
    if even is not None:
        digit = 2 * float(np.median(placed.rounding))
        return even, [
            f"slice positions are rounded to {digit:.3g} mm; they fit even steps of {even:.4g} mm "
            f"and are taken as such"
        ]
    if len(odd):
        raise ScanError(_uneven(placed, gaps, int(odd[0]), usual))
    worst = int(np.argmax(off))
    raise ScanError(
        f"uneven slice spacing: {frames[worst].path} lies {off[worst]:.3f} mm from where even "
        f"steps of {mean:.3f} mm have it; resample the series to even spacing"
    )


def check_apart(placed: Positions) -> None:
    """Raise `ScanError` where two slices lie at one place, and say what that means."""
    together = np.flatnonzero(np.diff(placed.along) < _SAME_POSITION_MM)
    if len(together):
        raise ScanError(_repeated(placed, int(together[0])))


def _rounded_step(placed: Positions, usual: float, mean: float) -> float | None:
    """The step of an even grid that passes every position within the rounding of its digits.

    With few digits a missing slice can look like rounding. So it is not taken for rounding where
    the header tells otherwise: by numbers that jump, or by a spacing that is just the usual gap,
    for steps of whole digits would have been rounded alike.
    """
    lowest, highest = _possible_steps(placed.along, placed.rounding)
    if lowest > highest:
        return None
    numbers = [dcm.values(frame.header, dcm.INSTANCE_NUMBER)[:1] for frame in placed.frames]
    if all(number and number[0].lstrip("-").isdigit() for number in numbers):
        steps = np.abs(np.diff([int(number[0]) for number in numbers]))
        if len(set(steps.tolist())) > 1:
            return None
    for tag in (dcm.SPACING_BETWEEN_SLICES, dcm.SLICE_THICKNESS):
        nominal = _positive(placed.frames[0], tag)
        if nominal is not None and abs(nominal - usual) < _SAME:
            return None
    return float(np.clip(mean, lowest, highest))


def _possible_steps(
    along: NDArray[np.float64], rounding: NDArray[np.float64]
) -> tuple[float, float]:
    """Least and largest step of the even grids that pass all positions; none if least > largest."""
    lowest, highest = -np.inf, np.inf
    upper, lower = along + rounding + 1e-9, along - rounding - 1e-9
    for ahead in range(1, len(along)):
        lowest = max(lowest, float((lower[ahead:] - upper[:-ahead]).max()) / ahead)
        highest = min(highest, float((upper[ahead:] - lower[:-ahead]).min()) / ahead)
    return lowest, highest


def _half_steps(frame: Frame) -> list[float]:
    """Half of the last digit of each coordinate of a position, mm."""
    halves = []
    for text in dcm.values(frame.header, dcm.POSITION):
        try:
            exponent = Decimal(text).as_tuple().exponent
        except InvalidOperation:
            exponent = 0
        step = 10.0**exponent if isinstance(exponent, int) else 0.0
        halves.append(min(step, _COARSEST_MM) / 2)
    return halves


def _uneven(placed: Positions, gaps: NDArray[np.float64], k: int, usual: float) -> str:
    """What is wrong with the gap after slice ``k``."""
    frames = placed.frames
    between = f"between {frames[k].path} and {frames[k + 1].path}"
    change = _two_parts(gaps)
    choices = differences(frames, _is_even)
    if change is not None:
        before, after = float(gaps[change - 1]), float(gaps[change])
        remedy = (
            f"choose one by {choices[0]}" if choices else "move each part to a folder of its own"
        )
        return (
            f"two parts of different slice spacing: {change + 1} slices every {before:.3f} mm up "
            f"to {frames[change].path}, then every {after:.3f} mm; protect each on its own: "
            f"{remedy}"
        )
    lost = round(gaps[k] / usual) - 1
    if lost >= 1 and abs(gaps[k] - (lost + 1) * usual) <= _GAP_TOLERANCE * usual:
        several = f", or, if these are several scans, choose one by {choices[0]}" if choices else ""
        return (
            f"{counted(lost, 'slice')} missing {between}: they are {gaps[k]:.3f} mm apart, the "
            f"others {usual:.3f} mm; fetch the whole series again{several}"
        )
    split = f"choose one scan by {choices[0]}" if choices else "split it where the spacing changes"
    return (
        f"uneven slice spacing {between}: {gaps[k]:.3f} mm, elsewhere {usual:.3f} mm; "
        f"mitsgan needs evenly spaced slices: resample the series, or {split}"
    )


def _two_parts(gaps: NDArray[np.float64]) -> int | None:
    """Where one even spacing becomes another, each of several slices; else None."""
    for change in range(2, len(gaps) - 1):
        parts = gaps[:change], gaps[change:]
        if all(np.ptp(part) <= _GAP_TOLERANCE * part.min() for part in parts) and (
            abs(parts[0].mean() - parts[1].mean()) > _GAP_TOLERANCE * parts[0].mean()
        ):
            return change
    return None


def _repeated(placed: Positions, k: int) -> str:
    """What it means that slices ``k`` and ``k + 1`` lie at one place."""
    frames = placed.frames
    where = (
        f"{frames[k].path} and {frames[k + 1].path} lie at the same position "
        f"({placed.along[k]:.3f} mm along the normal)"
    )
    choices = differences(frames, _at_different_places)
    if choices:
        return (
            f"{where}: there are several scans in this series, which differ in "
            f"{'; '.join(choices[:3])}; choose one"
        )
    rounded = ""
    if placed.rounding[k] > _SAME_POSITION_MM:
        rounded = " or positions that were rounded too coarsely,"
    return (
        f"{where}: a repeated slice,{rounded} or two phases or reconstructions in one series that "
        f"no header field tells apart; keep one of each"
    )


def _along(frames: Sequence[Frame]) -> list[float]:
    places = []
    for frame in frames:
        x, y, z, *_ = (float(v) for v in dcm.values(frame.header, dcm.POSITION))
        row = [float(v) for v in dcm.values(frame.header, dcm.ORIENTATION)]
        places.append(float(np.cross(row[:3], row[3:]) @ np.array([x, y, z])))
    return sorted(places)


def _at_different_places(frames: Sequence[Frame]) -> bool:
    return bool((np.diff(_along(frames)) >= _SAME_POSITION_MM).all())


def _is_even(frames: Sequence[Frame]) -> bool:
    gaps = np.diff(_along(frames))
    return len(gaps) > 0 and bool(np.ptp(gaps) <= _GAP_TOLERANCE * gaps.mean())


def _single_spacing(frame: Frame) -> float:
    for tag in (dcm.SPACING_BETWEEN_SLICES, dcm.SLICE_THICKNESS):
        spacing = _positive(frame, tag)
        if spacing is not None:
            return spacing
    raise ScanError(
        f"{frame.path} is a single slice without *Spacing Between Slices* or *Slice Thickness*, so "
        f"its depth is unknown; name the folder of the whole series"
    )


def _positive(frame: Frame, tag: int) -> float | None:
    names = {
        dcm.SPACING_BETWEEN_SLICES: "Spacing Between Slices",
        dcm.SLICE_THICKNESS: "Slice Thickness",
    }
    spacing = dcm.numbers(frame.header, tag, 1, names[tag], frame.path)
    return spacing[0] if spacing is not None and spacing[0] > 0 else None
