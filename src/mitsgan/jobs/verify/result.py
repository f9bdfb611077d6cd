"""What verifying a scan came to: voxels ``[z, y, x]`` from 0, lengths in mm, positions in LPS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mitsgan import __version__
from mitsgan.jobs.entries import Grid, Vector
from mitsgan.result import Result
from mitsgan.seal.report import SealEntry

Verdict = Literal["intact", "processed", "tampered", "unknown"]
Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class MarkEntry:
    """The mark of the whole scan: z-score (N(0, 1) without one) and RMS of what is left of it."""

    z_score: float
    strength: float
    unit: str
    verified_share_of_body: float


@dataclass(frozen=True)
class RegionEntry:
    """A box of voxels whose mark is missing; by how many standard deviations.

    Voxels are ``[z, y, x]`` of the file.
    """

    start_voxel: Voxel
    stop_voxel: Voxel
    centre_lps_mm: Vector
    lower_lps_mm: Vector
    upper_lps_mm: Vector
    z_score: float
    voxels: int


@dataclass(frozen=True)
class UnlikeEntry:
    """A box of voxels that cannot be checked, and how loud its finest grain is over that around.

    Voxels are ``[z, y, x]`` of the file.
    """

    start_voxel: Voxel
    stop_voxel: Voxel
    centre_lps_mm: Vector
    grain_over_surroundings: float
    voxels: int


@dataclass(frozen=True)
class SliceEntry:
    """One slice: what became of it as a whole.

    Slices are those of the file; where these are no axial ones, axial ones from the feet up.
    """

    slice: int
    position_mm: float
    state: str
    z_score: float
    came_from_mm: float | None
    detail: str
    largest_probability: float


@dataclass(frozen=True, kw_only=True)
class Verification(Result):
    """The answer of mark, seal or both.

    Attributes:
        source: as it was given.
        verdict: of both the worse one.
        reason, mark, false_alarms_per_scan, regions, unlike, missing_ends, slices, scan: of
            the mark.
        mark_verdict: that of the mark alone, where there is a seal, too.
        mark_not_verified: why the mark could not be looked for.
        seal: of the seal.
        notes: what is to be known of the input, a sentence each.
        seconds: of each phase.
        decided_by: of mark and seal, where both were looked at: whose verdict is that of the scan.
    """

    KIND: ClassVar[str] = "verification"
    LEFT_OUT_IF_NONE: ClassVar[frozenset[str]] = frozenset(
        {"reason", "mark", "false_alarms_per_scan", "regions", "missing_ends", "slices", "scan"}
        | {"unlike"}
        | {"mark_verdict", "mark_not_verified", "seal", "decided_by"}
    )

    version: str = __version__
    source: str
    verdict: Verdict
    reason: str | None = None
    mark: MarkEntry | None = None
    false_alarms_per_scan: float | None = None
    regions: tuple[RegionEntry, ...] | None = None
    unlike: tuple[UnlikeEntry, ...] | None = None
    missing_ends: tuple[str, ...] | None = None
    slices: tuple[SliceEntry, ...] | None = None
    scan: Grid | None = None
    mark_verdict: Verdict | None = None
    mark_not_verified: str | None = None
    seal: SealEntry | None = None
    decided_by: Literal["mark", "seal", "both"] | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """The reason in a sentence: the seal's unless the mark alone decides, or there is none."""
        if self.seal is not None and self.decided_by != "mark":
            return _reason(self.seal)
        return self.reason or ""

    @property
    def lead(self) -> str:
        """The verdict and its reason, and what the other of mark and seal says if one decided."""
        verdict = f"{self.verdict.upper()}: {self.why}"
        return f"{verdict}. {self._besides}" if self._besides else verdict

    @property
    def _besides(self) -> str:
        """What the other of mark and seal says, where one of them decided: a sentence, or none."""
        if self.seal is None or self.decided_by not in ("mark", "seal"):
            return ""
        if self.decided_by == "seal":
            return f"The mark says {self.mark_verdict}: {self.reason}."
        reason = _reason(self.seal)
        return f"The seal says {self.seal.verdict}: {reason[:1].lower()}{reason[1:]}."


def _reason(seal: SealEntry) -> str:
    """The seal's verdict in a sentence, without a full stop."""
    summary = seal.summary()
    if seal.content is None or seal.content.reason in summary:
        return summary
    return f"{summary}; {seal.content.reason}"
