"""Measure on a scan on disk how well the mark finds tampering."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import SettingsError
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.jobs.shared import CtInput, Overwriting, OwnAttackers
from mitsgan.progress import Phases, Progress, silent

if TYPE_CHECKING:
    from mitsgan.evaluate.mark.result import MarkEvaluation


@dataclass(frozen=True, kw_only=True)
class EvaluateMarkFile(Overwriting, OwnAttackers, MarkEvaluationSettings, CtInput):
    """As `MarkEvaluationSettings`, of a scan on disk: as it left the scanner, not marked yet."""

    output: Path | None = None
    """Write all numbers, for machines."""
    mark_only: bool = False
    """Mark without protecting."""
    weights: Path | None = None
    """A protector of your own; by default the one that ships with mitsgan."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mark_only and self.weights is not None:
            raise SettingsError("`mark_only` leaves the protector out; give it or `weights`")

    @property
    def journal(self) -> Path | None:
        """What keeps the steps that were measured, until all of them are."""
        return self.output and self.output.with_name(f"{self.output.name}.partial")


def evaluate_mark_file(
    settings: EvaluateMarkFile, *, progress: Progress = silent
) -> MarkEvaluation:
    """Evaluate the mark on a scan on disk, and write the numbers if that is asked for.

    What is done is kept beside the output, so that the same call goes on where it was interrupted.

    Args:
        settings: what is to be done.
        progress: told how far it is.

    Raises:
        ScanError: the scan cannot be read.
        OutputError: the output cannot be written there.
        MitsganError: see `mitsgan.evaluate.mark.evaluation.evaluate_mark`.
    """
    from mitsgan.evaluate.mark.evaluation import evaluate_mark
    from mitsgan.files import read_scan
    from mitsgan.jobs.attackers import load_attackers
    from mitsgan.jobs.outputs import check_file, scan_name, write_result
    from mitsgan.jobs.protect.default import load_default
    from mitsgan.mark import series_identity

    phases = Phases(progress)
    settings.check_scan()
    if settings.output is not None:
        check_file(settings.output, settings.overwrite, "output", source=settings.scan)
    journal = settings.journal
    attackers = load_attackers(settings)
    protectors, entry = [], None
    if not settings.mark_only:
        protector, entry = load_default(settings.weights, settings.seed)
        protectors.append(protector)
    with phases.phase("read", f"reading {settings.scan}") as step:
        scan = read_scan(settings.scan, settings, progress=step)
    evaluation = evaluate_mark(
        scan,
        series_identity(scan),
        protectors,
        attackers,
        settings.measured(),
        name=scan_name(settings.scan),
        protector=entry,
        journal=journal,
        progress=progress,
    )
    if settings.output is not None:
        write_result(settings.output, evaluation, overwrite=settings.overwrite)
    if journal is not None:
        journal.unlink()
    return evaluation
