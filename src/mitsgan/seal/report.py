"""What checking a seal found: the verdict, and every difference by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mitsgan.seal.digest import Box

SealVerdict = Literal["intact", "tampered", "unknown"]
Kind = Literal["signature", "attribute", "pixels", "moved", "missing", "extra", "unreadable"]


@dataclass(frozen=True)
class FindingEntry:
    """A `Finding` for machines; boxes are ``[top, bottom, left, right]``, ends exclusive."""

    kind: Kind
    text: str
    slices: tuple[int, ...]
    attribute: str
    boxes: tuple[tuple[int, int, int, int], ...]


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
    """

    kind: Kind
    text: str
    slices: tuple[int, ...] = ()
    attribute: str = ""
    boxes: tuple[Box, ...] = ()

    def entry(self) -> FindingEntry:
        """For results."""
        boxes = tuple((box.top, box.bottom, box.left, box.right) for box in self.boxes)
        return FindingEntry(self.kind, self.text, self.slices, self.attribute, boxes)


@dataclass(frozen=True)
class SealReport:
    """The answer of `mitsgan.seal.seal.verify_seal`.

    Attributes:
        verdict: ``intact``: nothing differs, and a signer who is trusted vouches for it.
            ``tampered``: something differs, or the signature is wrong. ``unknown``: nothing
            differs, but nobody who is trusted vouches for it.
        findings: all differences; empty unless tampered.
        trusted: why the signer is trusted; None if not.
        fingerprint: ``SHA256:`` and the digest of the signer's public key.
        signer: the subject of the signer's certificate as it claims to be; empty for a bare key.
        algorithm: of the signature.
        created: when, by the signer's own clock, ISO 8601 in UTC.
        slices, blocks: how many were sealed.
        notes: what else a reader should know.
    """

    verdict: SealVerdict
    findings: tuple[Finding, ...]
    trusted: str | None
    fingerprint: str
    signer: str
    algorithm: str
    created: str
    slices: int
    blocks: int
    notes: tuple[str, ...] = ()

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
        )

    def lines(self, most: int = 20) -> list[str]:
        """For people: the verdict, who signed, and the first findings."""
        who = (
            f'"{self.signer}", key {self.fingerprint}' if self.signer else f"key {self.fingerprint}"
        )
        shown = [f"seal: {self.verdict}. {self._summary()}", f"  signed {self.created} by {who}"]
        shown += [f"  {finding.text}" for finding in self.findings[:most]]
        if len(self.findings) > most:
            shown.append(f"  and {len(self.findings) - most} more differences")
        return shown + [f"  note: {note}" for note in self.notes]

    def _summary(self) -> str:
        if self.verdict == "intact":
            return f"All {self.slices} slices are as they were signed, and {self.trusted}"
        if self.verdict == "unknown":
            return (
                f"All {self.slices} slices are as they were signed, but by whom is not "
                f"established: anybody can sign a scan anew"
            )
        what = "difference" if len(self.findings) == 1 else "differences"
        return f"{len(self.findings)} {what}"
