"""Which differences processing explains, where a sketch can tell what a scan shows.

Bit for bit, every processing breaks a seal. What it leaves alone is the content, which the sketch
judges, and whose scan it is. So a slice that differs in all of the patient was processed, and is
left to the sketch; one of which most is as sealed, bit for bit, and a part is not, was edited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mitsgan.files.dicom.content import (
    GEOMETRY,
    NUMBERS,
    OVERLAYS,
    PATIENT,
    STUDY,
    TABLES,
    VALUES,
)
from mitsgan.scan.geometry import Geometry
from mitsgan.seal.digest import Box
from mitsgan.seal.format import Seal
from mitsgan.seal.report import Finding
from mitsgan.seal.sketch.body import body_cells
from mitsgan.seal.sketch.sketch import Sketch

IDENTITY = frozenset({*PATIENT, *STUDY}) | {
    *("Modality", "PatientPosition", "BodyPartExamined", "Laterality"),
    *("AcquisitionDate", "AcquisitionTime"),
}
"""Attributes that say whose scan it is, of what, and when: no processing gives them another value.
It may leave them out, as an anonymiser does."""

_MEANING = frozenset({*GEOMETRY, *VALUES, *NUMBERS, *TABLES}) | {
    *("DataType", "Spacing", "Origin", "Axes", "RescaleSlope", "RescaleIntercept"),
}
"""Attributes that give pixels a place and a meaning. They change along with the pixels, or else
somebody edited the header."""

_WHOLE = 0.5
"""Share of the patient's blocks in a slice that differ, from which on all of it was processed."""


def weigh(seal: Seal, sketch: Sketch, findings: Sequence[Finding]) -> list[Finding]:
    """The findings, each told whether processing explains it."""
    if not findings:
        return []
    blocks = _patient_blocks(seal, sketch)
    edited = {
        z
        for finding in findings
        if finding.kind == "pixels" and not _differs_throughout(seal, finding, blocks)
        for z in finding.slices
    }
    changed = {z for finding in findings if finding.kind == "pixels" for z in finding.slices}
    gone = {z for finding in findings if finding.kind == "missing" for z in finding.slices}
    return [
        replace(finding, explained=_explained(finding, edited, changed | gone))
        for finding in findings
    ]


def _explained(finding: Finding, edited: set[int], not_as_sealed: set[int]) -> bool:
    if finding.kind == "missing":
        return True
    if finding.kind == "pixels":
        return not edited & set(finding.slices)
    if finding.kind != "attribute" or finding.attribute == OVERLAYS:
        return False
    if finding.attribute in IDENTITY:
        return finding.removed
    if finding.attribute in _MEANING:
        return set(finding.slices) <= not_as_sealed
    return True


def _differs_throughout(
    seal: Seal, finding: Finding, blocks: Callable[[int, Sequence[Box]], int]
) -> bool:
    """Whether a slice differs in most of the patient; so too where it has another size."""
    if not finding.boxes:
        return True
    z = finding.slices[0]
    item = seal.slices[z]
    grid = [
        Box(top, min(top + seal.block, item.rows), left, min(left + seal.block, item.columns))
        for top in range(0, item.rows, seal.block)
        for left in range(0, item.columns, seal.block)
    ]
    of_patient = blocks(z, grid)
    if not of_patient:
        return len(finding.boxes) >= _WHOLE * len(grid)
    return blocks(z, finding.boxes) >= _WHOLE * of_patient


def _patient_blocks(seal: Seal, sketch: Sketch) -> Callable[[int, Sequence[Box]], int]:
    """A function that counts, of blocks of a sealed slice, those that show the patient."""
    grid, summed = sketch.grid, _summed(body_cells(sketch.means))
    to_cell = np.linalg.inv(grid.geometry.matrix) / np.asarray(grid.cell)
    origin = np.asarray(grid.geometry.origin)

    def count(z: int, boxes: Sequence[Box]) -> int:
        plane = _plane(seal, z)
        if plane is None or not boxes:
            return 0
        corners = np.array(
            [
                [(0, y, x) for y in (box.top, box.bottom - 1) for x in (box.left, box.right - 1)]
                for box in boxes
            ]
        )
        world = corners @ plane.matrix + np.asarray(plane.origin)
        return int(np.count_nonzero(_some(summed, (world - origin) @ to_cell)))

    return count


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


def _plane(seal: Seal, z: int) -> Geometry | None:
    """Where the rows and columns of a sealed slice lie; None if the seal does not tell."""
    sealed = seal.expected(z)
    try:
        if seal.kind == "image":
            axes = np.reshape(_numbers(sealed["Axes"]), (3, 3))
            spacing, origin = _numbers(sealed["Spacing"]), np.array(_numbers(sealed["Origin"]))
            origin = origin + axes[0] * spacing[0] * z
        else:
            row, column = np.reshape(_numbers(sealed["ImageOrientationPatient"]), (2, 3))
            axes = np.array([np.cross(row, column), column, row])
            spacing = [1.0, *_numbers(sealed["PixelSpacing"])]
            origin = np.array(_numbers(sealed["ImagePositionPatient"]))
        return Geometry(
            spacing=(spacing[0], spacing[1], spacing[2]),
            origin=(float(origin[0]), float(origin[1]), float(origin[2])),
            axes=tuple((float(a), float(b), float(c)) for a, b, c in axes),
        )
    except (KeyError, ValueError, IndexError):
        return None


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split("\\")]
