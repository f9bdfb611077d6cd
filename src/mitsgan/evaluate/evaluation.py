"""What a protected scan is worth: fidelity, disruption beside controls, and on request what a
diagnosis rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from mitsgan import __version__
from mitsgan.anatomy.places import DEPTH_MM, lung_positions
from mitsgan.attack import Attacker, Plan, Variant, hu_volume, plan_attack
from mitsgan.errors import MitsganError, PositionError, ScanError
from mitsgan.evaluate.attacks.appearance import appearance
from mitsgan.evaluate.attacks.disruption import Disruption, disruption, pgd_disruption
from mitsgan.evaluate.attacks.healthy_lung import HealthyLung, healthy_lung
from mitsgan.evaluate.attacks.positions import Place, plan_places
from mitsgan.evaluate.attacks.slices import tampered_slices, untouched_slices
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.evaluate.diagnosis.diagnostics import Diagnosed, diagnose
from mitsgan.evaluate.metrics.budget_check import check_geometry
from mitsgan.evaluate.metrics.fidelity import DATA_RANGE_HU, fidelity
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import compare_slices
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget, Perturbation, apply_perturbations
from mitsgan.protect import Offset, RandomSign
from mitsgan.scan.scan import Scan

Result = dict[str, Any]
"""JSON values; see docs/results."""


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured.

    Attributes:
        max_hu: the budget.
        positions: random lung positions, attacked by both actions.
        seed: of positions, controls and re-scan noise.
        pgd_steps: gradient steps of the upper control at known positions; 0 leaves it out.
        diagnostics: whether budget, metrics over regions and windows, and diagnostic invariants
            are measured too; see `mitsgan.evaluate.diagnosis.diagnostics`.
        nodules: where nodules are known to be, LPS mm, for the invariants.
        noise_fraction: of the budget, see `mitsgan.protect.Budget`.
        places: where to attack instead of at random positions, LPS mm.
        variant: how attackers go about it, see `mitsgan.evaluate.attacks.variants`.
    """

    max_hu: float = 10.0
    positions: int = 48
    seed: int = 0
    pgd_steps: int = 40
    diagnostics: bool = False
    nodules: tuple[Place, ...] = ()
    noise_fraction: float | None = None
    places: tuple[Place, ...] = ()
    variant: str = "plain"

    @property
    def budget(self) -> Budget:
        """What both belong to."""
        return Budget(self.max_hu, self.noise_fraction)


def evaluate(
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    config: EvaluationConfig,
    *,
    lpips: Lpips | None = None,
    classifier: NoduleClassifier | None = None,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Measure fidelity and disruption of a protected scan.

    Controls have the RMSE that the perturbation has inside the attacked cubes: a random sign per
    voxel, and a constant offset; of the budget only the cap in HU holds for them. PGD knows
    position and attacker, at the same budget.

    Args:
        original, protected: the scans.
        attackers: who tampers with both; none leaves disruption empty.
        config: what is measured.
        lpips: the perceptual distance of the diagnostics, if its weights are there.
        classifier: to be asked what attacked cubes look like, and, with diagnostics, whether
            findings appear or disappear.
        progress: told what is being done.

    Raises:
        ScanError: the scans differ in shape or lie elsewhere, or there is no lung to attack;
            with diagnostics the latter is a gap in the result instead.
        PositionError: there is too little lung, or a nodule or a given place lies outside the
            scan or, where it is attacked, too near its border.
        VariantError: there is no such variant.
    """
    say = progress or (lambda _: None)
    check_geometry(original, protected)
    attack = variant(config.variant)
    positions: list[tuple[int, int, int]] = []
    if attackers and config.places:  # first: what is wrong with them is told at once
        hu = original.hu().clip(-1024)
        plans = plan_places(original, hu, config.places, attackers[0].action)
        positions = [plan.position for plan in plans]
    found: Diagnosed | None = None
    if config.diagnostics:
        found = diagnose(
            original,
            protected,
            budget=config.budget,
            seed=config.seed,
            nodules=config.nodules,
            lpips=lpips,
            classifier=classifier,
            say=say,
        )
        close = found.fidelity
    else:
        say("fidelity")
        close = fidelity(original, protected)
    result: Result = {
        "version": __version__,
        "unit": "HU",
        "data_range_hu": DATA_RANGE_HU,
        "config": {
            **asdict(config),
            **{key: [list(p) for p in getattr(config, key)] for key in ("nodules", "places")},
        },
        "position_depth_mm": DEPTH_MM,
        "scan": {"shape": list(original.shape), "spacing_mm": list(original.spacing)},
        "fidelity": asdict(close),
        "positions": [],
        "disruption": {},
        "appearance": {},
        "attackers": {},
    }
    if found is not None:
        result |= found.as_result(lpips)
    if not attackers:
        return result
    try:
        positions = positions or lung_positions(original, config.positions, config.seed)
    except ScanError:
        if found is None:
            raise
        found.gaps.append("simulated tampering: there is no lung to attack")
        return result
    result["positions"] = [
        {"voxel": list(p), "lps_mm": list(original.geometry.to_world(p))} for p in positions
    ]
    before, after = (hu_volume(scan) for scan in (original, protected))
    healthy: HealthyLung | None = None
    if classifier is not None:
        say("healthy lung")
        try:
            healthy = healthy_lung(original, seed=config.seed)
        except MitsganError as error:
            if found is not None:
                found.gaps.append(f"what healthy lung looks like: {error}")
    if found is not None:
        say("slices of the attacks")
        pairs = untouched_slices(original, protected, positions)
        found.metrics += compare_slices("protected", pairs, lpips)
    for attacker in attackers:
        plans = [
            plan_attack(before.numpy(), original.spacing, p, attacker.action) for p in positions
        ]
        if found is not None:
            say(f"{attacker.name}: tampered slices")
            pairs = tampered_slices(original, (before, after), plans, attacker, variant=attack)
            found.metrics += compare_slices(f"tampered: {attacker.action}", pairs, lpips)
        rows = _rows(original, (before, after), plans, attacker, config, attack, say)
        result["disruption"][attacker.action] = {k: v.summary() for k, v in rows.items()}
        result["attackers"][attacker.action] = {
            "name": attacker.name,
            "width": attacker.width,
        }
        if classifier is None:
            continue
        say(f"{attacker.name}: what the attacked cubes look like")
        looked_at: dict[str, list[Plan]] = {attacker.action: plans}
        if attacker.action == "remove" and config.nodules:
            try:
                places = plan_places(original, before.numpy(), config.nodules, "remove")
                looked_at["remove, at known nodules"] = places
            except PositionError as error:
                result["gaps"] = [*result.get("gaps", []), f"removal of known nodules: {error}"]
        for name, where in looked_at.items():
            looks = appearance(
                before, after, where, attacker, classifier, healthy=healthy, variant=attack
            )
            result["appearance"][name] = looks.summary()
    return result


def _rows(
    original: Scan,
    volumes: tuple[Tensor, Tensor],
    plans: Sequence[Plan],
    attacker: Attacker,
    config: EvaluationConfig,
    attack: Variant,
    say: Callable[[str], None],
) -> dict[str, Disruption]:
    """One attacker on the protected scan and on the controls."""
    before, after = volumes
    say(f"{attacker.name}: protected scan")
    ours = disruption(before, after, plans, attacker, variant=attack)
    energy = ours.energy
    rows: dict[str, Disruption] = {"protected": ours}
    controls: dict[str, Perturbation] = {
        "random sign": RandomSign(energy, config.seed),
        "constant offset": Offset(round(energy)),
    }
    for name, layer in controls.items():
        say(f"{attacker.name}: {name}")
        control = apply_perturbations(original, [layer], Budget(config.max_hu)).scan
        moved = hu_volume(control)
        rows[name] = disruption(before, moved, plans, attacker, variant=attack)
    if config.pgd_steps:
        say(f"{attacker.name}: PGD at known positions")
        limits = config.budget.limits(original)
        bound = limits if isinstance(limits, float) else torch.from_numpy(limits)
        rows["PGD, position known"] = pgd_disruption(
            before, plans, attacker, bound, config.pgd_steps, config.seed, variant=attack
        )
    return rows
