"""What protecting a scan came to, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from mitsgan import __version__
from mitsgan.jobs.entries import Grid, WeightsEntry
from mitsgan.result import Result


@dataclass(frozen=True)
class BudgetEntry:
    """The budget; ``noise_fraction`` is a part of the scan's own noise.

    Voxels may move by ``least_hu`` wherever they are.
    """

    max: float
    unit: str
    noise_fraction: float | None
    least_hu: float = 0.0


@dataclass(frozen=True)
class RefinementEntry:
    """How long, where and against which pairs a perturbation was optimised for the scan."""

    steps: int | None
    seconds: float | None
    attackers: tuple[str, ...]
    places: str
    seed: int
    varied: bool = False


@dataclass(frozen=True)
class MarkEntry:
    """The mark's strength, and what it verifies as; neither its key nor its identity is told."""

    rms: float
    unit: str
    verdict: Literal["intact", "tampered", "unknown"]
    verified_share_of_body: float


@dataclass(frozen=True)
class RestorableEntry:
    """The original that was kept: where, in how many bytes, to whom by fingerprint of their keys.

    ``voxel_bytes`` is what the uncompressed voxels take.
    """

    file: str
    bytes: int
    voxel_bytes: int
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class ProtectedGrid(Grid):
    """The scan: its grid, how many voxels are no padding, and how many are."""

    voxels: int
    padding_voxels: int


@dataclass(frozen=True)
class ChangeEntry:
    """How far voxels moved, over those that are not padding."""

    largest: float
    rms: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class ProtectionResult(Result):
    """One protection from file to file; lengths in mm, ``[z, y, x]``, changes in HU.

    Attributes:
        source, output: as they were given.
        protector: by name; ``weights`` and ``seed`` are None where it has none.
        restorable: the original, where it is kept.
        seal: the file of the seal, where it is sealed.
        notes: what is to be known of the input and of the result, a sentence each.
        device, precision: of its network; None where there is none.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "protection"
    LEFT_OUT_IF_NONE: ClassVar[frozenset[str]] = frozenset({"restorable", "seal"})

    version: str = __version__
    source: str
    output: str
    protector: str
    weights: WeightsEntry | None
    seed: int | None
    budget: BudgetEntry
    refinement: RefinementEntry | None
    mark: MarkEntry | None
    scan: ProtectedGrid
    change: ChangeEntry
    restorable: RestorableEntry | None = None
    seal: str | None = None
    notes: tuple[str, ...]
    seconds: dict[str, float]
    device: str | None
    precision: str | None
