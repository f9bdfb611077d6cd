"""Candidates and their recall as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mitsgan.evaluate.candidate_recall import LIMITS
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

if TYPE_CHECKING:
    from mitsgan.jobs.candidates.result import CandidatesResult


def candidates_tables(result: CandidatesResult) -> Sequence[Table]:
    """The list, what it covers, and which nodules it names, as far as there are any."""
    tables = (
        candidates_table(result),
        coverage_table(result),
        known_table(result),
        recall_table(result),
    )
    return [table for table in tables if table.rows]


def candidates_table(result: CandidatesResult) -> Table:
    """Where a nodule might be."""
    rows: tuple[dict[str, Cell], ...] = tuple(
        {
            "number": number,
            "lps": ", ".join(f"{v:.1f}" for v in row.lps_mm),
            "voxel": ", ".join(map(str, row.voxel)),
            "diameter": 2 * row.radius_mm,
            "score": row.score,
        }
        for number, row in enumerate(result.candidates, 1)
    )
    return Table(
        "candidates",
        f"{result.scan.name}: where a nodule might be",
        (
            Column("number", "number"),
            Column("lps", "LPS, mm"),
            Column("voxel", "voxel [z, y, x]"),
            Column("diameter", "diameter", "mm", digits=0),
            Column("score", "score", "HU", digits=0),
        ),
        rows,
    )


def coverage_table(result: CandidatesResult) -> Table:
    """What part of the lung an optimisation around candidates would cover."""
    return Table(
        "coverage",
        "The lung that cubes of 32 mm around them cover",
        (Column("limit", "of the lung, by the first"), Column("part", "covered", "%", digits=0)),
        tuple({"limit": int(n), "part": 100 * part} for n, part in result.covered.items()),
    )


def known_table(result: CandidatesResult) -> Table:
    """Which of the nodules that a list tells are named."""
    return Table(
        "known",
        "Known nodules",
        (
            Column("voxel", "voxel [z, y, x]"),
            Column("diameter", "diameter", "mm", digits=1),
            Column("number", "named as number"),
        ),
        tuple(
            {
                "voxel": ", ".join(f"{v:.0f}" for v in hit.voxel),
                "diameter": hit.diameter_mm,
                "number": "not named" if hit.number is None else hit.number,
            }
            for hit in result.known
        ),
    )


def recall_table(result: CandidatesResult) -> Table:
    """Which planted nodules are named."""
    return Table(
        "recall",
        "Planted nodules that the best so many candidates name",
        (
            Column("nodules", "nodules"),
            Column("n", "n"),
            *(Column(str(limit), str(limit), "%", digits=0) for limit in LIMITS),
        ),
        tuple(_recall_rows(result)),
    )


def _recall_rows(result: CandidatesResult) -> Iterator[dict[str, str | float]]:
    for row in result.recall:
        parts = {limit: 100 * part for limit, part in row.recall.items()}
        yield {"nodules": row.nodules, "n": row.n, **parts}
