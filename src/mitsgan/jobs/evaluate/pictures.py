"""Which of the attacks of an evaluation are shown."""

from __future__ import annotations

from collections.abc import Sequence

from mitsgan.attack import Attacker, hu_volume
from mitsgan.evaluate.attacks.positions import plan_possible
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.evaluate.controls import PROTECTED
from mitsgan.evaluate.report.pictures.gallery import Gallery, make_gallery
from mitsgan.evaluate.result import Evaluation
from mitsgan.scan.scan import Scan


def evaluation_galleries(
    original: Scan, protected: Scan, attackers: Sequence[Attacker], evaluation: Evaluation
) -> list[Gallery]:
    """For each attacker, the position whose disruption is the (lower) median.

    Removal is shown at the first known nodule that can be attacked, if there is one: elsewhere it
    has nothing to remove.
    """
    hu = hu_volume(original).numpy()
    galleries = []
    for attacker in attackers:
        values = evaluation.disruption[attacker.action][PROTECTED].positions_rmse_hu
        middle = sorted(range(len(values)), key=values.__getitem__)[(len(values) - 1) // 2]
        places = [evaluation.positions[middle].lps_mm]
        plans, _ = plan_possible(original, hu, places, attacker.action)
        if attacker.action == "remove":
            at_nodules, _ = plan_possible(original, hu, evaluation.config.nodules, "remove")
            plans = [*at_nodules, *plans]
        galleries.append(
            make_gallery(
                original,
                {PROTECTED: protected},
                attacker,
                plans[0],
                scan=evaluation.scan.name,
                variant=variant(evaluation.config.variant),
            )
        )
    return galleries
