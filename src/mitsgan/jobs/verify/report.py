"""A verification as a report: the verdict, who vouches, every region, what it does not show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf

from mitsgan.errors import counted
from mitsgan.evaluate.report.command_line import command_line
from mitsgan.evaluate.report.content import Headline, Report
from mitsgan.evaluate.report.formatting import Cell, millimetres
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.jobs.verify.result import RegionEntry, UnlikeEntry, Verification
from mitsgan.seal.content_report import ContentRegionEntry
from mitsgan.seal.report import FindingEntry
from mitsgan.seal.sketch.words import tells_visible

_LIMITS = (
    "An unbroken mark says that nothing was repainted in a way that the mark can show; "
    "docs/detection.md says what it finds, and how often it is wrong.",
    "A seal says what differs from what was signed. Whom to trust is for the reader to decide.",
)
_PLACE = (
    Column("x", "left (LPS)", "mm", digits=1),
    Column("y", "back (LPS)", "mm", digits=1),
    Column("z", "head (LPS)", "mm", digits=1),
)
_BOX = tuple(Column(name, name) for name in ("slices", "rows", "columns"))
_WHERE = (*_BOX, *_PLACE)
_COUNTED = "Slices, rows and columns count from 0; many viewers count slices from 1."


def verification_report(
    result: Verification, name: str, command: str = "", gaps: tuple[str, ...] = ()
) -> Report:
    """The report of a verification.

    Args:
        result: of it.
        name: of the scan, for people.
        command: what makes it again; by default with placeholders for key, seal and whom to trust.
        gaps: what else could not be done, in sentences.
    """
    of_mark = (*_of_mark(result), *_unlike(result))
    tables = (*_signer(result), *of_mark, *_of_content(result), *_of_seal(result))
    return Report(
        title=f"Verification of {name}",
        version=result.version,
        lead=result.lead,
        command=command or _command(result, name),
        config=replace(result, source=name).to_json(),
        provenance={},
        headline=_headline(result),
        tables=tables,
        limits=_LIMITS,
        gaps=(*_unchecked(result), *gaps),
        gaps_title="What could not be checked, and notes",
        verdict=result.verdict,
    )


def _command(result: Verification, name: str) -> str:
    """What makes it again, but for what files were called."""
    mark, seal = result.mark, result.seal
    return command_line(
        "verify",
        name,
        key=None if mark is None else "KEYFILE",
        seal=None if seal is None else "FILE.seal.json",
        trust="PEM" if seal is not None and seal.signer.trusted else None,
    )


def _unchecked(result: Verification) -> Iterator[str]:
    """What could not be checked, in sentences."""
    if result.mark is None:
        why = result.mark_not_verified or "no key was given"
        yield f"The mark was not looked for: {why}."
    elif (unchecked := 100 * (1 - result.mark.verified_share_of_body)) >= 1:
        yield f"The mark: {unchecked:.0f} % of the body could not be checked for repainting."
    unlike = result.unlike or ()
    if len(unlike) == 1:
        at = f"{millimetres(unlike[0].centre_lps_mm)} mm (LPS)"
        yield f"The mark at {at}: what is there cannot be checked, as it is unlike what is around."
    elif unlike:
        yield (
            f"The mark at {len(unlike)} places, which a table below lists: what is there cannot be "
            "checked, as it is unlike what is around."
        )
    if result.seal is None:
        yield "No seal was given: single bits, header fields and who vouches were not checked."
    elif not result.seal.signer.trusted:
        yield "Who signed: nobody who is trusted vouches for the signer."
    if result.seal is not None:
        yield from (f"The seal: {note}." for note in result.seal.notes)
    content = None if result.seal is None else result.seal.content
    if content is not None:
        unjudged = 100 * (1 - content.judged_share_of_patient)
        if unjudged >= 1:
            yield f"The sketch: {unjudged:.0f} % of the patient could not be judged."
        high, low = content.visible_hu or (inf, inf)
        if tells_visible(high, len(content.regions)):
            yield (
                f"The sketch: a change over a few millimetres shows from {low:.0f} HU on in most "
                f"places, from {high:.0f} HU on in 95 % of them."
            )
        yield from (f"Missing: {text}." for text in content.missing)
    yield from (f"Missing: {end}." for end in result.missing_ends or ())
    yield from result.notes


def _signer(result: Verification) -> list[Table]:
    """Who vouches, and since when."""
    if result.seal is None:
        return []
    seal, signer = result.seal, result.seal.signer
    trust = signer.reason or "nobody who is trusted vouches for the signer"
    rows = (
        ("trusted", f"{'yes' if signer.trusted else 'NO'}: {trust}"),
        ("signed", f"{seal.created}, by the clock of the signer"),
        ("certificate, as it claims", signer.certificate or "none: a bare key"),
        ("key", signer.fingerprint),
        ("algorithm", signer.algorithm),
        ("sealed", f"{counted(seal.slices, 'slice')} in {counted(seal.blocks, 'block')}"),
    )
    columns = (Column("what", "what"), Column("value", "value"))
    table_rows = tuple({"what": what, "value": value} for what, value in rows)
    return [Table("signer", "Who signed", columns, table_rows)]


def _headline(result: Verification) -> tuple[Headline, ...]:
    lines = []
    if result.mark is not None:
        share = 100 * result.mark.verified_share_of_body
        lines.append(Headline("Checked by the mark", share, "% of the body"))
        lines.append(Headline("The mark, over chance", result.mark.z_score, "standard deviations"))
        if share > 0:  # where nothing could be checked, none is no good news
            lines.append(Headline("Regions without the mark", len(result.regions or ())))
    if result.seal is not None:
        trusted = "trusted" if result.seal.signer.trusted else "NOT trusted"
        lines.append(Headline("The signer is", trusted, note=result.seal.signer.certificate))
        explained = [finding for finding in result.seal.findings if finding.explained]
        count = len(result.seal.findings) - len(explained)
        gone = sum(finding.kind == "missing" for finding in explained)
        others = len(explained) - gone
        note = f"And {others} that processing explains." if others else ""
        if not result.seal.is_processed:
            count += others
            note = f"{others} of them are left to what it shows." if others else ""
        note += f" Not there of what was sealed: {counted(gone, 'slice')}." if gone else ""
        content = result.seal.content
        if content is None or result.seal.findings:  # else nothing was compared bit for bit
            lines.append(Headline("Differences from the seal", count, note=note.strip()))
        # Where all of it differs, or nothing can be told, no region is no good news.
        if content is not None and (content.regions or content.verdict == "processed"):
            lines.append(Headline("Regions that show something else", len(content.regions)))
    return tuple(lines)


def _of_mark(result: Verification) -> list[Table]:
    rows = tuple(
        {**_where(r), "score": r.z_score, "voxels": r.voxels} for r in result.regions or ()
    )
    columns = (*_WHERE, Column("score", "standard deviations"), Column("voxels", "voxels"))
    title = "Where the mark is missing"
    return [Table("mark", title, columns, rows, _COUNTED)] if rows else []


def _unlike(result: Verification) -> list[Table]:
    rows = tuple(
        {**_where(p), "grain": p.grain_over_surroundings, "voxels": p.voxels}
        for p in result.unlike or ()
    )
    grain = Column("grain", "grain over that around", digits=1)
    columns = (*_WHERE, grain, Column("voxels", "voxels"))
    title = "Where the mark cannot be checked"
    return [Table("unlike", title, columns, rows, _COUNTED)] if rows else []


def _of_content(result: Verification) -> list[Table]:
    if result.seal is None or result.seal.content is None or not result.seal.content.regions:
        return []
    columns = (
        *_WHERE,
        Column("volume", "volume", "ml"),
        Column("sealed", "core when sealed", "HU", digits=0),
        Column("now", "core now", "HU", digits=0),
        Column("difference", "beyond processing", "HU", digits=0, signed=True),
    )
    rows = tuple(
        {
            **_where(r),
            "volume": r.volume_ml,
            "sealed": r.sealed_hu,
            "now": r.found_hu,
            "difference": r.difference_hu,
        }
        for r in result.seal.content.regions
    )
    title = "Where it shows something else than was sealed"
    return [Table("sketch", title, columns, rows, _COUNTED)]


def _of_seal(result: Verification) -> list[Table]:
    if result.seal is None or not result.seal.findings:
        return []
    columns = (
        Column("what", "what differs"),
        Column("slices", "slices"),
        Column("explained", "processing explains it"),
    )
    decided = "yes" if result.seal.is_processed else "what it shows decides"
    rows: tuple[dict[str, Cell], ...] = tuple(
        {
            "what": finding.text,
            "slices": len(finding.slices),
            "explained": _explained(finding, decided),
        }
        for finding in result.seal.findings
    )
    return [Table("seal", "What differs from the seal", columns, rows)]


def _explained(finding: FindingEntry, decided: str) -> str:
    """What was left out, processing does not explain: it is only not held against what is left."""
    if finding.kind == "missing" and finding.explained:
        return "not there"
    return decided if finding.explained else "no"


def _where(box: RegionEntry | UnlikeEntry | ContentRegionEntry) -> dict[str, Cell]:
    """Where a box lies, in the file, where a viewer finds it, and in the patient."""
    spans = zip(box.start_voxel, box.stop_voxel, strict=True)
    slices, rows, columns = (f"{start}-{stop - 1}" for start, stop in spans)
    x, y, z = box.centre_lps_mm
    return {"slices": slices, "rows": rows, "columns": columns, "x": x, "y": y, "z": z}
