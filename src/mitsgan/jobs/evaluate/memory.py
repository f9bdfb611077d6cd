"""Evaluate scans in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mitsgan.errors import SettingsError
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.settings import VariantName
from mitsgan.jobs.evaluate.evaluation import evaluate_scans
from mitsgan.jobs.evaluate.settings import EvaluateSettings
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.protect.protected import Protected, scan_of
from mitsgan.jobs.shared import AnyPath, optional_path
from mitsgan.perturb import Budget
from mitsgan.progress import Progress, silent
from mitsgan.protect.registry import Identity
from mitsgan.scan.scan import Scan
from mitsgan.settings import Place


def evaluate(
    original: Scan,
    protected: Scan | Protected,
    *,
    max_hu: float | None = None,
    noise_fraction: float | None = None,
    least_hu: float = 0.0,
    attack: bool = True,
    attackers: str = "textured",
    injector: AnyPath | None = None,
    remover: AnyPath | None = None,
    variant: VariantName = "plain",
    positions: int = 12,
    places: Sequence[Place] = (),
    nodules: Sequence[Place] = (),
    pgd_steps: int = 0,
    diagnostics: bool = True,
    classifier: AnyPath | None = None,
    lpips_weights: AnyPath | None = None,
    seed: int = 0,
    name: str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """What a protected scan is worth, beside controls of the same strength.

    The same simulated attackers tamper with both scans, in memory. docs/metrics.md defines every
    number of the result; `Evaluation.tables` are the tables that `mitsgan evaluate` prints, and
    `Evaluation.report` is the report with its verdict.

    Args:
        original, protected: the scan before and after, neither of them modified.
        max_hu, noise_fraction, least_hu: the budget that is checked; if none of them is given, the
            one that ``protected`` was protected with, or 10 HU where it does not tell.
        attack: tamper with both scans, and compare what comes of it.
        attackers: the pair, see `mitsgan.attack.ATTACKERS`.
        injector, remover: weights of an attacker of one's own, in place of one of the pair.
        variant: how the attackers go about it; all but ``plain`` know of the protection.
        positions: how many random positions in the lung are attacked.
        places: where to attack instead, LPS mm.
        nodules: where a nodule is known to be, LPS mm.
        pgd_steps: of the control that knows position and attacker; 0 leaves it out.
        diagnostics: measure metrics by region, and what a diagnosis rests on, too.
        classifier: weights of the nodule classifier; by default those that ship.
        lpips_weights: AlexNet for LPIPS; by default what lies in torch's cache.
        seed: of positions, controls and re-scan noise.
        name: of the scan, in the result; by default that of its file.
        progress: told how far it is.

    Raises:
        SettingsError: settings that make no sense, alone or together; or both scans are the same.
        BudgetError: a budget that makes no sense.
        WeightsError: weights that cannot be read.
        ScanError: the scans do not belong together, or there is no lung to attack.
        PositionError: a place cannot be attacked.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((40, 128, 128), (4.0, 2.8, 2.8))
        >>> protected = mg.protect(scan, protector="noise", max_hu=5)
        >>> evaluation = mg.evaluate(scan, protected, positions=2, pgd_steps=0, diagnostics=False)
        >>> evaluation.fidelity.largest_hu
        5.0
        >>> sorted(evaluation.disruption)
        ['inject', 'remove']
    """
    budget = Budget()
    if isinstance(protected, Protected):
        budget = protected.budget
    if max_hu is not None or noise_fraction is not None or least_hu:
        most = budget.max_hu if max_hu is None else max_hu
        budget = Budget(most, noise_fraction, least_hu)
    settings = EvaluateSettings(
        max_hu=budget.max_hu,
        noise_fraction=budget.noise_fraction,
        least_hu=budget.least_hu,
        attack=attack,
        attackers=attackers,
        injector=optional_path(injector),
        remover=optional_path(remover),
        variant=variant,
        positions=positions,
        places=tuple(places),
        nodules=tuple(nodules),
        pgd_steps=pgd_steps,
        diagnostics=diagnostics,
        classifier=optional_path(classifier),
        lpips_weights=optional_path(lpips_weights),
        seed=seed,
    )
    original, scan = scan_of(original), scan_of(protected)
    if np.array_equal(scan.stored, original.stored):
        raise SettingsError(
            "`protected` has the same voxels as `original`, so nothing protects it; give a scan "
            "and its protected version"
        )
    who = _protector(protected, seed)
    return evaluate_scans(
        original,
        scan,
        settings,
        name=name or _name(original),
        protected_by=None if who is None else who.name,
        protector=None if who is None else who.weights(),
        progress=progress,
    )


def _name(scan: Scan) -> str:
    path = None if scan.source is None else scan.source.path
    return "scan" if path is None else scan_name(path)


def _protector(protected: Scan | Protected, seed: int) -> Identity | None:
    """What protected, if an evaluation of the original would protect it likewise."""
    if not isinstance(protected, Protected):
        return None
    who = protected.protector
    alike = who.seed in (None, seed) and protected.refinement is None and protected.mark_hu is None
    return who if alike else None
