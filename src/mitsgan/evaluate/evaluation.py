"""The first numbers: one scan, one protector, two actions, and controls of the same energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mitsgan import __version__
from mitsgan.attack import Attacker, plan_attack
from mitsgan.errors import ScanError
from mitsgan.evaluate.disruption import Disruption, disruption, pgd_disruption
from mitsgan.evaluate.fidelity import DATA_RANGE_HU, fidelity
from mitsgan.evaluate.positions import DEPTH_MM, lung_positions
from mitsgan.protect import Budget, Layer, Offset, RandomSign, apply_layers
from mitsgan.scan.scan import Scan

Result = dict[str, Any]
"""JSON values; see docs/results."""


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured.

    Attributes:
        max_hu: the budget.
        positions: random lung positions, attacked by both actions.
        seed: of positions and controls.
        pgd_steps: gradient steps of the upper control at known positions; 0 leaves it out.
    """

    max_hu: float = 10.0
    positions: int = 48
    seed: int = 0
    pgd_steps: int = 40


def evaluate(
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    config: EvaluationConfig,
    *,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Measure fidelity and disruption of a protected scan.

    Controls have the RMSE that the perturbation has inside the attacked cubes: a random sign per
    voxel, and a constant offset. PGD knows position and attacker, at the same budget.

    Raises:
        ScanError: the scans differ in shape.
        PositionError: there is too little lung.
    """
    say = progress or (lambda _: None)
    if original.shape != protected.shape:
        raise ScanError(
            f"the scans differ in shape, {original.shape} and {protected.shape} [z, y, x]; "
            "give a scan and its protected version"
        )
    say("fidelity")
    close = fidelity(original, protected)
    positions = lung_positions(original, config.positions, config.seed)
    before, after = (torch.from_numpy(s.hu().clip(-1024)) for s in (original, protected))
    budget = Budget(config.max_hu)
    result: Result = {
        "version": __version__,
        "unit": "HU",
        "data_range_hu": DATA_RANGE_HU,
        "config": asdict(config),
        "position_depth_mm": DEPTH_MM,
        "scan": {"shape": list(original.shape), "spacing_mm": list(original.spacing)},
        "fidelity": asdict(close),
        "disruption": {},
        "attackers": {},
    }
    for attacker in attackers:
        plans = [
            plan_attack(before.numpy(), original.spacing, p, attacker.action) for p in positions
        ]
        say(f"{attacker.name}: protected scan")
        ours = disruption(before, after, plans, attacker)
        energy = ours.energy
        rows: dict[str, Disruption] = {"protected": ours}
        controls: dict[str, Layer] = {
            "random sign": RandomSign(energy, config.seed),
            "constant offset": Offset(round(energy)),
        }
        for name, layer in controls.items():
            say(f"{attacker.name}: {name}")
            control = apply_layers(original, [layer], budget).scan
            moved = torch.from_numpy(control.hu().clip(-1024))
            rows[name] = disruption(before, moved, plans, attacker)
        if config.pgd_steps:
            say(f"{attacker.name}: PGD at known positions")
            rows["PGD, position known"] = pgd_disruption(
                before, plans, attacker, config.max_hu, config.pgd_steps, config.seed
            )
        result["disruption"][attacker.action] = {k: v.summary() for k, v in rows.items()}
        result["attackers"][attacker.action] = {
            "name": attacker.name,
            "width": attacker.generator.width,
        }
    return result
