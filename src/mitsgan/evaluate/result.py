"""What an evaluation found: typed, as its JSON holds it; docs/metrics.md defines every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mitsgan import __version__
from mitsgan.anatomy.places import DEPTH_MM
from mitsgan.attack import Action
from mitsgan.evaluate.attacks.appearance import AppearanceRow
from mitsgan.evaluate.attacks.disruption import DisruptionRow
from mitsgan.evaluate.diagnosis.invariant import Invariant
from mitsgan.evaluate.metrics.budget_check import BudgetCheck
from mitsgan.evaluate.metrics.fidelity import DATA_RANGE_HU, Fidelity
from mitsgan.evaluate.metrics.metrics import Comparison
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.result import Result, ScanEntry, WeightsEntry

if TYPE_CHECKING:
    from mitsgan.evaluate.report.content import Report
    from mitsgan.evaluate.report.table import Table


@dataclass(frozen=True)
class PositionEntry:
    """Where both scans were attacked: voxel ``[z, y, x]``, and the same in LPS mm."""

    voxel: tuple[int, int, int]
    lps_mm: tuple[float, float, float]


@dataclass(frozen=True)
class AttackerEntry:
    """An attacker; ``width`` and ``sha256`` as `mitsgan.attack.Attacker` tells them."""

    name: str
    width: int | None
    sha256: str


@dataclass(frozen=True)
class WindowEntry:
    """The ends of a grey scale."""

    low_hu: float
    high_hu: float


@dataclass(frozen=True)
class LpipsEntry:
    """How LPIPS was measured: by which network, on how many slices of a whole scan."""

    network: str
    slices: int


@dataclass(frozen=True, kw_only=True)
class Evaluation(Result):
    """What a protected scan is worth.

    Attributes:
        version: of mitsgan.
        unit, data_range_hu: of disruption, and of PSNR and SSIM in HU.
        config: what was measured.
        position_depth_mm: how deep in the lung random positions lie.
        scan: the scan.
        fidelity: how far the whole scan moved.
        positions: where it was attacked.
        disruption: by action, then by what was added: the protection, and its controls.
        appearance: what attacked cubes look like, by action, and for removal at known nodules.
        attackers: who tampered, by action.
        budget_check: whether the budget was kept; None without diagnostics.
        metrics: how far the scans are apart, by region, and what tampering makes of them.
        windows: the grey scales of ``metrics``.
        lpips: None where it was not measured.
        invariants: what a diagnosis rests on.
        gaps: what could not be measured, and why, in words.
        protected_by: name of the protector that protected the scan in memory; None for a scan that
            was protected before.
        protector: its weights; None where it has none.
        classifier: who was asked what cubes look like.
    """

    KIND: ClassVar[str] = "evaluation"

    version: str = __version__
    unit: str = "HU"
    data_range_hu: float = DATA_RANGE_HU
    config: EvaluationSettings
    position_depth_mm: float = DEPTH_MM
    scan: ScanEntry
    fidelity: Fidelity
    positions: tuple[PositionEntry, ...] = ()
    disruption: dict[Action, dict[str, DisruptionRow]]
    appearance: dict[str, AppearanceRow]
    attackers: dict[Action, AttackerEntry]
    budget_check: BudgetCheck | None = None
    metrics: tuple[Comparison, ...] = ()
    windows: dict[str, WindowEntry]
    lpips: LpipsEntry | None = None
    invariants: tuple[Invariant, ...] = ()
    gaps: tuple[str, ...] = ()
    protected_by: str | None = None
    protector: WeightsEntry | None = None
    classifier: WeightsEntry | None = None

    @property
    def tables(self) -> Sequence[Table]:
        """Every number that is no value of a single position."""
        from mitsgan.evaluate.tables import evaluation_tables

        return evaluation_tables(self)

    def report(self, command: str = "") -> Report:
        """The same for readers; ``command`` makes it again."""
        from mitsgan.evaluate.verdict import evaluation_report

        return evaluation_report(self, command)
