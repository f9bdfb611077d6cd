"""What checking a seal found: the verdict, and every difference by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mitsgan.errors import counted
from mitsgan.files.dicom.content import describe
from mitsgan.files.dicom.frames import Frame
from mitsgan.seal.content_report import ContentEntry, content_entry, content_lines
from mitsgan.seal.digest import Box

if TYPE_CHECKING:
    from mitsgan.seal.sketch.judge import ContentReport

SealVerdict = Literal["intact", "processed", "tampered", "unknown"]
Kind = Literal["signature", "attribute", "pixels", "moved", "missing", "extra", "unreadable"]

_MOST_LINES = 20
"""Regions, and differences, that are told one by one."""


@dataclass(frozen=True)
class FindingEntry:
    """A `Finding` for machines; boxes are ``[top, bottom, left, right]``, ends exclusive."""

    kind: Kind
    text: str
    slices: tuple[int, ...]
    attribute: str
    boxes: tuple[tuple[int, int, int, int], ...]
    explained: bool


@dataclass(frozen=True)
class SignerEntry:
    """Who signed: as the certificate claims, whether that is trusted, and why."""

    fingerprint: str
    certificate: str
    algorithm: str
    trusted: bool
    reason: str | None


@dataclass(frozen=True)
class SealEntry:
    """A `SealReport` for machines."""

    verdict: SealVerdict
    signer: SignerEntry
    created: str
    slices: int
    blocks: int
    findings: tuple[FindingEntry, ...]
    notes: tuple[str, ...]
    content: ContentEntry | None = None

    @property
    def is_processed(self) -> bool:
        """See `SealReport`."""
        return self.content is None or self.content.verdict == "processed"

    def summary(self) -> str:
        """The verdict in a sentence."""
        return _sentence(self.verdict, self.slices, self.signer.reason, self.findings, self.content)


@dataclass(frozen=True)
class Finding:
    """One difference between the scan and its seal.

    Attributes:
        kind: ``signature``: the seal itself was changed. ``attribute``: a header field differs.
            ``pixels``: blocks of a slice differ. ``moved``: a slice holds the pixels of another.
            ``missing``, ``extra``: a slice is not there, or should not be. ``unreadable``: its
            pixels cannot be read.
        text: the finding in one sentence.
        slices: numbers of the sealed slices concerned, from 0, z ascending.
        attribute: the DICOM keyword, for ``attribute``.
        boxes: the blocks that differ, for ``pixels``.
        removed: whether the attribute is not there any more, for ``attribute``.
        explained: whether processing explains it, if the scan shows what was sealed: where a
            sketch tells that it does not, that decides.
        frame: where the pixels are that differ, for ``pixels`` and ``moved`` of DICOM.
    """

    kind: Kind
    text: str
    slices: tuple[int, ...] = ()
    attribute: str = ""
    boxes: tuple[Box, ...] = ()
    removed: bool = False
    explained: bool = False
    frame: Frame | None = None

    def entry(self) -> FindingEntry:
        """For results."""
        boxes = tuple((box.top, box.bottom, box.left, box.right) for box in self.boxes)
        return FindingEntry(
            self.kind, self.text, self.slices, self.attribute, boxes, self.explained
        )


@dataclass(frozen=True)
class SealReport:
    """The answer of `mitsgan.seal.seal.verify_seal`.

    Attributes:
        verdict: ``intact``: bit for bit as it was signed, and a signer who is trusted vouches for
            it. ``processed``: not bit for bit, but it shows what was signed, and nothing differs
            that processing does not explain. ``tampered``: something else differs, or the
            signature is wrong. ``unknown``: nobody who is trusted vouches for it, or too little is
            left to tell.
        findings: all differences, those that processing explains included.
        content: what the sketch tells; None without one, and where it was not needed.
        trusted: why the signer is trusted; None if not.
        fingerprint: ``SHA256:`` and the digest of the signer's public key.
        signer: the subject of the signer's certificate as it claims to be; empty for a bare key.
        algorithm: of the signature.
        created: when, by the signer's own clock, ISO 8601 in UTC.
        slices, blocks: how many were sealed.
        notes: what else a reader should know.
        examined: the slices that were compared, of DICOM.
    """

    verdict: SealVerdict
    findings: tuple[Finding, ...]
    content: ContentReport | None
    trusted: str | None
    fingerprint: str
    signer: str
    algorithm: str
    created: str
    slices: int
    blocks: int
    notes: tuple[str, ...] = ()
    examined: tuple[Frame, ...] = ()

    def entry(self) -> SealEntry:
        """For results."""
        return SealEntry(
            verdict=self.verdict,
            signer=SignerEntry(
                fingerprint=self.fingerprint,
                certificate=self.signer,
                algorithm=self.algorithm,
                trusted=self.trusted is not None,
                reason=self.trusted,
            ),
            created=self.created,
            slices=self.slices,
            blocks=self.blocks,
            findings=tuple(finding.entry() for finding in self.findings),
            notes=self.notes,
            content=None if self.content is None else content_entry(self.content),
        )

    def lines(self) -> list[str]:
        """For people: the verdict, who signed, what the sketch tells, and the first findings."""
        who = (
            f'"{self.signer}", key {self.fingerprint}' if self.signer else f"key {self.fingerprint}"
        )
        shown = [f"seal: {self.verdict}. {self.summary()}", f"  signed {self.created} by {who}"]
        if self.content is not None:
            shown += content_lines(self.content, _MOST_LINES)
        unexplained = [finding for finding in self.findings if not finding.explained]
        shown += [f"  {finding.text}" for finding in unexplained[:_MOST_LINES]]
        if len(unexplained) > _MOST_LINES:
            shown.append(f"  and {len(unexplained) - _MOST_LINES} more differences")
        explained = [finding for finding in self.findings if finding.explained]
        missing = [z for finding in explained if finding.kind == "missing" for z in finding.slices]
        if missing:
            shown.append(f"  not there, of {self.slices} sealed slices: {_ranges(missing)}")
        explained = [finding for finding in explained if finding.kind != "missing"]
        if explained:
            what = "explained by processing" if self.is_processed else "left to what it shows"
            shown.append(f"  {what}: {_kinds(explained)}")
        return shown + [f"  note: {note}" for note in self.notes]

    @property
    def is_processed(self) -> bool:
        """Whether processing explains all that it may explain: unless what a scan shows says no."""
        return self.content is None or self.content.verdict == "processed"

    def summary(self) -> str:
        """The verdict in a sentence."""
        return _sentence(self.verdict, self.slices, self.trusted, self.findings, self.content)


def _sentence(
    verdict: SealVerdict,
    slices: int,
    trusted: str | None,
    findings: Sequence[Finding | FindingEntry],
    content: ContentReport | ContentEntry | None,
) -> str:
    """A verdict in a sentence; ``trusted`` is why the signer is."""
    if verdict == "intact":
        which = "The slice is as it was" if slices == 1 else f"All {slices} slices are as they were"
        return f"{which} signed, and {trusted}"
    if verdict == "processed":
        what = "what is left of it" if content and content.missing else "it"
        return f"Not bit for bit what was signed, but {what} shows the same; {trusted}"
    if verdict == "tampered":
        count = sum(not finding.explained for finding in findings)
        if count == 0:  # what it shows says what differs
            return "Not bit for bit what was signed"
        return "1 difference" if count == 1 else f"{count} differences"
    if content is not None and content.verdict == "unknown":
        return f"What it shows cannot be told: {content.reason}"
    what = "shows what was" if findings or content is not None else "is as"
    return f"It {what} signed, but by whom is not established: anybody can sign a scan anew"


def _kinds(findings: Sequence[Finding]) -> str:
    """What differs, kind by kind, with how many slices it concerns."""
    slices_by_kind: dict[str, set[int]] = {}
    for finding in findings:
        name = describe(finding.attribute) if finding.kind == "attribute" else finding.kind
        name += " taken out" if finding.removed else ""
        slices_by_kind.setdefault(name, set()).update(finding.slices)
    return ", ".join(
        f"{name} ({counted(len(slices), 'slice')})" for name, slices in slices_by_kind.items()
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, those that follow one another as ``first-last``."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
