"""Where radiologists saw nodules: lists in CSV as LUNA16 has them, in JSON, or LIDC's XML."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitsgan.errors import DataError, PositionError
from mitsgan.scan.canonical import grid_in_file
from mitsgan.scan.order import UNCHANGED, AxisOrder
from mitsgan.scan.scan import Geometry, Scan
from mitsgan.training.data.lidc_xml import ReaderMark, agreed, read_lidc

COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")


@dataclass(frozen=True)
class Finding:
    """One nodule as a file tells it.

    Attributes:
        world: its centre, LPS in mm.
        voxel: its centre ``[z, y, x]``, where the file has that instead; as the scan's file counts
            voxels, until `Annotations.of` tells it as the scan does.
        diameter_mm: its diameter.
    """

    diameter_mm: float
    world: tuple[float, float, float] | None = None
    voxel: tuple[float, float, float] | None = None

    def index(self, geometry: Geometry) -> tuple[float, float, float]:
        """Its centre as a voxel ``[z, y, x]`` (fractional) of a scan."""
        if self.voxel is not None:
            return self.voxel
        if self.world is None:
            raise PositionError("a nodule without a position: give world or voxel coordinates")
        return geometry.to_index(self.world)

    def on(self, scan: Scan) -> Finding:
        """The same, as the scan counts voxels, whose axes may run otherwise than its file's."""
        if self.voxel is None:
            return self
        shape, _ = grid_in_file(scan)
        return replace(self, voxel=scan.order.inverse().point_in_file(self.voxel, shape))


@dataclass(frozen=True)
class Annotations:
    """All that one file tells.

    Attributes:
        path: the file.
        findings: by the series that each belongs to; under ``""`` those that name none.
        marks: LIDC's readers' contours, which need the scan to become findings.
        series: the series that the marks belong to.
    """

    path: Path
    findings: dict[str, tuple[Finding, ...]]
    marks: tuple[ReaderMark, ...] = ()
    series: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The series that it names."""
        return frozenset(name for name in (*self.findings, self.series) if name)

    def of(
        self,
        scan: Scan,
        names: Collection[str],
        readers: int = 3,
        *,
        pixels: AxisOrder = UNCHANGED,
    ) -> tuple[Finding, ...]:
        """The nodules of one scan, their positions checked against it.

        Args:
            scan: the scan.
            names: what the file may call it: its *Series Instance UID* or its file's name.
            readers: how many of LIDC's readers must have marked a nodule; 3, as in LUNA16.
            pixels: how the scan's axes lie in those of the DICOM slices that LIDC's contours count.

        Raises:
            PositionError: a nodule lies outside the scan.
            DataError: LIDC's contours do not fit the scan.
        """
        wanted = {*names, ""}
        findings = [f for name, some in self.findings.items() if name in wanted for f in some]
        if self.marks and self.series in wanted:
            findings += [
                Finding(diameter, world=world)
                for world, diameter in agreed(self.marks, scan, readers, self.path, pixels)
            ]
        placed = tuple(finding.on(scan) for finding in findings)
        for finding, there in zip(findings, placed, strict=True):
            index = there.index(scan.geometry)
            inside = all(-0.5 <= i < n - 0.5 for i, n in zip(index, scan.shape, strict=True))
            if not inside:
                where = (
                    f"voxel {finding.voxel} [z, y, x]"
                    if finding.voxel
                    else f"world {finding.world} mm (LPS)"
                )
                z, y, x = (round(i, 1) for i in index)
                raise PositionError(
                    f"{self.path}: the nodule at {where} lies outside the scan, at voxel "
                    f"({z}, {y}, {x}) of {scan.shape} [z, y, x]; is it of another scan, or its "
                    f"position in other coordinates (RAS has x and y of the other sign)?"
                )
        return placed

    def most_readers(self, scan: Scan, names: Collection[str]) -> int:
        """How many readers marked the nodule that most of them marked; 0 where none is marked.

        Args:
            scan, names: as in `of`.

        Raises:
            DataError: LIDC's contours do not fit the scan.
        """
        if not self.marks or self.series not in {*names, ""}:
            return 0
        counts = range(len({mark.reader for mark in self.marks}), 0, -1)
        return next((n for n in counts if agreed(self.marks, scan, n, self.path)), 0)


def read_annotations(path: Path) -> Annotations:
    """Read a list of nodules, the format told by the ending: ``.csv``, ``.json`` or ``.xml``.

    CSV: a header with `COLUMNS`, world LPS in mm, one nodule a line, as LUNA16's annotations.
    JSON: a list of objects with ``diameter_mm``, ``world`` ``[x, y, z]`` (LPS, mm) or ``voxel``
    ``[z, y, x]``, and ``series`` where the list is about several. XML: as LIDC-IDRI publishes.

    Raises:
        DataError: it is none of these, or something in it makes no sense; says where.
    """
    readers = {".csv": _read_csv, ".json": _read_json, ".xml": _read_xml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: a list of nodules ends in .csv, .json or .xml (LIDC)")
    if not path.is_file():
        raise DataError(f"{path} does not exist, or is no file; name a list of nodules")
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}); save it as that") from error


def _read_csv(path: Path) -> Annotations:
    by_series: dict[str, list[Finding]] = {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(
                f"{path} has no column {', '.join(missing)}; found "
                f"{', '.join(rows.fieldnames or ()) or 'nothing'}, expected a first line with "
                f"{','.join(COLUMNS)}"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            x, y, z, diameter = (_number(row[name], name, where) for name in COLUMNS[1:])
            series = (row["seriesuid"] or "").strip()
            if not series:
                raise DataError(f"{where}: no seriesuid; name the series that the nodule is in")
            by_series.setdefault(series, []).append(
                Finding(_positive(diameter, where), world=(x, y, z))
            )
    return Annotations(path, {name: tuple(some) for name, some in by_series.items()})


def _read_json(path: Path) -> Annotations:
    try:
        listed: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); see docs/training-data.md") from error
    if not isinstance(listed, list):
        raise DataError(f"{path}: expected a list of nodules, found {type(listed).__name__}")
    by_series: dict[str, list[Finding]] = {}
    for number, entry in enumerate(listed, 1):
        where = f"{path}, nodule {number}"
        if not isinstance(entry, dict):
            raise DataError(f"{where}: expected an object, found {entry!r}")
        if ("world" in entry) == ("voxel" in entry):
            raise DataError(f"{where}: give either world [x, y, z] (LPS mm) or voxel [z, y, x]")
        kind = "world" if "world" in entry else "voxel"
        a, b, c = _triple(entry[kind], kind, where)
        diameter = _positive(_number(entry.get("diameter_mm"), "diameter_mm", where), where)
        series = entry.get("series", "")
        if not isinstance(series, str):
            raise DataError(f"{where}: series is {series!r}, expected text")
        finding = Finding(diameter, **{kind: (a, b, c)})
        by_series.setdefault(series, []).append(finding)
    return Annotations(path, {name: tuple(some) for name, some in by_series.items()})


def _read_xml(path: Path) -> Annotations:
    series, marks = read_lidc(path)
    return Annotations(path, {}, marks, series)


def _triple(value: object, name: str, where: str) -> Sequence[float]:
    if not isinstance(value, list) or len(value) != 3:
        raise DataError(f"{where}: {name} is {value!r}, expected three numbers")
    return [_number(item, name, where) for item in value]


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise DataError(f"{where}: {name} is {value!r}, expected a number")


def _positive(diameter: float, where: str) -> float:
    if diameter <= 0:
        raise DataError(f"{where}: diameter_mm is {diameter:g}, expected more than 0")
    return diameter
