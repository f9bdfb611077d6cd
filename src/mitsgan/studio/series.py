"""An open scan, and all open scans within the memory that they may take."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

import numpy as np

from mitsgan.errors import ScanError
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated, band_rows
from mitsgan.studio.layers import PLANES, CellLayer, Plane

Role = Literal["scan", "protected", "restored", "sketch", "simulated"]
Scale = Literal["asked for", "stated", "measured", "unknown"]
"""A budget that was asked for here, one that a file states, the largest difference, or neither."""

_ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Where decreasing and increasing LPS coordinates lead, along x, y and z."""


@dataclass(frozen=True, eq=False)
class Series:
    """An open scan.

    Attributes:
        name: for people.
        role: what it is.
        scan: its voxels, in canonical order.
        path: where it was read; None of what is in memory alone.
        original: the id of the series that it was made of.
        max_hu: the budget that it keeps, or how far it is from its original; None where neither is
            known.
        max_hu_is: what that number is.
        layers: what is drawn over it, by name.
        points: places that are drawn over it, LPS mm, by name.
        id: under which the page asks for it.
    """

    name: str
    role: Role
    scan: Scan
    path: Path | None = None
    original: str | None = None
    max_hu: float | None = None
    max_hu_is: Scale = "unknown"
    layers: dict[str, CellLayer] = field(default_factory=dict)
    points: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: token_hex(8))

    @property
    def simulated(self) -> bool:
        """Whether an attacker had a hand in it."""
        return isinstance(self.scan.source, Simulated)

    @property
    def bytes(self) -> int:
        """What its voxels take in memory."""
        return int(self.scan.stored.nbytes)

    def stretch(self, plane: Plane) -> float:
        """The height of a pixel of a plane over its width."""
        _, down, across = PLANES[plane]
        return self.scan.geometry.spacing[down] / self.scan.geometry.spacing[across]

    def card(self) -> dict[str, Any]:
        """For the page; lengths in mm, axes and origin LPS."""
        geometry = self.scan.geometry
        ends = []
        for axis in geometry.axes:
            along = int(np.argmax(np.abs(axis)))
            ends.append(_ENDS[along][:: 1 if axis[along] > 0 else -1])
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "simulated": self.simulated,
            "original": self.original,
            "on_disk": self.path is not None,
            "max_hu": self.max_hu,
            "max_hu_is": self.max_hu_is,
            "shape": self.scan.shape,
            "spacing": geometry.spacing,
            "origin": geometry.origin,
            "axes": geometry.axes,
            "ends": ends,
            "marked_rows": {
                plane: band_rows(self.scan.shape[across], self.stretch(plane))
                for plane, (_, _, across) in PLANES.items()
            },
            "bytes": self.bytes,
            "layers": list(self.layers),
            "points": self.points,
            "notes": self.scan.notes,
        }


class Shelf:
    """All open scans.

    Args:
        limit: bytes that their voxels may take together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._series: dict[str, Series] = {}
        self._lock = threading.Lock()

    def add(self, *new: Series) -> None:
        """Keep some, all or none.

        Raises:
            ScanError: there is no room for them.
        """
        with self._lock:
            self.check_room(sum(series.bytes for series in new))
            self._series |= {series.id: series for series in new}

    def check_room(self, size: int) -> None:
        """Raise `ScanError` where so many bytes more would be too many."""
        if self.used + size > self.limit:
            raise ScanError(
                f"this needs {_gb(size)} of memory; {_gb(self.used)} of {_gb(self.limit)} are "
                "taken. Close a scan, or start with a larger `memory_gb`"
            )

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        return sum(series.bytes for series in self._series.values())

    def all(self) -> list[Series]:
        """In the order in which they were opened."""
        with self._lock:
            return list(self._series.values())

    def get(self, number: str) -> Series:
        """The series of an id.

        Raises:
            ScanError: it is not open.
        """
        series = self._series.get(number)
        if series is None:
            raise ScanError("this scan is not open any more; open it again")
        return series

    def close(self, number: str) -> None:
        """Forget one, and what attackers and sketches made of it."""
        with self._lock:
            self._series.pop(number, None)
            made = [s.id for s in self._series.values() if s.original == number and s.path is None]
            for other in made:
                del self._series[other]


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
