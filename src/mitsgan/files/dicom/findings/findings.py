"""What is told of a scan that was examined: a verdict, sentences, and flagged places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.series import plane_of
from mitsgan.scan.geometry import Geometry, Vector

Mask = NDArray[np.bool_]
Labels = NDArray[np.integer]


class Quantity(Enum):
    """What is measured of a place: a code of our own, its name, its unit in UCUM.

    Source: DICOM PS3.16 CID 7181 (units of Hounsfield and of volume).
    """

    VOLUME = ("volume", "Volume", "ml")
    CORE = ("core-volume", "Volume of the core", "ml")
    SEALED = ("sealed-hu", "Mean of the core when sealed", "[hnsf'U]")
    FOUND = ("found-hu", "Mean of the core now", "[hnsf'U]")
    DIFFERENCE = ("difference-hu", "Difference beyond processing", "[hnsf'U]")
    DEVIATIONS = ("deviations", "Standard deviations from what is usual", "1")


@dataclass(frozen=True)
class Place:
    """A flagged region.

    Attributes:
        name: a few words, unique in its layer.
        quantities: what was measured.
        start, stop: its box of voxels ``[z, y, x]``, from 0, ends exclusive; of ``grid``.
        grid: whose voxels these are, for people.
        centre_mm, lower_mm, upper_mm: LPS.
        note: what else is to be known; may be empty.
    """

    name: str
    quantities: Mapping[Quantity, float]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    grid: str
    centre_mm: Vector
    lower_mm: Vector
    upper_mm: Vector
    note: str = ""


class Shape(Protocol):
    """Where the places of a layer lie."""

    def on(self, frame: Frame, shape: tuple[int, int]) -> Labels | None:
        """The number of the place of each pixel ``[y, x]`` of a slice, from 1, 0 where there is
        none; None where there is none in the slice."""
        ...


@dataclass(frozen=True, eq=False)
class GridShape:
    """Places on a grid in the patient.

    Attributes:
        labels: ``[z, y, x]``, the number of the place, from 1; 0 where there is none.
        geometry: of the grid.
    """

    labels: Labels
    geometry: Geometry

    def on(self, frame: Frame, shape: tuple[int, int]) -> Labels | None:
        """See `Shape`; a pixel belongs to the cell that its centre lies in."""
        plane = plane_of(frame)
        to_index = np.linalg.inv(self.geometry.matrix)
        origin = (np.subtract(plane.origin, self.geometry.origin)) @ to_index
        down, right = (plane.matrix @ to_index)[1:]
        corners = origin + np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ np.array(
            [down * (shape[0] - 1), right * (shape[1] - 1)]
        )
        if not self._meets(corners):
            return None
        y, x = np.arange(shape[0])[:, None], np.arange(shape[1])
        index, inside = [], np.ones(shape, np.bool_)
        for axis, length in enumerate(self.labels.shape):
            nearest = np.rint(origin[axis] + down[axis] * y + right[axis] * x).astype(np.intp)
            inside &= (nearest >= 0) & (nearest < length)
            index.append(nearest.clip(0, length - 1))
        labels: Labels = np.where(inside, self.labels[tuple(index)], 0)
        return labels if labels.any() else None

    def _meets(self, corners: NDArray[np.float64]) -> bool:
        """Whether a plane with such corners may hold a place."""
        filled = [np.flatnonzero(self.labels.any(axis=others)) for others in _OTHERS]
        if not all(len(some) for some in filled):
            return False
        low, high = corners.min(0), corners.max(0)
        return all(
            low[axis] < some[-1] + 0.5 and high[axis] > some[0] - 0.5
            for axis, some in enumerate(filled)
        )


_OTHERS = ((1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, eq=False)
class PixelShape:
    """Places as boxes of pixels: per slice those of place 1, 2, ...

    Attributes:
        boxes: by slice, ``(number of the place, rows, columns)``.
    """

    boxes: Mapping[Frame, tuple[tuple[int, slice, slice], ...]]

    def on(self, frame: Frame, shape: tuple[int, int]) -> Labels | None:
        """See `Shape`."""
        boxes = self.boxes.get(frame, ())
        if not boxes:
            return None
        labels = np.zeros(shape, np.int32)
        for number, rows, columns in boxes:
            labels[rows, columns] = number
        return labels


@dataclass(frozen=True, eq=False)
class Layer:
    """What one way of looking flagged.

    Attributes:
        name: one word: the object and its file are called by it.
        description: what its places are, for a viewer.
        places: in the order of their numbers, from 1.
        shape: where they are.
    """

    name: str
    description: str
    places: tuple[Place, ...]
    shape: Shape


@dataclass(frozen=True, eq=False)
class Findings:
    """All that is told of a scan.

    Attributes:
        verdict: one of ``intact``, ``processed``, ``tampered``, ``unknown``.
        verdicts: of each way of looking, by its name.
        sentences: ``(what it is about, the sentence)``.
        layers: what was flagged; those without a place are left out.
    """

    verdict: str
    verdicts: Mapping[str, str]
    sentences: tuple[tuple[str, str], ...]
    layers: tuple[Layer, ...]
