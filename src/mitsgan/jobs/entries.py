"""What the results of several jobs hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.result import WeightsEntry

if TYPE_CHECKING:
    from mitsgan.scan.scan import Scan

__all__ = ["Grid", "Vector", "WeightsEntry", "rounded", "weights_entry"]

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Where a scan's voxels lie: ``[z, y, x]``, mm, LPS; in the order of its file."""

    shape: tuple[int, int, int]
    spacing_mm: Vector
    origin_lps_mm: Vector
    axes_lps: tuple[Vector, ...]

    @classmethod
    def of(cls, scan: Scan) -> Grid:
        """The grid of a scan."""
        from mitsgan.scan.canonical import grid_in_file  # NumPy: not for the help of commands

        shape, geometry = grid_in_file(scan)
        return cls(shape, geometry.spacing, geometry.origin, geometry.axes)


def rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each phase, to the millisecond."""
    return {phase: round(value, 3) for phase, value in seconds.items()}


def weights_entry(card: Mapping[str, object], path: Path | None, name: str) -> dict[str, object]:
    """As `WeightsEntry.of`, as a mapping."""
    entry = WeightsEntry.of(card, path, name)
    return {"name": entry.name, "sha256": entry.sha256}
