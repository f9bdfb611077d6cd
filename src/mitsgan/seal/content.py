"""What of a scan is sealed: for each slice its attributes as text, and its stored values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.dicom.content import FRAME, PATIENT, SliceContent, read_content
from mitsgan.files.dicom.elements import decimal
from mitsgan.files.dicom.files import Progress
from mitsgan.files.dicom.find.select import choose_frames
from mitsgan.files.dicom.find.sift import LeftOut
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.io import is_image, read_scan
from mitsgan.files.nifti_source import NiftiSource
from mitsgan.reading import Choice, Reading
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import SealError

SALTED = frozenset({*PATIENT, "AccessionNumber"})
"""Attributes of which the seal holds a salted digest, not the text: they name the patient."""

_DIGITS = 9
"""Significant digits of an image's geometry: all that single precision has, and none of the last
bits in which processors differ."""


@dataclass(frozen=True)
class Part:
    """One slice: what it is called, its attributes, and how to get its stored values ``[y, x]``.

    ``decodable`` is false where no decoder here knows the encoding, which says nothing of the scan.
    ``image`` is the whole image that it is a slice of, where it is of one.
    """

    name: str
    series: str
    attributes: Mapping[str, str]
    pixels: Callable[[], NDArray[Any]]
    frame: Frame | None = None
    decodable: bool = True
    image: Scan | None = None


def kind_of(path: Path) -> str:
    """``image`` by the ending of the path, else ``dicom``."""
    return "image" if path.is_file() and is_image(path) else "dicom"


def read_parts(
    path: Path,
    salt: str,
    choice: Choice,
    progress: Progress | None = None,
    beside: list[LeftOut] | None = None,
) -> list[Part]:
    """All slices at a path: those of all series of a folder, unordered; those of an image in order.

    What the values of an image mean is not asked: a seal says what is there. ``beside`` gets the
    DICOM objects that are no slices.

    Raises:
        ScanError: nothing there, it cannot be read, or its header places voxels in two ways.
    """
    if kind_of(path) == "dicom":
        return [dicom_part(item, salt) for item in read_content(path, choice, progress, beside)]
    scan = read_scan(path, Reading(assume_hu=True), progress=progress)
    if isinstance(scan.source, NiftiSource) and scan.source.places:
        raise ScanError(
            f"{path} has {scan.source.places}: programs disagree on what it shows; write its "
            f"header with one place alone"
        )
    geometry = scan.geometry
    attributes = {
        "DataType": scan.stored.dtype.name,
        "Spacing": _decimals(geometry.spacing),
        "Origin": _decimals(geometry.origin),
        "Axes": _decimals(number for axis in geometry.axes for number in axis),
        "RescaleSlope": _decimals(scan.slope[:1]),
        "RescaleIntercept": _decimals(scan.intercept[:1]),
    }
    return [
        Part(f"slice {z}", "", attributes, partial(scan.stored.__getitem__, z), image=scan)
        for z in range(len(scan.stored))
    ]


def choose_parts(parts: Sequence[Part], path: Path, choice: Choice) -> list[Part]:
    """The slices of one DICOM series, z ascending; those of an image as they are.

    Raises:
        ScanError: several series and none asked for, or the one asked for is not there.
        SealError: two slices with one SOP Instance UID, or one without.
    """
    if kind_of(path) == "image":
        if choice.series is not None or choice.select:
            raise SealError(
                f"{path} is an image and holds one scan; leave `series` and `select` out"
            )
        return list(parts)
    frames = [part.frame for part in parts if part.frame is not None]
    chosen = set(choose_frames(frames, choice, path))
    slices = [part for part in parts if part.frame in chosen]
    seen: dict[str, str] = {}
    for part in slices:
        uid = object_name(part.attributes)
        if not uid or uid in seen:
            what = f"the same *SOP Instance UID* as {seen[uid]}" if uid else "no *SOP Instance UID*"
            raise SealError(
                f"{part.name} has {what}, so it cannot be told apart; repair the header"
            )
        seen[uid] = part.name
    return sorted(slices, key=_place)


def of_series(beside: Iterable[LeftOut], series: Iterable[str]) -> list[LeftOut]:
    """Objects that are no slices but say that they are of one of these series: programs that do
    not look so closely show them among its slices."""
    named = set(series)
    return [item for item in beside if item.series in named]


def object_name(attributes: Mapping[str, str]) -> str:
    """What tells a slice from all others: its *SOP Instance UID*, and its frame where it is one."""
    uid = attributes.get("SOPInstanceUID", "")
    return f"{uid} frame {attributes[FRAME]}" if uid and FRAME in attributes else uid


def dicom_part(content: SliceContent, salt: str) -> Part:
    """A slice of a DICOM series, attributes that name the patient salted."""
    attributes = {
        name: salted(name, text, salt) if name in SALTED else text
        for name, text in content.attributes.items()
    }
    return Part(
        content.name, content.series, attributes, content.pixels, content.frame, content.decodable
    )


def salted(name: str, text: str, salt: str) -> str:
    """SHA-256 of salt, name and text, a line each."""
    digest = hashlib.sha256(f"{salt}\n{name}\n{text}".encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def gaps_mm(positions: Sequence[str]) -> NDArray[np.float64]:
    """The distances of neighbouring slices, by what each says of its *Image Position (Patient)*.

    Raises:
        ValueError: one does not say three numbers.
    """
    places = [[decimal(number) for number in text.split("\\")] for text in positions]
    if any(len(place) != 3 for place in places):
        raise ValueError("a position is three numbers")
    return np.asarray(np.linalg.norm(np.diff(np.reshape(places, (-1, 3)), axis=0), axis=1))


def _place(part: Part) -> tuple[float, float, str]:
    """Where a slice lies along the normal of its rows and columns; else its number, its name."""
    position = _floats(part.attributes.get("ImagePositionPatient", ""), 3)
    axes = _floats(part.attributes.get("ImageOrientationPatient", ""), 6)
    number = _floats(part.attributes.get("InstanceNumber", ""), 1)
    along = 0.0
    if position and axes:
        along = float(np.dot(np.cross(axes[:3], axes[3:]), position))
    return along, number[0] if number else 0.0, part.name


def _floats(text: str, count: int) -> list[float]:
    try:
        numbers = [float(value) for value in text.split("\\")]
    except ValueError:
        return []
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else []


def _decimals(numbers: Iterable[float]) -> str:
    # Adding zero turns -0.0, which means the same, into 0.0.
    return "\\".join(f"{float(number) + 0.0:.{_DIGITS}g}" for number in numbers)
