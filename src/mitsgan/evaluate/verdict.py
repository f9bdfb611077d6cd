"""An evaluation as a report: the verdict in words, the numbers that count, their limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mitsgan.attack import ATTACKERS, Action
from mitsgan.errors import counted
from mitsgan.evaluate.attacks.appearance import TAMPERED
from mitsgan.evaluate.controls import CONTROL, OFFSET, PROTECTED
from mitsgan.evaluate.metrics.budget_check import BudgetCheck
from mitsgan.evaluate.report.command_line import changed, command_line
from mitsgan.evaluate.report.content import Headline, Json, Report
from mitsgan.evaluate.report.formatting import of_sample
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.perturb import Budget
from mitsgan.settings import DEFAULT_PROTECTOR
from mitsgan.typed import to_json, to_tree

if TYPE_CHECKING:
    from mitsgan.evaluate.result import Evaluation

LIMITS = (
    "Disruption is a distance between two pictures. It does not say whether a reader would notice; "
    "no reader study has been made.",
    "The numbers hold for these attackers, this scan and these positions. Attackers of another "
    "kind, or that filter the scan first or know of the protection, are not covered by them.",
    "Protection does not prevent tampering and does not detect it: it changes what the tampering "
    "model paints.",
)

UNATTACKED = (
    "Nothing was tampered with: what the protection is worth against an attack was not measured.",
    "Whether a reader would notice the protection is not measured either; no reader study has been "
    "made.",
)
"""The limits where no attack was simulated."""

_DOING: Mapping[Action, str] = {"inject": "injecting", "remove": "removing"}

_OPTIONS: Mapping[str, str] = {"places": "position", "nodules": "nodule"}
"""What the command calls settings that it has by another name."""


def evaluation_report(evaluation: Evaluation, command: str = "") -> Report:
    """The report of an evaluation; ``command`` makes it again, by default `mitsgan evaluate`."""
    return Report(
        title=f"Protection of {evaluation.scan.name}, evaluated",
        version=evaluation.version,
        lead=" ".join(lead(evaluation)),
        command=command or _command(evaluation),
        config=to_json(evaluation.config),
        provenance=_provenance(evaluation),
        headline=tuple(headline(evaluation)),
        tables=tuple(evaluation.tables),
        limits=LIMITS if evaluation.disruption else UNATTACKED,
        gaps=evaluation.gaps,
    )


def lead(evaluation: Evaluation) -> Iterator[str]:
    """The verdict in sentences, whichever way it went."""
    moved = evaluation.fidelity
    check = evaluation.budget_check
    if check is not None and not check.kept:  # before all else: it is why the command fails
        yield f"{budget_sentence(check)}."
    yield (
        f"A perturbation of at most {_hu(moved.largest_hu)} (RMS {_hu(moved.rmse_hu)}) was added "
        f"to {evaluation.scan.name}."
    )
    yield from _beyond(evaluation)
    medians = {
        action: {name: row.rmse_hu.median or 0.0 for name, row in rows.items()}
        for action, rows in evaluation.disruption.items()
    }
    if not medians:
        return
    n = len(evaluation.positions)
    ours = _and(f"{_median(rows[PROTECTED], n)} when {_DOING[a]}" for a, rows in medians.items())
    noise = _and(_median(rows[CONTROL], n) for rows in medians.values())
    yield (
        "The same generative models then tampered with the original and with the protected scan. "
        f"In the repainted core their two results differ by {ours} (RMSE, median over "
        f"{counted(n, 'position')}); noise of equal strength reaches {noise}."
    )
    stronger = [_DOING[a] for a, rows in medians.items() if rows[OFFSET] > rows[PROTECTED]]
    if stronger:
        yield f"A constant offset of equal strength does more for {_and(stronger)}."
    yield from _passing(evaluation)


def _beyond(evaluation: Evaluation) -> Iterator[str]:
    """Which figures of diagnosis moved further than their tolerance."""
    claimed = [figure for figure in evaluation.invariants if figure.within is not None]
    beyond = [figure.name for figure in claimed if not figure.within]
    if beyond:
        yield (
            f"Of {len(claimed)} figures of diagnosis that have a tolerance, {len(beyond)} moved "
            f"beyond it: {'; '.join(beyond)}."
        )


def _passing(evaluation: Evaluation) -> Iterator[str]:
    """How many attacks still pass for what they are meant to be, by each judge."""
    injected = evaluation.appearance.get("inject")
    if injected is None:
        return
    without, with_it = (
        round(injected.states[state].nodule_share * injected.n) for state in TAMPERED
    )
    yield (
        f"Of {counted(injected.n, 'injected nodule')}, {without} "
        f"{'passes for a nodule' if without == 1 else 'pass for nodules'} without protection and "
        f"{with_it} with it, by the nodule classifier."
    )
    failed = [injected.failed.get(state, {}).get("measurement") for state in TAMPERED]
    left = [str(row.n - row.count) for row in failed if row is not None]
    if left:
        yield (
            "By the second judge, which has learned nothing and measures whether a new lump of "
            f"tissue stands there, {_and(left)} do."
        )


def headline(evaluation: Evaluation) -> Iterator[Headline]:
    """The numbers that count."""
    moved, check = evaluation.fidelity, evaluation.budget_check
    voxels = None if check is None else check.voxels
    kept = check is None or not check.over
    yield Headline(
        "Largest change of any voxel",
        moved.largest_hu,
        "HU",
        voxels,
        f"The budget is {evaluation.config.budget}, of stored values, after rounding"
        f"{'' if kept else ': NOT KEPT'}.",
    )
    psnr = "infinite" if moved.psnr_db is None else f"{moved.psnr_db:.1f} dB"
    yield Headline(
        "RMS change", moved.rmse_hu, "HU", voxels, f"PSNR {psnr}, SSIM {moved.ssim:.4f}."
    )
    for action, rows in evaluation.disruption.items():
        ours = rows[PROTECTED]
        others = "; ".join(
            f"{name} {_median(row.rmse_hu.median, row.n)}"
            for name, row in rows.items()
            if name != PROTECTED
        )
        yield Headline(
            f"Disruption, {_DOING[action]}",
            ours.rmse_hu.median,
            "HU",
            ours.n,
            f"Median over positions. Controls: {others}.",
        )


def budget_sentence(check: BudgetCheck) -> str:
    """Whether the budget was kept, in one sentence."""
    budget = Budget(check.max_hu, check.noise_fraction, check.least_hu)
    if not check.over or check.worst_voxel is None or check.worst_lps_mm is None:
        text = f"budget of {budget} kept by all {check.voxels} voxels"
    else:
        z, y, x = check.worst_voxel
        place = ", ".join(f"{v:.1f}" for v in check.worst_lps_mm)
        text = (
            f"BUDGET of {budget} NOT KEPT: {check.over} of {check.voxels} voxels are beyond it, "
            f"the largest change is {_hu(check.largest_hu)} at voxel ({z}, {y}, {x}) [z, y, x], "
            f"({place}) mm LPS"
        )
    padding = (
        "no padding"
        if not check.padding
        else f"padding untouched ({check.padding} voxels)"
        if not check.padding_moved
        else f"PADDING CHANGED: {check.padding_moved} of {check.padding} voxels"
    )
    return f"{text}; {padding}; same geometry (corners within {check.corners_mm:.2g} mm)"


def _command(evaluation: Evaluation) -> str:
    """`mitsgan evaluate` with the options that this was made by, as far as it is known of them."""
    names = " ".join(f"-{attacker.name}" for attacker in evaluation.attackers.values())
    pairs = [pair for pair in ATTACKERS.names()[1:] if f"-{pair}" in names]
    return command_line(
        "evaluate",
        evaluation.scan.name,
        *([] if evaluation.protected_by or evaluation.protector else ["PROTECTED"]),
        **evaluation_options(evaluation.config),
        protector=None if evaluation.protected_by == DEFAULT_PROTECTOR else evaluation.protected_by,
        attackers=pairs[0] if pairs else None,
        attack=None if evaluation.attackers else False,
    )


def evaluation_options(config: EvaluationSettings) -> dict[str, object]:
    """What was measured otherwise than by default, as the command calls it."""
    settings = changed(config)
    settings.pop("diagnostics", None)  # no option: the demonstration does without
    return {_OPTIONS.get(name, name): value for name, value in settings.items()}


def _provenance(evaluation: Evaluation) -> Json:
    weights = [
        {"role": role, "name": entry.name, "sha256": entry.sha256}
        for role, entry in (
            ("protector", evaluation.protector),
            *evaluation.attackers.items(),
            ("classifier", evaluation.classifier),
        )
        if entry is not None
    ]
    return {"weights": weights, "scans": [to_tree(evaluation.scan)]}


def _hu(value: float | None) -> str:
    """HU of one number; None was infinite before it became JSON."""
    return "infinitely many HU" if value is None else f"{value:.3g} HU"


def _median(value: float | None, n: int) -> str:
    """A median of HU over ``n`` positions; None was infinite before it became JSON."""
    return "infinitely many HU" if value is None else f"{of_sample(value, n)} HU"


def _and(words: Iterator[str] | Sequence[str]) -> str:
    return " and ".join(words)
