"""What a worker is asked to do, and what it answers: plain values, a line of JSON each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.protect.settings import Protecting
from mitsgan.node.config import Verifying


@dataclass(frozen=True, kw_only=True)
class ProtectTask:
    """Protect the DICOM series in ``source``, to ``out``; a seal lies beside that."""

    source: Path
    out: Path
    settings: Protecting


@dataclass(frozen=True, kw_only=True)
class VerifyTask:
    """Verify the DICOM series in ``source`` by its mark."""

    source: Path
    settings: Verifying


@dataclass(frozen=True, kw_only=True)
class CompareTask:
    """Verify the DICOM series in ``source`` by a seal that was made with these settings' key."""

    source: Path
    seal: Path
    settings: Protecting


@dataclass(frozen=True, kw_only=True)
class Task:
    """One of them."""

    protect: ProtectTask | None = None
    verify: VerifyTask | None = None
    compare: CompareTask | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a task.

    Attributes:
        text: for people: what was done, or the verdict with its reason.
        verdict: of a verification: ``intact``, ``tampered`` or ``unknown``.
        error: why it cannot be done; trying again would not help, unless ``passing``.
        passing: whether the error may pass, such as memory or disk that were full.
    """

    text: str = ""
    verdict: str = ""
    error: str = ""
    passing: bool = False
