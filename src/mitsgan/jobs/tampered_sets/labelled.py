"""What every public set of tampered scans comes to: scans, and places that are labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.errors import DataError
from mitsgan.scan.canonical import grid_in_file
from mitsgan.scan.scan import Scan

Label = Literal["injected", "removed", "untouched"]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class LabelledPlace:
    """A place in a scan.

    Attributes:
        position: the slice, counted from the feet, and row and column of its picture.
        label: what was done there.
        against: of an untouched place, which kind of tampering it stands beside.
    """

    position: tuple[int, int, int]
    label: Label
    against: Label

    def voxel(self, scan: Scan) -> tuple[int, int, int]:
        """Which voxel ``[z, y, x]`` of the scan it is, which is in canonical order as it is read.

        That counts slices from the feet as well, and turns the pictures of who lay prone.
        """
        shape, _ = grid_in_file(scan)
        _, y, x = scan.order.inverse().in_file(self.position, shape)
        return self.position[0], y, x


@dataclass(frozen=True)
class LabelledScan:
    """One scan of a set, not read yet.

    Attributes:
        name: within the set.
        method: what it was tampered with, or ``real``.
        places: those that are labelled.
        read: gives the scan; it has no source, so that it cannot be written as DICOM.
        tampered: gives the smallest box of voxels that holds what was tampered with; None where the
            set does not say.
    """

    name: str
    method: str
    places: tuple[LabelledPlace, ...]
    read: Callable[[], Scan]
    tampered: Callable[[], Box | None] | None = None


def table_rows(path: Path, columns: tuple[str, ...]) -> list[Mapping[str, str]]:
    """The rows of a CSV file.

    Raises:
        DataError: no such file, or it lacks columns.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there; give the folder of the set as its makers lay it out")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}, found {reader.fieldnames}")
        return list(reader)


def whole_number(text: str, path: Path) -> int:
    """A coordinate.

    Raises:
        DataError: it is none.
    """
    try:
        return round(float(text))
    except ValueError as error:
        raise DataError(f"{path}: a coordinate should be a number, found {text!r}") from error
