"""The table of who was trained against, and who attacks."""

from __future__ import annotations

from typing import Any

from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.summary.rows import Rows
from mitsgan.evaluate.benchmark.summary.tables import transfer


def attack(attacker: str, n: int, control: str | None = None) -> dict[str, Any]:
    return {
        "kind": "attack",
        "scan": "a",
        "protector": "ours",
        "form": "clipped",
        "budget": "10 HU",
        "control": control,
        "attacker": attacker,
        "action": "inject",
        "variant": PLAIN,
        "purifier": NONE,
        "n": n,
        "disruption_rmse_hu": [20.0] * n,
        "perturbation_cube_rmse_hu": [5.0] * n,
        "perturbation_core_rmse_hu": [5.0] * n,
    }


def test_places_are_those_of_the_pair_that_struck_at_the_fewest() -> None:
    both = [("textured", 3), ("tuned", 2), ("narrow", 3)]
    rows = [attack(*who, control) for who in both for control in (None, "noise")]
    (line,) = transfer(Rows(rows)).rows
    assert line["n"] == 2
    assert [line[f"{name}_hu"] for name, _ in both] == [20.0] * 3
