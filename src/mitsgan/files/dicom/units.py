"""What stored values mean: HU, by the rescale and its unit.

Source: DICOM PS3.3 C.11.1 (modality LUT), C.8.2.1.1.6 (rescale type of CT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.frames import Frame
from mitsgan.reading import Reading

_MODALITY_LUT = 0x00283000
_UNSPECIFIED = "US"
_MODIFIED = "HU_MOD"
# As scanners and workstations spell it, misspellings included.
_HU = re.compile(
    r"h\.?u\.?|\[?hnsf'?u\]?|houn?d?sfields?(?:[ _]?units?)?|hounsfield[ _]?units?", re.I
)


@dataclass(frozen=True)
class Rescale:
    """HU = stored value x slope + intercept."""

    slope: float
    intercept: float


def read_rescale(frame: Frame, reading: Reading) -> Rescale:
    """Slope and intercept to HU of one slice.

    Raises:
        ScanError: missing, not in HU, or no rescale that makes sense; says what to do.
    """
    table = dcm.element(frame.header, _MODALITY_LUT)
    if table is not None and table.value and not reading.values_are_known:
        raise ScanError(
            f"{frame.path} has a {dcm.label(_MODALITY_LUT)} *Modality LUT Sequence*, a table in "
            "place of a rescale, so what its values mean depends on who reads them; choose the "
            "original series of the scanner, or give `assume_hu` to go by the rescale alone"
        )
    slope = _number(frame, dcm.RESCALE_SLOPE, "Rescale Slope")
    intercept = _number(frame, dcm.RESCALE_INTERCEPT, "Rescale Intercept")
    if slope is None or intercept is None:
        if reading.values_are_known:
            return Rescale(slope or 1.0, (intercept or 0.0) + reading.hu_offset)
        lost = "Rescale Slope" if slope is None else "Rescale Intercept"
        raise ScanError(
            f"{frame.path} has no *{lost}*, so its values have no meaning in HU; choose the "
            "original series of the scanner, or, if you know what they are, give `hu_offset=-1024` "
            "(what to add to them) or `assume_hu`"
        )
    if slope <= 0:
        raise ScanError(f"{frame.path} has *Rescale Slope* {slope}, expected a positive number")
    if not reading.values_are_known:
        _check_unit(frame)
    return Rescale(slope, intercept + reading.hu_offset)


def unit_notes(frame: Frame) -> list[str]:
    """What to tell about the unit of a scan that was read."""
    unit = dcm.text(frame.header, dcm.RESCALE_TYPE)
    if unit == _UNSPECIFIED:
        return ["*Rescale Type* is US (unspecified); the values look like HU and are taken for it"]
    if unit == _MODIFIED:
        return ["*Rescale Type* is HU_MOD (modified HU, as of one energy); taken for HU"]
    return []


def _check_unit(frame: Frame) -> None:
    # Type 1C: needed only where it is not HU, so an absent one means HU (PS3.3 C.8.2.1.1.6).
    unit = dcm.text(frame.header, dcm.RESCALE_TYPE)
    if not unit or unit in (_UNSPECIFIED, _MODIFIED) or _HU.fullmatch(unit):
        return
    raise ScanError(
        f"{frame.path} is in units {unit!r} (*Rescale Type*), expected HU; choose a series of "
        "ordinary CT numbers, or give `assume_hu` if that is only a name for HU"
    )


def _number(frame: Frame, tag: int, name: str) -> float | None:
    numbers = dcm.numbers(frame.header, tag, 1, name, frame.path)
    return None if numbers is None else numbers[0]
