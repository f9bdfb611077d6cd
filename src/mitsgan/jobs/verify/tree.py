"""Verify all scans of a folder tree; one that cannot be read does not stop the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mitsgan import __version__
from mitsgan.atomic import check_target
from mitsgan.errors import MitsganError, SettingsError, plain
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.findings.extra import require_findings
from mitsgan.files.io import is_readable_image
from mitsgan.jobs.outputs import check_file, write_text
from mitsgan.jobs.tree import NO_ROOM, TreeScan, find_scans
from mitsgan.jobs.verify.result import Verification
from mitsgan.jobs.verify.seals import Seals, scan_of, without_scan_text
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import FindingsError, verify_file
from mitsgan.progress import Progress, silent
from mitsgan.result import Result

if TYPE_CHECKING:
    from mitsgan.evaluate.report.content import Report
    from mitsgan.evaluate.report.table import Table

TreeVerdict = Literal["tampered", "error", "unknown", "processed", "intact"]

WORST: tuple[TreeVerdict, ...] = ("tampered", "error", "unknown", "processed", "intact")
"""The verdict of a tree is the first of these that a scan in it has."""


@dataclass(frozen=True)
class TreeEntry:
    """One scan of the tree.

    Attributes:
        scan: below the tree.
        series: its *Series Instance UID*; empty where there is none.
        verdict: ``error`` where it could not be verified.
        reason: why, in a sentence.
        regions: how many were flagged; None where none were looked for.
        seal: the name of its seal; empty without one.
        verification: everything; None after an error, and where there is no seal of it.
    """

    scan: str
    series: str
    verdict: TreeVerdict
    reason: str
    regions: int | None = None
    seal: str = ""
    verification: Verification | None = None


@dataclass(frozen=True, kw_only=True)
class TreeVerification(Result):
    """What verifying a tree came to.

    Attributes:
        source: the tree, as it was given.
        verdict: the worst, see `WORST`.
        counts: how many scans have each verdict.
        scans: one by one; one that is gone from the tree, where its seal still is, too.
        seals_without_scan: how many seals are of no scan that is there.
        summary: the same as a table, as tables of reports become JSON.
    """

    KIND: ClassVar[str] = "verification of a tree"

    version: str = __version__
    source: str
    verdict: TreeVerdict
    counts: dict[str, int]
    scans: tuple[TreeEntry, ...]
    notes: tuple[str, ...] = ()
    seals_without_scan: int = 0
    summary: dict[str, Any] = field(default_factory=dict)


def verify_tree(settings: VerifyFile, *, progress: Progress = silent) -> TreeVerification:
    """Verify all scans of a folder tree.

    Args:
        settings: as for one scan; ``scan`` is the tree. ``seal`` may be a folder, in which the seal
            of each scan is looked for. Findings go to a folder each in ``dicom_out``.
        progress: told how far it is.

    Raises:
        SettingsError: a setting that is of one scan only, or no seal at all.
        ScanError: no folder, or no scan in it.
        OutputError: findings are there already, or cannot be written.
        MitsganError: the key or the trusted certificates cannot be read.
    """
    settings.check_scan()
    _check(settings)
    if settings.html is not None:
        check_file(settings.html, settings.overwrite, "html", source=settings.scan)
    scans = find_scans(settings.scan)
    seals = None if settings.seal is None else Seals(settings.seal)
    folders = _folders(settings, scans)
    for folder in folders:  # hours of work are not to end in findings that are there already
        if folder is not None:
            check_target(folder, settings.overwrite, folder=True, source=settings.scan)
    entries = []
    for number, (scan, folder) in enumerate(zip(scans, folders, strict=True)):
        progress("verifying the tree", number, len(scans), scan.name)
        entries.append(_entry(settings, scan, seals, folder))
    progress("verifying the tree", len(scans), len(scans))
    left = [] if seals is None else seals.without_scan
    tree = settings.scan.resolve()
    entries += [_gone(tree, file) for file in map(Path.resolve, left) if tree in file.parents]
    verdict = next(word for word in WORST if any(entry.verdict == word for entry in entries))
    result = TreeVerification(
        source=str(settings.scan),
        verdict=verdict,
        counts={word: sum(entry.verdict == word for entry in entries) for word in WORST},
        scans=tuple(entries),
        notes=(
            *(() if seals is None else _notes(seals, left)),
            *_renamed(scans, folders),
        ),
        seals_without_scan=len(left),
        summary=summary_table(entries).to_json(),
    )
    if settings.html is not None:
        from mitsgan.evaluate.report.html.page import html_report  # draws: slow to import

        report = tree_report(result, settings.command(recursive=True))
        write_text(settings.html, html_report(report), overwrite=settings.overwrite)
    return result


def tree_report(result: TreeVerification, command: str = "") -> Report:
    """The report of a tree: the worst verdict, the counts, every scan.

    Args:
        result: of verifying it.
        command: what makes it again; by default without what it was verified by.
    """
    from mitsgan.evaluate.report.command_line import command_line
    from mitsgan.evaluate.report.content import Headline, Report

    return Report(
        title=f"Verification of {Path(result.source).name}",
        version=result.version,
        lead=f"{result.verdict.upper()} is the worst verdict: {counts_text(result)}.",
        command=command or command_line("verify", Path(result.source).name, recursive=True),
        config="",
        provenance={},
        headline=tuple(Headline(w, n, _scans(n)) for w, n in result.counts.items()),
        tables=(summary_table(result.scans),),
        limits=("The page of one scan shows its regions, with pictures: verify it alone for one.",),
        gaps=result.notes,
        verdict=result.verdict,
    )


def summary_table(entries: Sequence[TreeEntry]) -> Table:
    """All scans, a row each, the worst verdicts first."""
    from mitsgan.evaluate.report.table import Column, Table

    entries = sorted(entries, key=lambda entry: WORST.index(entry.verdict))
    worst = [n for n, entry in enumerate(entries) if entry.verdict in ("tampered", "error")]
    return Table(
        id="verified",
        title=f"{len(entries)} {_scans(len(entries))}",
        columns=(
            Column("scan", "scan"),
            Column("verdict", "verdict"),
            Column("regions", "regions", digits=0),
            Column("reason", "why"),
        ),
        rows=tuple(
            {
                "scan": entry.scan,
                "verdict": entry.verdict,
                "regions": entry.regions,
                "reason": entry.reason,
            }
            for entry in entries
        ),
        strong=tuple(worst),
    )


def counts_text(result: TreeVerification) -> str:
    """How many scans have each verdict, and what else a line that stands alone has to tell."""
    counts = [f"{count} {word}" for word, count in result.counts.items() if count]
    left = result.seals_without_scan
    return ", ".join(counts) + (f"; {without_scan_text(left)}" if left else "")


def _notes(seals: Seals, left: Sequence[Path]) -> tuple[str, ...]:
    listed = ", ".join(plain(str(file)) for file in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    without = [f"{without_scan_text(len(left))}: {listed}{more}"] if left else []
    return (*seals.unreadable.values(), *without)


def _gone(tree: Path, seal: Path) -> TreeEntry:
    """A scan that is in the tree no more, where its seal is."""
    name = plain(scan_of(seal).relative_to(tree).as_posix())
    reason = "its seal is here, it is not: it was taken away, or is called otherwise"
    return TreeEntry(name, "", "unknown", reason, seal=seal.name)


def _scans(count: int) -> str:
    return "scan" if count == 1 else "scans"


def _check(settings: VerifyFile) -> None:
    of_one = {
        "map": settings.map is not None,
        "identity": settings.identity is not None,
        "series": settings.series is not None,
        "select": bool(settings.select),
    }
    given = [f"`{name}`" for name, is_given in of_one.items() if is_given]
    if given:
        raise SettingsError(f"{' and '.join(given)} is of one scan; leave it out with `recursive`")
    if settings.dicom_out is not None:
        require_findings()
        check_target(settings.dicom_out, overwrite=True, source=settings.scan, anything=True)
    # What is of no use for any scan is told once, not scan by scan.
    if settings.key is not None:
        from mitsgan.mark import Key

        Key.load(settings.key)
    if settings.trust is not None:
        from mitsgan.seal.trust import Trust

        Trust.load(settings.trust)


def _entry(
    settings: VerifyFile, scan: TreeScan, seals: Seals | None, findings: Path | None
) -> TreeEntry:
    """One scan; what goes wrong with it is its reason."""
    verdict: TreeVerdict
    try:
        seal = None if seals is None else seals.of(scan)
        if seal is None and settings.key is None:
            if not scan.series and scan.path.is_dir():
                read_headers(scan.path)  # says what is wrong with a folder without a whole header
            return TreeEntry(scan.name, scan.series, "unknown", "there is no seal of it")
        verified = verify_file(_of_one(settings, scan, seal, findings))
        verdict, reason = verified.verdict, verified.reason
    except FindingsError as error:
        verified = error.verified
        verdict = "tampered" if verified.verdict == "tampered" else "error"
        reason = f"{verified.reason}; findings were not written: {error.__cause__}"
    except (MitsganError, OSError) as error:
        return TreeEntry(scan.name, scan.series, "error", " ".join(str(error).split()))
    except MemoryError:
        return TreeEntry(scan.name, scan.series, "error", NO_ROOM)
    result = verified.result
    missing = "; there is no seal of it" if seals is not None and seal is None else ""
    return TreeEntry(
        scan=scan.name,
        series=scan.series,
        verdict=verdict,
        reason=f"{reason}{missing}",
        regions=verified.flagged,
        seal="" if seal is None else seal.name,
        verification=result,
    )


def _folders(settings: VerifyFile, scans: Sequence[TreeScan]) -> list[Path | None]:
    """Where the findings of each scan go: no two in one folder, also on disks for which large and
    small letters are the same."""
    folders: list[Path | None] = []
    taken: set[str] = set()
    for scan in scans:
        if settings.dicom_out is None or is_readable_image(scan.path):
            folders.append(None)
            continue
        name = flat = _flat(scan.name if scan.name != "." else settings.scan.absolute().name)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{flat}_{number}"
        taken.add(name.casefold())
        folders.append(settings.dicom_out / name)
    return folders


def _flat(name: str) -> str:
    return name.replace("/", "_").replace(" ", "_")


def _renamed(scans: Sequence[TreeScan], folders: Sequence[Path | None]) -> Iterator[str]:
    """Which findings are not where the name of their scan says."""
    for scan, folder in zip(scans, folders, strict=True):
        if folder is not None and scan.name != "." and folder.name != _flat(scan.name):
            yield f"the findings of {scan.name} are in {folder.name}: another scan has its name"


def _of_one(
    settings: VerifyFile, scan: TreeScan, seal: Path | None, findings: Path | None
) -> VerifyFile:
    return replace(
        settings,
        scan=scan.path,
        series=scan.series or None,
        seal=seal,
        trust=None if seal is None else settings.trust,
        dicom_out=findings,
        html=None,
    )
