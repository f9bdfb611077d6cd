"""What a trained protector is worth on scans that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from mitsgan.atomic import atomic_output
from mitsgan.attack import ACTIONS, Action, Attacker
from mitsgan.evaluate.evaluation import evaluate
from mitsgan.evaluate.report.pictures.overview import overview
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.jobs.evaluate.pictures import evaluation_galleries
from mitsgan.jobs.train.inputs import Entries, check_lungs
from mitsgan.networks import shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget, Fixed, Perturbation, apply_perturbations
from mitsgan.progress import Phases
from mitsgan.protect.registry import NATIVE_HU
from mitsgan.scan import Scan

POSITIONS = 24
"""Random lung positions that are attacked in each scan."""


def validate(
    protector: Perturbation,
    attackers: Sequence[Attacker],
    scans: Sequence[Scan],
    entries: Entries,
    forms: Mapping[str, float],
    seed: int,
    picture: Path,
    phases: Phases,
) -> dict[str, object]:
    """Attack unseen scans, protected and beside controls of equal energy; draws the first scan.

    Args:
        protector: what was trained.
        attackers: who strikes.
        scans, entries: scans, and what a card says of each.
        forms: budgets in HU by name, such as clipped; the last is drawn.
        seed: of positions and controls.
        picture: the file to draw.
        phases: told the progress.

    Returns:
        ``positions``, and for each scan and form the RMS of the perturbation over the scan and,
        for each action (of several attackers of one action, for each of them) the median and the
        worst disruption in HU of the protector and of the controls, and the shares of tampered
        cubes of the protected scan that are called nodules and that hold a lump.
    """
    if not scans:
        return {}
    classifier = NoduleClassifier.load(shipped("classifier"))
    measured: dict[str, dict[str, object]] = {}
    names = _distinct([str(entry["name"]) for entry in entries])
    for number, (scan, name) in enumerate(zip(scans, names, strict=True)):
        measured[name] = {}
        with phases.phase("validate", f"measuring on {name}") as step:
            widest = Fixed.of(protector, scan, Budget(max(forms.values())))
            for form, max_hu in forms.items():
                protected = apply_perturbations(scan, [widest], Budget(max_hu))
                settings = EvaluationSettings(
                    max_hu=max_hu, positions=POSITIONS, seed=seed, pgd_steps=0, diagnostics=False
                )
                struck: list[tuple[Attacker, Evaluation]] = []
                for pair in _pairs(attackers):
                    evaluation = evaluate(
                        scan,
                        protected.scan,
                        pair,
                        settings,
                        name=name,
                        classifier=classifier,
                        progress=lambda _, done, total, note="": step(done, total, note),
                    )
                    struck += [(attacker, evaluation) for attacker in pair]
                row: dict[str, object] = {"perturbation_rms_hu": round(protected.rms_hu, 2)}
                keys = _keys([attacker for attacker, _ in struck])
                for key, (attacker, evaluation) in zip(keys, struck, strict=True):
                    row[key] = _row(evaluation, attacker.action)
                measured[name][form] = row
        if number == 0:
            galleries = [
                gallery
                for attacker, evaluation in struck
                for gallery in evaluation_galleries(scan, protected.scan, [attacker], evaluation)
            ]
            drawn = overview(galleries, max_hu, f"{name}, positions of median disruption.")
            with atomic_output(picture, overwrite=True) as temporary:
                temporary.write_bytes(drawn)
    return {"positions": POSITIONS, "scans": measured}


def forms_of(max_hu: float, *, native: bool) -> dict[str, float]:
    """Clipped to a budget, and for what knows no budget as it is as well."""
    return {"native": NATIVE_HU, "clipped": max_hu} if native else {"clipped": max_hu}


def check_positions(scans: Sequence[Scan], paths: Sequence[Path], seed: int) -> None:
    """See `mitsgan.jobs.train.inputs.check_lungs`: as many places as are attacked."""
    check_lungs(scans, paths, POSITIONS, seed)


def _pairs(attackers: Sequence[Attacker]) -> list[list[Attacker]]:
    """Attackers by turns, at most one of each action at once: an evaluation tells them apart so."""
    able = ([one for one in attackers if one.action == action] for action in ACTIONS)
    return [[one for one in pair if one is not None] for pair in zip_longest(*able)]


def _keys(attackers: Sequence[Attacker]) -> list[str]:
    """The action of each, and who it is where several do the same."""
    count = Counter(one.action for one in attackers)
    return _distinct(
        [
            one.action if count[one.action] == 1 else f"{one.action} by {one.name}"
            for one in attackers
        ]
    )


def _distinct(names: Sequence[str]) -> list[str]:
    """The same, those that come again with their number: `scan`, `scan (2)`."""
    said: Counter[str] = Counter()
    result = []
    for name in names:
        said[name] += 1
        result.append(name if said[name] == 1 else f"{name} ({said[name]})")
    return result


def _row(evaluation: Evaluation, action: Action) -> dict[str, object]:
    rows = evaluation.disruption[action]
    looks = evaluation.appearance[action].states["tampered protected"]
    return {
        **{
            name: {"median": row.rmse_hu.median, "worst": row.rmse_hu.worst}
            for name, row in rows.items()
        },
        "nodule_share": looks.nodule_share,
        "lump_share": looks.lump_share,
    }
