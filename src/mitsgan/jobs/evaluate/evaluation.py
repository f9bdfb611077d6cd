"""Scans in memory or on disk in, the evaluation out; what was asked for is written beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mitsgan.atomic import atomic_output
from mitsgan.attack import Attacker
from mitsgan.errors import SettingsError
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.report.html.page import html_report
from mitsgan.evaluate.report.pictures.overview import overview
from mitsgan.evaluate.result import Evaluation
from mitsgan.files import read_scan
from mitsgan.files.io import have_one_format
from mitsgan.jobs.attackers import load_attackers
from mitsgan.jobs.evaluate.estimate import estimate_in_words
from mitsgan.jobs.evaluate.pictures import evaluation_galleries
from mitsgan.jobs.evaluate.settings import EvaluateFiles, EvaluateSettings
from mitsgan.jobs.lpips import load_lpips
from mitsgan.jobs.outputs import check_file, scan_name, write_result, write_text
from mitsgan.jobs.shared import check_exists
from mitsgan.networks import shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import apply_perturbations
from mitsgan.progress import Phases, Progress, silent
from mitsgan.protect import Protector
from mitsgan.protect.registry import identify, load_protector
from mitsgan.reading import Reading
from mitsgan.result import WeightsEntry
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan


@dataclass(frozen=True)
class Judges:
    """Who measures a scan, with weights loaded once for many.

    Attributes:
        attackers: who tampers; none where nobody does.
        classifier, judge: who is asked what cubes look like, and its weights.
        lpips: the perceptual distance, if its weights are there.
        gaps: what could not be loaded, in words.
    """

    attackers: Sequence[Attacker]
    classifier: NoduleClassifier
    judge: WeightsEntry
    lpips: Lpips | None
    gaps: tuple[str, ...] = ()

    @classmethod
    def load(cls, settings: EvaluateSettings) -> Judges:
        """Load what the settings name.

        Raises:
            WeightsError: see `mitsgan.networks.load_weights`.
            SettingsError: weights of another action.
        """
        attackers = load_attackers(settings, settings.attackers) if settings.attack else []
        lpips, gap = load_lpips(settings.lpips_weights)
        path = settings.classifier or shipped("classifier")
        classifier = NoduleClassifier.load(path)
        judge = WeightsEntry.of(classifier.card, settings.classifier, "classifier")
        return cls(attackers, classifier, judge, lpips, () if gap is None else (gap,))


def evaluate_scans(
    original: Scan,
    protected: Scan,
    settings: EvaluateSettings,
    *,
    judges: Judges | None = None,
    name: str = "scan",
    protected_by: str | None = None,
    protector: WeightsEntry | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a scan in memory and its protected version.

    Args:
        original, protected: the scans.
        settings: what is measured.
        judges: of the same settings, if they are loaded already.
        name: of the scan.
        protected_by: name of the protector that protected the scan, if that is known.
        protector: its weights, if it has any.
        progress: told how far it is.

    Raises:
        MitsganError: see `Judges.load` and `mitsgan.evaluate.evaluate`.
    """
    judges = judges or Judges.load(settings)
    axial = canonical(original)
    evaluation = evaluate(
        axial,
        canonical(protected),
        judges.attackers,
        settings.measured(),
        name=name,
        lpips=judges.lpips,
        classifier=judges.classifier,
        protected_by=protected_by,
        protector=protector,
        judge=judges.judge,
        gaps=judges.gaps if settings.diagnostics else (),
        progress=progress,
    )
    return _with_voxels_of(axial, evaluation)


def _with_voxels_of(axial: Scan, evaluation: Evaluation) -> Evaluation:
    """The same with voxels as the original itself has them; it was measured in canonical order."""
    if axial.order.is_identity:
        return evaluation
    positions = tuple(
        replace(position, voxel=axial.order.in_file(position.voxel, axial.shape))
        for position in evaluation.positions
    )
    check = evaluation.budget_check
    if check is not None and check.worst_voxel is not None:
        check = replace(check, worst_voxel=axial.order.in_file(check.worst_voxel, axial.shape))
    return replace(evaluation, positions=positions, budget_check=check)


def evaluate_files(settings: EvaluateFiles, *, progress: Progress = silent) -> Evaluation:
    """Evaluate scans on disk, and write what was asked for.

    Whatever can fail without the scans fails before they are read.

    Args:
        settings: what is to be done.
        progress: told how far it is.

    Raises:
        ScanError: a scan cannot be read, or they do not belong together.
        SettingsError: both scans are the same.
        OutputError: an output cannot be written there.
        MitsganError: see `evaluate_scans`.
    """
    phases = Phases(progress)
    for path in (settings.original, settings.protected):
        if path is not None:
            check_exists(path)
    for name in ("output", "html", "picture"):
        path = getattr(settings, name)
        if path is not None:
            check_file(path, settings.overwrite, name, source=settings.original)
    judges = Judges.load(settings)
    layer = None
    if settings.protected is None:
        layer = load_protector(settings.protector, weights=settings.weights, seed=settings.seed)
    with phases.phase("read", f"reading {settings.original}") as step:
        original = read_scan(settings.original, settings, progress=step)
    with phases.phase("estimate", estimate_in_words(settings, original.stored.size)):
        pass  # said before it starts
    protected = _protected(settings, original, layer, phases)
    evaluation = evaluate_scans(
        original,
        protected,
        settings,
        judges=judges,
        name=scan_name(settings.original),
        protected_by=None if layer is None else layer.name,
        protector=None if layer is None else identify(layer).weights(settings.weights),
        progress=progress,
    )
    _write(settings, evaluation, (original, protected), judges.attackers, phases)
    return evaluation


def _protected(
    settings: EvaluateFiles,
    original: Scan,
    layer: Protector | None,
    phases: Phases,
) -> Scan:
    """The protected scan: read, or made in memory."""
    if layer is not None:
        with phases.phase("protect", f"protecting {settings.original}") as step:
            return apply_perturbations(original, [layer], settings.budget, progress=step).scan
    path = settings.protected or Path()
    values = Reading()
    if have_one_format(settings.original, path):
        values = Reading(hu_offset=settings.hu_offset, assume_hu=settings.assume_hu)
    with phases.phase("read protected", f"reading {path}") as step:
        scan = read_scan(path, values, progress=step)
    if np.array_equal(scan.stored, original.stored):
        raise SettingsError(
            f"{path} has the same voxels as {settings.original}, so nothing protects it; "
            "give a scan and its protected version"
        )
    return scan


def _write(
    settings: EvaluateFiles,
    evaluation: Evaluation,
    scans: tuple[Scan, Scan],
    attackers: Sequence[Attacker],
    phases: Phases,
) -> None:
    """Numbers, page and picture, as far as they are asked for."""
    if settings.output is not None:
        write_result(settings.output, evaluation, overwrite=settings.overwrite)
    galleries = []
    if evaluation.disruption and (settings.html or settings.picture):
        with phases.phase("pictures", "making pictures"):
            galleries = evaluation_galleries(*scans, attackers, evaluation)
    if settings.html is not None:
        with phases.phase("page", f"drawing {settings.html}"):
            page = html_report(evaluation.report(settings.command()), galleries)
        write_text(settings.html, page, overwrite=settings.overwrite)
    if settings.picture is not None and galleries:
        caption = f"{evaluation.scan.name}, positions of median disruption."
        with phases.phase("picture", f"drawing {settings.picture}"):
            drawn = overview(galleries, settings.max_hu, caption)
        with atomic_output(settings.picture, overwrite=settings.overwrite) as temporary:
            temporary.write_bytes(drawn)
