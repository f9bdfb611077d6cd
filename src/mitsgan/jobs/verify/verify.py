"""Verify a scan by its mark, its seal or both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitsgan.atomic import check_target
from mitsgan.errors import MitsganError, OutputError, ScanError, SettingsError
from mitsgan.files import read_scan
from mitsgan.jobs.entries import Grid, rounded
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.protect.protected import Protected
from mitsgan.jobs.restore.kept import kept_note
from mitsgan.jobs.shared import AnyPath, check_exists, optional_path
from mitsgan.jobs.verify.findings import check_findings, examined_frames, findings_of
from mitsgan.jobs.verify.mark import mark_entries, write_map
from mitsgan.jobs.verify.result import Verdict, Verification
from mitsgan.jobs.verify.settings import FALSE_ALARMS, VerifyFile
from mitsgan.mark import Detection, Key, detect, series_identity
from mitsgan.progress import Phases, Progress, silent
from mitsgan.reading import Reading
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.settings import within

if TYPE_CHECKING:
    from mitsgan.files.dicom.findings.write import WrittenFindings
    from mitsgan.seal.report import SealReport


class FindingsError(ScanError):
    """A scan was verified, but its findings not written; see `Verified` for what was found."""

    def __init__(self, verified: Verified, error: MitsganError) -> None:
        super().__init__(f"{error}. What was verified all the same: {verified.result.lead}")
        self.verified = verified


_WORST: tuple[Verdict, ...] = ("tampered", "unknown", "processed", "intact")


@dataclass(frozen=True, eq=False)
class Verified:
    """A verification, with all that mark and seal say.

    Attributes:
        result: in numbers, to be written as JSON.
        detection: of the mark, if it was looked for: regions, slices, and the probability of
            every voxel that it was repainted; in canonical order (`mitsgan.scan.canonical`).
        seal: what differs from the seal, if there is one.
        findings: what was written as DICOM, if that was asked for.
    """

    result: Verification
    detection: Detection | None = None
    seal: SealReport | None = None
    findings: WrittenFindings | None = None

    @property
    def verdict(self) -> Verdict:
        """``intact``, ``tampered`` or ``unknown``; of mark and seal the worse one."""
        return self.result.verdict

    @property
    def reason(self) -> str:
        """Why, in a sentence: of the seal where there is one, else of the mark."""
        return self.result.why

    @property
    def flagged(self) -> int | None:
        """How many regions mark and sketch flagged; None where neither was asked."""
        content = None if self.seal is None else self.seal.content
        counts = [
            len(detected.regions) for detected in (self.detection, content) if detected is not None
        ]
        return sum(counts) if counts else None


def verify(
    scan: Scan | Protected | AnyPath,
    *,
    key: Key | AnyPath | None = None,
    seal: AnyPath | None = None,
    trust: AnyPath | None = None,
    identity: str | None = None,
    false_alarms: float = FALSE_ALARMS,
    series: str | None = None,
    progress: Progress = silent,
) -> Verified:
    """Has a scan been tampered with, and where? No original is needed.

    Args:
        scan: in memory, or a folder with a DICOM series, a DICOM file or an image.
        key: that it was marked with, or its file: look for the mark.
        seal: the file of its seal: name every difference. Needs a scan on disk.
        trust: whom to believe a seal: PEM with certificates or a public key.
        identity: of the series, where it was given a name when it was marked.
        false_alarms: how often an untouched scan may be called tampered, per scan.
        series: the *Series Instance UID* to read, where a folder holds several.
        progress: told how far it is.

    Raises:
        SettingsError: settings that make no sense, alone or together.
        MarkKeyError, SealError, SignatureError: key, seal or certificates cannot be read.
        ScanError: the scan cannot be read.
        IdentityError: the header does not tell which series it is.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import chest
        >>> key = mg.Key.generate()
        >>> protected = mg.protect(chest((16, 64, 64), (6.0, 5.6, 5.6)), key=key, device="cpu")
        >>> mg.verify(protected, key=mg.Key.generate()).verdict
        'unknown'
    """
    if key is None and seal is None:
        raise SettingsError("name what to verify by: `key` for the mark, `seal` for the seal")
    if trust is not None and seal is None:
        raise SettingsError("`trust` says whom to believe a seal; give `seal` too")
    within("false_alarms", false_alarms, 1e-9, 0.5)
    wanted = _Wanted(optional_path(seal), optional_path(trust), identity, false_alarms)
    return _verify(_Subject(scan, Reading(series=series)), key, wanted, Phases(progress))


def verify_file(settings: VerifyFile, *, progress: Progress = silent) -> Verified:
    """As `verify`, of a scan on disk; writes the map and the findings if they are asked for.

    Raises:
        FindingsError: the headers of the scan do not suffice for findings, or these cannot be
            written.
        OutputError: an output exists, or the map or the page cannot be written there.
        MissingExtraError: findings are asked for, and highdicom is not installed.
        MitsganError: see `verify`.
    """
    settings.check_scan()
    for name in ("map", "html"):
        path = getattr(settings, name)
        if path is not None:
            check_file(path, settings.overwrite, name, source=settings.scan)
    if settings.dicom_out is not None:
        check_findings(settings.scan)
        check_target(settings.dicom_out, settings.overwrite, folder=True, source=settings.scan)
    subject = _Subject(settings.scan, settings)
    wanted = _Wanted(settings.seal, settings.trust, settings.identity, settings.false_alarms)
    phases = Phases(progress)
    verified = _verify(subject, settings.key, wanted, phases)
    if settings.map is not None and verified.detection is not None:
        scan = subject.scan(phases)
        write_map(settings.map, verified.detection, scan, overwrite=settings.overwrite)
    if settings.html is not None:
        from mitsgan.jobs.verify.page import write_page  # draws: it takes a while to import

        write_page(settings.html, settings, verified.result, subject.scan, phases)
    if settings.dicom_out is None:
        return verified
    scan_looked_at = subject.scan(phases) if verified.detection is not None else None
    try:
        written = _write_findings(settings.dicom_out, verified, scan_looked_at, settings.overwrite)
    except (OutputError, ScanError) as error:
        # Whoever can take an attribute away, or fill a disk, must not keep the verdict from being
        # told.
        raise FindingsError(verified, error) from error
    return replace(verified, findings=written)


def _write_findings(
    folder: Path, verified: Verified, scan: Scan | None, overwrite: bool
) -> WrittenFindings:
    # highdicom is an extra, and takes long to import.
    from mitsgan.files.dicom.findings.write import write_findings

    frames = examined_frames(scan, verified.seal)
    findings = findings_of(verified.result, verified.detection, verified.seal, scan)
    return write_findings(folder, frames, findings, overwrite=overwrite)


@dataclass(frozen=True)
class _Wanted:
    """What is asked for, besides the key; see `verify`."""

    seal: Path | None
    trust: Path | None
    identity: str | None
    false_alarms: float


class _Subject:
    """The scan under test: on disk, where it is read once if it is needed, or in memory."""

    def __init__(self, scan: Scan | Protected | AnyPath, reading: Reading | None = None) -> None:
        self.path: Path | None = None
        self.reading = reading
        self._scan: Scan | None = None
        if isinstance(scan, Protected):
            self._scan = canonical(scan.scan)
        elif isinstance(scan, Scan):
            self._scan = canonical(scan)
        else:
            self.path = Path(scan)
            check_exists(self.path)

    def __str__(self) -> str:
        return "the scan" if self.path is None else str(self.path)

    def scan(self, phases: Phases) -> Scan:
        """The scan in memory.

        Raises:
            ScanError: it cannot be read.
        """
        if self._scan is None and self.path is not None:
            with phases.phase("read", f"reading {self}") as step:
                self._scan = read_scan(self.path, self.reading, progress=step)
        assert self._scan is not None  # there is a scan where there is no path
        return self._scan


def _verify(
    subject: _Subject, key: Key | AnyPath | None, wanted: _Wanted, phases: Phases
) -> Verified:
    """See `verify`."""
    secret = None if key is None else Key.of(key)
    seal = None if wanted.seal is None else _compare(subject, wanted.seal, wanted.trust, phases)
    detection, not_verified = None, None
    if secret is not None:
        try:
            detection = _detect(subject, secret, wanted, phases)
        except ScanError as error:
            # What lacks a slice is no scan to the mark; the seal has told what is wrong.
            if seal is None or seal.verdict == "intact":
                raise
            not_verified = str(error)
    result = _result(subject, detection, seal, not_verified, phases)
    return Verified(result, detection, seal)


def _detect(subject: _Subject, key: Key, wanted: _Wanted, phases: Phases) -> Detection:
    """What the mark tells."""
    scan = subject.scan(phases)
    with phases.phase("verify", f"verifying {subject}") as step:
        identity = wanted.identity or series_identity(scan)
        return detect(scan, key, identity, false_alarms=wanted.false_alarms, progress=step)


def _compare(subject: _Subject, seal: Path, trust: Path | None, phases: Phases) -> SealReport:
    """What the seal tells."""
    # All that signatures need takes longer to import than a mark to verify.
    from mitsgan.seal.trust import Trust
    from mitsgan.seal.verify import verify_seal

    if subject.path is None:
        raise SettingsError("a `seal` is of the files of a scan; give their path, not a scan")
    with phases.phase("seal", f"comparing {subject} with {seal}") as step:
        believed = None if trust is None else Trust.load(trust)
        report = verify_seal(subject.path, seal, believed, subject.reading, progress=step)
    genuine = all(finding.kind != "signature" for finding in report.findings)
    same = not report.findings and report.content is None
    kept = kept_note(subject.path, seal, same=same) if genuine else None
    return report if kept is None else replace(report, notes=(*report.notes, kept))


def _result(
    subject: _Subject,
    detection: Detection | None,
    seal: SealReport | None,
    not_verified: str | None,
    phases: Phases,
) -> Verification:
    """The result in numbers; the worse verdict is that of the scan."""
    of_mark: dict[str, Any] = {}
    verdicts: list[str] = []
    if detection is not None:
        verdicts.append(str(detection.verdict))
        scan = subject.scan(phases)
        of_mark = {**mark_entries(detection, scan), "scan": Grid.of(scan), "notes": scan.notes}
        if seal is not None:
            of_mark["mark_verdict"] = str(detection.verdict)
    if seal is not None:
        verdicts.append(seal.verdict)
    worst = next(verdict for verdict in _WORST if verdict in verdicts)
    if detection is not None and seal is not None:
        deciding = [str(detection.verdict) == worst, seal.verdict == worst]
        of_mark["decided_by"] = "both" if all(deciding) else "mark" if deciding[0] else "seal"
    return Verification(
        source=str(subject),
        verdict=worst,
        mark_not_verified=not_verified,
        seal=None if seal is None else seal.entry(),
        seconds=rounded(phases.seconds),
        **of_mark,
    )
