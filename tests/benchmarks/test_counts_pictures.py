"""Pictures of the median and the worst place are of attacks that come out as they were measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import counts_pictures
from mitsgan.cli.main import main as mitsgan
from mitsgan.errors import MitsganError

_CONFIG = """
title = "two forms of a chest"
seed = 1
resamples = 100

[[scans]]
name = "phantom"
role = "unseen"
phantom = { shape = [40, 96, 96], spacing_mm = [5.0, 3.6, 3.6], seed = 2 }

[[scans]]
name = "phantom, planted nodules"
role = "unseen"
phantom = { shape = [40, 96, 96], spacing_mm = [5.0, 3.6, 3.6], seed = 2 }
planted = 2

[[protectors]]
name = "MITS-GAN with waves"
kind = "mits-gan-waves"

[[sweeps]]
name = "main"
scans = ["phantom", "phantom, planted nodules"]
protectors = ["MITS-GAN with waves"]
attackers = ["textured"]
budgets = [10.0]
positions = 2
"""


def _row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": "attack",
        "scan": "a",
        "protector": "MITS-GAN with waves",
        "budget": "10 HU",
        "control": None,
        "attacker": "textured",
        "action": "inject",
        "variant": "plain",
        "purifier": "none",
        "n": 5,
        "disruption_rmse_hu": [30.0, 10.0, 20.0, 50.0, 40.0],
    }
    return {**row, **changes}


def test_places_are_the_median_and_the_worst_of_the_largest_measurement() -> None:
    fewer = _row(n=2, disruption_rmse_hu=[1.0, 2.0])
    others = [_row(purifier="median"), _row(control="noise"), _row(budget="40 HU")]
    median, worst = counts_pictures.places([fewer, *others, _row()], "a", "inject")
    assert (median.number, median.disruption_hu) == (0, 30.0)
    assert (worst.number, worst.disruption_hu) == (1, 10.0)
    with pytest.raises(MitsganError, match="remove by textured was not measured"):
        counts_pictures.places([_row()], "a", "remove")


@pytest.mark.slow
def test_draws_what_was_measured_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run, results = (tmp_path / name for name in ("c.toml", "run", "results"))
    config.write_text(_CONFIG)
    assert mitsgan(["benchmark", str(config), "--output", str(run), "--quiet"]) == 0
    results.mkdir()
    kept = results / "results-phantom.jsonl"
    lines = (run / "results.jsonl").read_text().splitlines()
    kept.write_text("\n".join(lines))
    arguments = ["--config", str(config), "--results", str(results), "--scans", "phantom"]
    arguments += ["--output", str(tmp_path / "pictures")]
    assert counts_pictures.main(arguments) == 0
    with Image.open(tmp_path / "pictures" / "phantom.png") as picture:
        assert picture.width > 1000
        assert picture.height > 800
    rows = [json.loads(line) for line in lines]
    for row in rows:
        values = row.get("result", {}).get("disruption_rmse_hu", [])
        values[:] = [2 * value for value in values]
    kept.write_text("\n".join(map(json.dumps, rows)))
    assert counts_pictures.main(arguments) == 2
    assert "run the benchmark again" in capsys.readouterr().err
