"""What making or fetching training data came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mitsgan import __version__
from mitsgan.result import Result


@dataclass(frozen=True)
class ScanCubes:
    """Cubes of one scan.

    Attributes:
        name: of the scan.
        cubes: how many.
        listed, real: how many nodules lists tell of, and how many of them are shown.
        note: what became of these, or why the scan was left out; may be empty.
    """

    name: str
    cubes: int
    listed: int
    real: int
    note: str


@dataclass(frozen=True, kw_only=True)
class CubesResult(Result):
    """A file of cubes.

    Attributes:
        output: the file.
        action, split: what they teach, and on which side.
        cubes: how many.
        kinds: how many of each kind.
        patients: how many they are of.
        scans: of each, what became of it.
        seed: that decided them.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "cubes"

    version: str = __version__
    output: str
    action: str
    split: str
    cubes: int
    kinds: dict[str, int]
    patients: int
    scans: tuple[ScanCubes, ...]
    seed: int
    seconds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class FetchResult(Result):
    """Scans that were fetched.

    Attributes:
        collection, output: what, and where it is.
        fetched, present: how many series were fetched, and how many were there already.
        megabytes: of all of them.
        licences: under which they are.
        citation: what their users owe.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "fetched"

    version: str = __version__
    collection: str
    output: str
    fetched: int
    present: int
    megabytes: float
    licences: tuple[str, ...]
    citation: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class CheckedScan:
    """A scan that was looked at before a training.

    Attributes:
        name: below its folder.
        split: the side that it is on.
        shape, spacing_mm: ``[z, y, x]``; None where it cannot be read.
        faults: why it cannot be trained on, or must not be; a sentence each.
        notes: what may be meant.
    """

    name: str
    split: str
    shape: tuple[int, int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckResult(Result):
    """Scans that were looked at before a training.

    Attributes:
        scans: each of them.
        patients: how many they are of.
        faulty: how many of the scans have a fault.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "data check"

    version: str = __version__
    scans: tuple[CheckedScan, ...]
    patients: int
    faulty: int
    seconds: dict[str, float]
