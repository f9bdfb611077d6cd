"""`mitsgan.benchmark`: a run from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import mitsgan as mg

CONFIG = """
title = "A small one"
seed = 1
resamples = 20

[[scans]]
name = "chest"
role = "unseen"
path = "${PLACE}/chest"

[[protectors]]
name = "noise"
kind = "noise"

[[sweeps]]
name = "all"
scans = ["chest"]
protectors = ["noise"]
attackers = ["narrow"]
budgets = [4]
actions = ["inject"]
positions = 1
controls = false
"""


def test_a_run_is_measured_kept_and_gone_on_with(series: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(CONFIG)
    phases: list[str] = []

    def watch(phase: str, done: int, total: int, note: str = "") -> None:
        phases.append(phase)

    place = {"PLACE": str(series.parent)}
    with pytest.raises(mg.MitsganError, match="PLACE is not set"):
        mg.benchmark(config, tmp_path / "run")
    with pytest.raises(mg.MitsganError, match=r"scans.chest.path: .*chest does not exist"):
        mg.benchmark(config, tmp_path / "run", environment={"PLACE": str(tmp_path)})
    assert not (tmp_path / "run").exists()
    result = mg.benchmark(config, tmp_path / "run", environment=place, progress=watch)
    assert result.title == "A small one"
    tables = {table.id: table for table in result.tables}
    (row,) = tables["protection"].rows
    assert (row["protector"], row["budget"], row["largest_hu"]) == ("noise", "4 HU", 4)
    assert "measuring" in phases
    assert mg.Benchmark.read(tmp_path / "run" / "summary.json") == result
    with pytest.raises(mg.OutputError, match="`resume=True`"):
        mg.benchmark(config, tmp_path / "run", environment=place)
    again = mg.benchmark(config, tmp_path / "run", environment=place, resume=True)
    assert again == result
    with pytest.raises(mg.SettingsError, match="`jobs` must be 1 or more"):
        mg.benchmark(config, tmp_path / "run", jobs=0)
