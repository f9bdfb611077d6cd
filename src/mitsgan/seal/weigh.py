"""Which differences processing explains, where a sketch can tell what a scan shows.

Bit for bit, every processing breaks a seal. What it leaves alone is the content, which the sketch
judges, and whose scan it is. So a slice that differs in all of the patient was processed, and is
left to the sketch; one of which most is as sealed, bit for bit, and a part is not, was edited. So
was a slice that differs in a scan of which most slices are as sealed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.dicom.content import (
    ENCRYPTED,
    FRAME,
    GEOMETRY,
    NUMBERS,
    OVERLAYS,
    PATIENT,
    STUDY,
    TABLES,
    VALUES,
    describe,
)
from mitsgan.files.dicom.elements import decimal
from mitsgan.scan.geometry import Geometry
from mitsgan.seal.content import Part, gaps_mm
from mitsgan.seal.format import Seal
from mitsgan.seal.report import Finding
from mitsgan.seal.sketch.sketch import Sketch

_STUDY_UID = "StudyInstanceUID"
"""An anonymiser renews it along with the UIDs of all objects."""

IDENTITY = frozenset({*PATIENT, *STUDY}) - {_STUDY_UID} | {
    *("Modality", "PatientPosition", "BodyPartExamined", "Laterality"),
    *("AcquisitionDate", "AcquisitionTime"),
}
"""Attributes that say whose scan it is, of what, and when: no processing gives them another value.
It may leave them out, as an anonymiser does."""

DRAWN = frozenset({OVERLAYS, ENCRYPTED, *TABLES})
"""Attributes by which a viewer draws something else than the values, or gives another original:
the sketch knows nothing of them. Processing may leave them out, and adds none."""

_MEANING = frozenset({*GEOMETRY, *VALUES, *NUMBERS}) | {
    *("DataType", "Spacing", "Origin", "Axes", "RescaleSlope", "RescaleIntercept"),
}
"""Attributes that give pixels a place and a meaning. They change along with the pixels, or else
somebody edited the header."""

_ORDERS = ("InstanceNumber", "SliceLocation")
_DISTANCE, _UNEVEN = "SpacingBetweenSlices", 0.02
_SIDES = "PatientOrientation"
_TOWARDS = dict(zip("LRPAHF", (v for axis in np.eye(3) for v in (axis, -axis)), strict=True))
"""Where the sides of a patient lie, LPS (PS3.3 C.7.6.1.1.1)."""
_MAINLY = 0.5
"""Share of a direction towards the side that is named first: of three sides at once it is 0.58."""

_WHOLE = 0.5
"""Share of the patient's blocks in a slice that differ, from which on all of it was processed; and
of the slices of a scan."""


def weigh(seal: Seal, sketch: Sketch, findings: Sequence[Finding]) -> list[Finding]:
    """The findings, each told whether processing explains it."""
    if not findings:
        return []
    changed = {z for finding in findings if finding.kind == "pixels" for z in finding.slices}
    gone = {z for finding in findings if finding.kind == "missing" for z in finding.slices}
    if len(changed) < _WHOLE * (len(seal.slices) - len(gone)):
        edited = changed
    else:
        pixels = [finding for finding in findings if finding.kind == "pixels"]
        edited = _edited(seal, sketch, pixels)
    renamed = {z for f in findings if f.attribute == "SOPInstanceUID" for z in f.slices}
    bare = _without_overlays(seal, findings, gone)
    return [
        replace(
            finding,
            explained=_explained(finding, edited, changed | gone, renamed)
            or (bare and finding.attribute == OVERLAYS),
        )
        for finding in findings
    ]


def _without_overlays(seal: Seal, findings: Sequence[Finding], gone: set[int]) -> bool:
    """Whether all overlays were taken out, as an anonymiser does: of some slices it is an edit."""
    of_overlays = [finding for finding in findings if finding.attribute == OVERLAYS]
    had = {z for z in range(len(seal.slices)) if seal.expected(z).get(OVERLAYS)} - gone
    taken = {z for finding in of_overlays for z in finding.slices}
    return taken == had and all(finding.removed for finding in of_overlays)


def _explained(
    finding: Finding, edited: set[int], not_as_sealed: set[int], renamed: set[int]
) -> bool:
    if finding.kind == "missing":
        return True
    if finding.kind == "pixels":
        return not edited & set(finding.slices)
    if finding.kind != "attribute" or finding.attribute == OVERLAYS:
        return False
    if finding.attribute == _STUDY_UID:
        return finding.removed or set(finding.slices) <= renamed
    if finding.attribute in IDENTITY or finding.attribute == ENCRYPTED:
        return finding.removed
    if finding.attribute in TABLES:
        return finding.removed and set(finding.slices) <= not_as_sealed
    if finding.attribute == FRAME:  # who makes frames of slices makes another object
        return set(finding.slices) <= renamed
    if finding.attribute in _MEANING:
        return set(finding.slices) <= not_as_sealed
    return True


def misleading(seal: Seal, parts: Sequence[Part]) -> list[Finding]:
    """What some programs go by, where it is no longer true of the slices: no processing does that.

    Most programs order slices by their positions, and tell distances by these. Some go by numbers.

    Args:
        seal: what was sealed.
        parts: the slices that there are, as they lie.
    """
    findings = []
    for name in _ORDERS:
        now = [part.attributes.get(name, "") for part in parts]
        if _ascend_or_descend(seal.each(name)) and _ascend_or_descend(now) is False:
            text = f"{describe(name)} no longer follows the order of the slices: a program that "
            text += "goes by it shows them in another"
            findings.append(Finding("attribute", text, attribute=name))
    told = {part.attributes.get(_DISTANCE, "") for part in parts}
    for text in sorted(told - seal.values(_DISTANCE) - {""}):
        if not _lie_apart(parts, text):
            text = f"{describe(_DISTANCE)} is {text!r}, but the slices do not lie so far apart"
            findings.append(Finding("attribute", text, attribute=_DISTANCE))
    told = {part.attributes.get(_SIDES, "") for part in parts} - seal.values(_SIDES)
    if seal.tells(_SIDES) and any(
        part.attributes.get(_SIDES) in told and _other_sides(part.attributes) for part in parts
    ):
        text = f"{describe(_SIDES)} names other sides of the patient than those towards which rows "
        text += "and columns run: a viewer that goes by it shows left as right, or the like"
        findings.append(Finding("attribute", text, attribute=_SIDES))
    return findings


def _other_sides(attributes: Mapping[str, str]) -> bool:
    """Whether a slice names sides that its directions do not run towards."""
    named = attributes.get(_SIDES, "").split("\\")
    try:
        directions = np.reshape(_numbers(attributes.get("ImageOrientationPatient", "")), (2, 3))
        towards = [np.array([_TOWARDS[letter] for letter in letters]) for letters in named]
    except (KeyError, ValueError):  # it does not tell
        return False
    return len(towards) == len(directions) and any(
        len(sides) and (sides[0] @ direction < _MAINLY or (sides @ direction < 0).any())
        for sides, direction in zip(towards, directions, strict=True)
    )


def _ascend_or_descend(texts: Sequence[str]) -> bool | None:
    """Whether numbers do, equal ones allowed; None where some are none."""
    try:
        steps = np.diff([decimal(text) for text in texts])
    except ValueError:
        return None
    return bool((steps >= 0).all() or (steps <= 0).all())


def _lie_apart(parts: Sequence[Part], text: str) -> bool:
    """Whether slices lie so many mm apart, most of them."""
    try:
        distance = abs(decimal(text))
        gaps = gaps_mm([part.attributes.get("ImagePositionPatient", "") for part in parts])
    except ValueError:
        return False
    return not len(gaps) or bool(abs(np.median(gaps) - distance) <= _UNEVEN * distance)


def _edited(seal: Seal, sketch: Sketch, findings: Sequence[Finding]) -> set[int]:
    """Slices that differ in less than most of the patient; none that has another size."""
    boxes = {z: finding.boxes for finding in findings for z in finding.slices if finding.boxes}
    edited = set()
    for z, of_patient in _patient_blocks(seal, sketch, boxes).items():
        across = -(-seal.slices[z].columns // seal.block)
        places = [box.top // seal.block * across + box.left // seal.block for box in boxes[z]]
        # Where no block shows the patient, all of them count.
        counted = of_patient if of_patient.any() else np.ones_like(of_patient)
        if np.count_nonzero(counted[places]) < _WHOLE * np.count_nonzero(counted):
            edited.add(z)
    return edited


def _patient_blocks(
    seal: Seal, sketch: Sketch, slices: Iterable[int]
) -> dict[int, NDArray[np.bool_]]:
    """Of sealed slices, which of their blocks, row by row, show the patient."""
    grid, summed = sketch.grid, _summed(sketch.body)
    to_cell = np.linalg.inv(grid.geometry.matrix) / np.asarray(grid.cell)
    matrix_of = lru_cache(_matrix)
    shown: dict[int, NDArray[np.bool_]] = {}
    alike: dict[tuple[int, int], list[tuple[int, NDArray[np.float64]]]] = defaultdict(list)
    for z in slices:
        item = seal.slices[z]
        corners = _corners(item.rows, item.columns, seal.block)
        try:
            matrix, origin = _plane(seal, z, matrix_of)
        except (KeyError, ValueError, IndexError, ScanError):  # the seal does not tell
            shown[z] = np.zeros(len(corners), np.bool_)
            continue
        offset = (origin - grid.geometry.origin) @ to_cell
        alike[item.rows, item.columns].append((z, corners @ (matrix @ to_cell) + offset))
    for numbered in alike.values():
        some = _some(summed, np.concatenate([cells for _, cells in numbered]))
        for (z, _), of_patient in zip(numbered, np.split(some, len(numbered)), strict=True):
            shown[z] = of_patient
    return shown


@lru_cache(maxsize=8)
def _corners(rows: int, columns: int, block: int) -> NDArray[np.float64]:
    """The corner voxels of all blocks of a slice, row by row: ``[block, corner, zyx]``."""
    tops, lefts = np.arange(0, rows, block), np.arange(0, columns, block)
    bottoms, rights = np.minimum(tops + block, rows) - 1, np.minimum(lefts + block, columns) - 1
    corners = np.zeros((len(tops), len(lefts), 4, 3))
    corners[..., :2, 1], corners[..., 2:, 1] = tops[:, None, None], bottoms[:, None, None]
    corners[..., ::2, 2], corners[..., 1::2, 2] = lefts[:, None], rights[:, None]
    return corners.reshape(-1, 4, 3)


def _summed(body: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many cells of the body lie before each corner of the cells, so that any box of them is
    counted at once."""
    summed = np.zeros([n + 1 for n in body.shape], np.int32)
    summed[1:, 1:, 1:] = body.cumsum(0, np.int32).cumsum(1).cumsum(2)
    return summed


def _some(summed: NDArray[np.int32], cells: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the box of cells around each group of places ``[group, place, 3]`` holds some."""
    last = np.array(summed.shape) - 2
    low = np.clip(np.floor(cells.min(1) + 1e-6), 0, last).astype(int)
    high = np.clip(np.floor(cells.max(1) + 1e-6), 0, last).astype(int) + 1
    total = np.zeros(len(cells), np.int64)
    for ends in product((0, 1), repeat=3):
        z, y, x = (np.where(end, high[:, k], low[:, k]) for k, end in enumerate(ends))
        total += (1 if sum(ends) % 2 else -1) * summed[z, y, x]
    return total > 0


def _plane(
    seal: Seal, z: int, matrix_of: Callable[..., NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the voxels of a sealed slice lie: the matrix and the origin of a `Geometry`.

    Raises:
        KeyError, ValueError, IndexError, ScanError: the seal does not tell.
    """
    sealed = seal.expected(z)
    if seal.kind == "image":
        matrix = matrix_of(sealed["Spacing"], axes=sealed["Axes"])
        origin = np.array(_numbers(sealed["Origin"])) + z * matrix[0]
    else:
        matrix = matrix_of(sealed["PixelSpacing"], in_plane=sealed["ImageOrientationPatient"])
        origin = np.array(_numbers(sealed["ImagePositionPatient"]))
    if origin.shape != (3,) or not np.isfinite(origin).all():
        raise ValueError("no place")
    return matrix, origin


def _matrix(spacing: str, axes: str = "", in_plane: str = "") -> NDArray[np.float64]:
    """The matrix of a `Geometry` from the texts of a seal: of an image, or of a DICOM slice."""
    if axes:
        z, y, x = np.reshape(_numbers(axes), (3, 3))
        steps = _numbers(spacing)
    else:
        x, y = np.reshape(_numbers(in_plane), (2, 3))
        z, steps = np.cross(x, y), [1.0, *_numbers(spacing)]
    vectors = tuple((float(a), float(b), float(c)) for a, b, c in (z, y, x))
    return Geometry((steps[0], steps[1], steps[2]), axes=vectors).matrix


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split("\\")]
