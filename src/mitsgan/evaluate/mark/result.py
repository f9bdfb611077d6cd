"""What an evaluation of the mark found: typed, as its JSON holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mitsgan import __version__
from mitsgan.anatomy.places import DEPTH_MM
from mitsgan.attack import Action
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.statistics import RateRow, Spread
from mitsgan.mark import Detection
from mitsgan.result import Result, ScanEntry, WeightsEntry

if TYPE_CHECKING:
    from mitsgan.evaluate.report.content import Report
    from mitsgan.evaluate.report.table import Table

Verdicts = dict[str, RateRow]
"""How often each verdict was given."""


@dataclass(frozen=True)
class ChangeRow:
    """How far the mark alone and all perturbations together move the scan, HU."""

    mark_rms_hu: float
    mark_rms_over_body_hu: float
    mark_largest_hu: float
    together_rms_hu: float
    together_largest_hu: float


@dataclass(frozen=True)
class DetectionRow:
    """A detection in few words; ``slices`` counts them by their state."""

    verdict: str
    reason: str
    score: float
    strength_hu: float
    verified: float
    slices: dict[str, int]

    @classmethod
    def of(cls, detection: Detection) -> DetectionRow:
        """Of a whole detection."""
        return cls(
            verdict=str(detection.verdict),
            reason=detection.reason,
            score=detection.score,
            strength_hu=detection.strength_hu,
            verified=detection.verified,
            slices=dict(Counter(str(state.state) for state in detection.slices)),
        )


@dataclass(frozen=True)
class LocatedRow:
    """How well struck positions are told from untouched ones, and how well located.

    Attributes:
        n: how many positions.
        auc: of their scores against those of the same positions untouched.
        dice: of what is flagged with what was replaced.
        found: how many positions are flagged at all.
        positions_score, positions_untouched_score, positions_dice: the values of every position.
    """

    n: int
    auc: float
    dice: Spread
    found: RateRow
    positions_score: tuple[float, ...]
    positions_untouched_score: tuple[float, ...]
    positions_dice: tuple[float, ...]


@dataclass(frozen=True)
class AttackRow:
    """What is found of one attacker's strikes.

    Attributes:
        name, sha256: of the attacker, see `mitsgan.attack.Attacker.checksum`.
        replaced_ml: how much of the scan a strike replaces.
        cases: by what was pasted, and what followed.
        one_at_a_time: verdicts on whole scans with one strike each.
    """

    name: str
    sha256: str
    replaced_ml: Spread
    cases: dict[str, LocatedRow]
    one_at_a_time: Verdicts


@dataclass(frozen=True)
class JudgedRow:
    """What is said of one scan that was tampered with by hand."""

    dice: float
    detection: DetectionRow


@dataclass(frozen=True)
class ManipulationRow:
    """What is said of scans that were tampered with by hand in one way.

    ``reason`` and ``slices`` are those of the first.
    """

    name: str
    verdicts: Verdicts
    dice: Spread
    reason: str
    slices: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class MarkEvaluation(Result):
    """What the mark is worth on one scan.

    Attributes:
        version: of mitsgan.
        unit: of the scan's values.
        config: what was measured.
        key: how test keys are made.
        scan: the scan.
        position_depth_mm: how deep in the lung positions lie.
        change: how far the mark moves the scan.
        untouched: what is said of the marked scan itself.
        attacks: what is found of tampering by models, by action.
        manipulations: what is found of tampering by hand.
        false_alarms: what is said of untouched scans under many keys, by what they went through.
        protector: what protected the scan too; None where nothing did.
    """

    KIND: ClassVar[str] = "mark evaluation"

    version: str = __version__
    unit: str = "HU"
    config: MarkEvaluationSettings
    key: str = "SHA-256 of seed and number: for measurements only"
    scan: ScanEntry
    position_depth_mm: float = DEPTH_MM
    change: ChangeRow
    untouched: DetectionRow
    attacks: dict[Action, AttackRow]
    manipulations: tuple[ManipulationRow, ...]
    false_alarms: dict[str, Verdicts]
    protector: WeightsEntry | None = None

    @property
    def tables(self) -> Sequence[Table]:
        """Every number that is no value of a single position."""
        from mitsgan.evaluate.mark.tables import mark_tables

        return mark_tables(self)

    def report(self, command: str = "") -> Report:
        """The same for readers; ``command`` makes it again."""
        from mitsgan.evaluate.mark.verdict import mark_report

        return mark_report(self, command)
