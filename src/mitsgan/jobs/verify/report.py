"""A verification as a report: the verdict, who vouches, every region, what it does not show."""

from __future__ import annotations

from mitsgan.evaluate.report.content import Headline, Report
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.jobs.entries import Vector
from mitsgan.jobs.verify.result import Verification

_LIMITS = (
    "A mark that is whole says that nothing was repainted that a mark is lost by; what it finds, "
    "and how often it is wrong, docs/detection.md tells.",
    "A seal says what differs from what was signed. Who is trusted, whoever verifies decides.",
)
_PLACE = (
    Column("x", "left (LPS)", "mm", digits=1),
    Column("y", "back (LPS)", "mm", digits=1),
    Column("z", "head (LPS)", "mm", digits=1),
)


def verification_report(result: Verification, reason: str, name: str) -> Report:
    """The report of a verification.

    Args:
        result: of it.
        reason: for its verdict, in a sentence.
        name: of the scan, for people.
    """
    tables = (*_of_mark(result), *_of_content(result), *_of_seal(result))
    return Report(
        title=f"Verification of {name}",
        version=result.version,
        lead=f"{result.verdict.upper()}: {reason}",
        command=f"mitsgan verify {name}",
        config=result.to_json(),
        provenance={},
        headline=_headline(result),
        tables=tables,
        limits=_LIMITS,
        gaps=() if result.mark_not_verified is None else (result.mark_not_verified,),
    )


def _headline(result: Verification) -> tuple[Headline, ...]:
    lines = []
    if result.mark is not None:
        share = 100 * result.mark.verified_share_of_body
        lines.append(Headline("mark found in", share, "% of the body"))
        lines.append(Headline("mark, over chance", result.mark.z_score, "standard deviations"))
        lines.append(Headline("regions without it", len(result.regions or ())))
    if result.seal is not None:
        lines.append(Headline("differences from the seal", len(result.seal.findings)))
        if result.seal.content is not None:
            count = len(result.seal.content.regions)
            lines.append(Headline("regions that show something else", count))
    return tuple(lines)


def _of_mark(result: Verification) -> list[Table]:
    rows = tuple(
        {**_place(r.centre_lps_mm), "score": r.z_score, "voxels": r.voxels}
        for r in result.regions or ()
    )
    columns = (*_PLACE, Column("score", "standard deviations"), Column("voxels", "voxels"))
    return [Table("mark", "Where the mark is missing", columns, rows)] if rows else []


def _of_content(result: Verification) -> list[Table]:
    if result.seal is None or result.seal.content is None or not result.seal.content.regions:
        return []
    columns = (
        *_PLACE,
        Column("volume", "volume", "ml"),
        Column("sealed", "core when sealed", "HU", digits=0),
        Column("now", "core now", "HU", digits=0),
        Column("difference", "beyond processing", "HU", digits=0, signed=True),
    )
    rows = tuple(
        {
            **_place(r.centre_lps_mm),
            "volume": r.volume_ml,
            "sealed": r.sealed_hu,
            "now": r.found_hu,
            "difference": r.difference_hu,
        }
        for r in result.seal.content.regions
    )
    return [Table("sketch", "Where it shows something else than was sealed", columns, rows)]


def _of_seal(result: Verification) -> list[Table]:
    if result.seal is None or not result.seal.findings:
        return []
    columns = (
        Column("what", "what differs"),
        Column("slices", "slices"),
        Column("explained", "processing explains it"),
    )
    rows = tuple(
        {
            "what": finding.text,
            "slices": len(finding.slices),
            "explained": "yes" if finding.explained else "no",
        }
        for finding in result.seal.findings
    )
    return [Table("seal", "What differs from the seal", columns, rows)]


def _place(centre: Vector) -> dict[str, Cell]:
    x, y, z = centre
    return {"x": x, "y": y, "z": z}
