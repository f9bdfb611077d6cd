"""What a worker is asked to do, and what it answers: plain values, a line of JSON each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.node.processing.actions import Restoring, Verifying


@dataclass(frozen=True, kw_only=True)
class ProtectTask:
    """Protect the DICOM series in ``source``, to ``out``; seal and original lie beside that."""

    source: Path
    out: Path
    settings: RestorablyProtecting


@dataclass(frozen=True, kw_only=True)
class VerifyTask:
    """Verify the DICOM series in ``source`` by its mark."""

    source: Path
    settings: Verifying


@dataclass(frozen=True, kw_only=True)
class RestoreTask:
    """Give the original of the DICOM series in ``source`` back, to ``out``.

    What was kept of it lies in ``originals``, by the series' UID, or within its files.
    """

    source: Path
    out: Path
    originals: Path
    settings: Restoring


@dataclass(frozen=True, kw_only=True)
class CompareTask:
    """Verify the DICOM series in ``source`` by a seal that was made with these settings' key."""

    source: Path
    seal: Path
    settings: RestorablyProtecting


@dataclass(frozen=True, kw_only=True)
class Task:
    """One of them."""

    protect: ProtectTask | None = None
    verify: VerifyTask | None = None
    restore: RestoreTask | None = None
    compare: CompareTask | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a task.

    Attributes:
        text: for people: what was done, or the verdict with its reason.
        notes: what else is to be known of it, a sentence each.
        verdict: of a verification: ``intact``, ``tampered`` or ``unknown``.
        error: why it cannot be done; trying again would not help, unless ``passing``.
        passing: whether the error may pass, such as memory or disk that were full.
        original: of a restoration: the digest of what was given back.
        signer: and who vouches for it; "" where nobody does.
    """

    text: str = ""
    notes: tuple[str, ...] = ()
    verdict: str = ""
    error: str = ""
    passing: bool = False
    original: str = ""
    signer: str = ""
