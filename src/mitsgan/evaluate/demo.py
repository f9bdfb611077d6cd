"""What the demonstration measures and shows, in memory: a page, and its numbers."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence

import torch

from mitsgan.attack import Action, Attacker
from mitsgan.evaluate.evaluation import EvaluationConfig, Result, evaluate
from mitsgan.evaluate.page import Page
from mitsgan.evaluate.report.pictures.comparison import compare
from mitsgan.phantom.chest import NODULE_LPS
from mitsgan.scan.scan import Scan

PLACES: Mapping[Action, tuple[float, float, float]] = {
    "inject": (85.0, 20.0, 40.0),
    "remove": NODULE_LPS,
}
"""Where the phantom is attacked for the pictures, LPS mm: healthy lung, and its nodule."""

POSITIONS = 12
"""Random lung positions for the numbers; few, so that the demonstration is short."""


def demonstrate(
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    *,
    max_hu: float,
    seed: int,
    facts: Mapping[str, str],
    command: str,
    positions: int = POSITIONS,
    progress: Callable[[str], None] | None = None,
) -> tuple[str, Result]:
    """Tamper with a phantom and its protected version; tell what came of it.

    Args:
        original: the phantom of `mitsgan.phantom.chest.chest`, as read back.
        protected: the same after protection.
        attackers: one per action that is to be shown.
        max_hu: the budget.
        seed: of positions and controls.
        facts: about weights, for the page.
        command: what makes the page again.
        positions: how many are measured, per action.
        progress: told what is being done.

    Returns:
        The page, and its numbers as JSON values.

    Raises:
        PositionError: the scan is not a phantom of usual extent.
    """
    config = EvaluationConfig(max_hu=max_hu, positions=positions, seed=seed, pgd_steps=0)
    result = evaluate(original, protected, attackers, config, progress=progress)
    comparisons = []
    for attacker in attackers:
        if progress is not None:
            progress(f"{attacker.name}: pictures")
        z, y, x = (round(v) for v in original.geometry.to_index(PLACES[attacker.action]))
        comparisons.append(compare(original, protected, attacker, (z, y, x), max_hu))
    result["shown"] = {
        c.action: {
            "position_voxel": list(c.position),
            "position_lps_mm": list(c.world),
            "disruption_rmse_hu": c.disruption_hu,
        }
        for c in comparisons
    }
    versions = f"mitsgan {result['version']}, torch {torch.__version__}, "
    page = Page(
        title="A protected CT scan, and what tampering makes of it",
        what="A synthetic chest CT",
        result=result,
        comparisons=comparisons,
        facts={**facts, "versions": f"{versions}Python {platform.python_version()}"},
        command=command,
    )
    return page.html(), result
