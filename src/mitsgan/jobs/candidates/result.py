"""Candidates and what they are worth, in numbers; lengths in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mitsgan import __version__
from mitsgan.evaluate.candidate_recall import Hit, RecallRow
from mitsgan.jobs.entries import Vector
from mitsgan.result import Result, ScanEntry

if TYPE_CHECKING:
    from mitsgan.evaluate.report.table import Table


@dataclass(frozen=True)
class CandidateEntry:
    """A place where a nodule might be.

    Attributes:
        voxel: nearest to its centre, ``[z, y, x]``; of a scan on disk as its file counts them.
        lps_mm: the same place in the patient.
        radius_mm: of the ball that it is most like.
        score: HU; how far it stands out as a blob.
    """

    voxel: tuple[int, int, int]
    lps_mm: Vector
    radius_mm: float
    score: float


@dataclass(frozen=True)
class HitEntry:
    """A nodule, and the candidate that names it, see `mitsgan.evaluate.candidate_recall.Hit`."""

    voxel: Vector
    diameter_mm: float
    kind: str
    place: str
    rank: int | None
    offset_mm: float | None
    radius_mm: float | None
    score: float | None
    number: int | None = None

    @classmethod
    def of(cls, hit: Hit) -> HitEntry:
        """The same, flat."""
        nodule = hit.nodule
        return cls(
            *(nodule.voxel, nodule.diameter_mm, nodule.kind, nodule.location),
            *(hit.rank, hit.offset_mm, hit.radius_mm, hit.score),
            number=hit.number,
        )


@dataclass(frozen=True, kw_only=True)
class CandidatesResult(Result):
    """The candidates of a scan.

    Attributes:
        lung_ml: volume of the lung.
        candidates: the best first.
        covered: part of the lung that cubes of 32 mm around the first so many cover.
        known: nodules that a list tells, and which candidate names each.
        planted, recall: planted ones, each, and in groups.
        seed: of these.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "candidates"

    version: str = __version__
    scan: ScanEntry
    lung_ml: float
    candidates: tuple[CandidateEntry, ...]
    covered: dict[str, float]
    known: tuple[HitEntry, ...]
    recall: tuple[RecallRow, ...]
    planted: tuple[HitEntry, ...]
    seed: int
    seconds: dict[str, float]

    @property
    def tables(self) -> Sequence[Table]:
        """The list, what it covers, and which nodules it names."""
        from mitsgan.jobs.candidates.tables import candidates_tables

        return candidates_tables(self)
