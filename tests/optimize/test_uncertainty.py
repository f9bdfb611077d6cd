"""The curve of disruption over position uncertainty: rows, and that knowing less costs."""

from __future__ import annotations

import math

import pytest
import torch

from mitsgan.attack import Attacker
from mitsgan.optimize import position_uncertainty
from mitsgan.scan.scan import Scan

CENTRES = [(14, 32, 32), (13, 28, 36)]


@pytest.mark.slow
def test_rows_and_that_a_known_position_is_worth_most(scan: Scan, injector: Attacker) -> None:
    sign = torch.randint(0, 2, scan.shape, generator=torch.Generator().manual_seed(0)) * 20.0 - 10
    rows = position_uncertainty(
        scan,
        injector,
        CENTRES,
        [0.0, 8.0, math.inf],
        max_hu=10.0,
        steps=10,
        draws=4,
        seed=0,
        perturbations={"sign": sign},
    )
    keys = [(row["method"], row["uncertainty_mm"], tuple(row["centre"])) for row in rows]
    assert keys == [
        (method, radius, centre)
        for radius in (0.0, 8.0, None)
        for centre in CENTRES
        for method in ("pgd", "sign")
    ]
    assert all(0 < row["perturbation_hu"] <= 10 for row in rows)
    assert [r["perturbation_hu"] for r in rows if r["method"] == "sign"] == pytest.approx([10] * 6)
    reached = {
        radius: sum(r["rmse_hu"] for r in rows if r["uncertainty_mm"] == radius and is_pgd(r))
        for radius in (0.0, 8.0, None)
    }
    assert reached[0.0] > 2 * reached[8.0] > 0
    assert reached[None] > 0


def is_pgd(row: dict[str, object]) -> bool:
    return row["method"] == "pgd"
