"""`mitsgan.evaluate`: in memory what `mitsgan evaluate` is on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mitsgan as mg
from mitsgan.jobs.evaluate.evaluation import evaluate_files
from mitsgan.jobs.evaluate.settings import EvaluateFiles
from mitsgan.scan.canonical import reordered
from mitsgan.scan.order import AxisOrder
from mitsgan.scan.scan import Scan
from mitsgan.settings import DEFAULT_PROTECTOR

FEW: dict[str, Any] = {"positions": 1, "pgd_steps": 0, "diagnostics": False, "attackers": "narrow"}


@pytest.mark.slow
def test_it_is_what_the_command_measures(series: Path, tmp_path: Path) -> None:
    original = mg.read(series)
    protected = mg.protect(original, max_hu=4, device="cpu")
    mg.write(protected, tmp_path / "out")
    wanted = EvaluateFiles(original=series, protected=tmp_path / "out", max_hu=4, **FEW)
    on_disk = evaluate_files(wanted)
    in_memory = mg.evaluate(original, protected, **FEW)
    assert in_memory.protector is not None
    assert in_memory.protector.name == "mitsgan-waves"
    assert in_memory.protected_by == DEFAULT_PROTECTOR
    assert replace(in_memory, protector=None, protected_by=None) == on_disk
    assert mg.Evaluation.from_json(in_memory.to_json()) == in_memory
    assert in_memory.report().command.startswith("mitsgan evaluate chest --max-hu 4")


@pytest.mark.slow
def test_the_budget_is_that_of_the_protection(phantom: Scan) -> None:
    protected = mg.protect(phantom, max_hu=3, protector="noise")
    kept, given = (
        mg.evaluate(phantom, protected, attack=False, max_hu=max_hu) for max_hu in (None, 2)
    )
    assert kept.config.max_hu == 3
    assert given.config.max_hu == 2
    assert kept.budget_check is not None
    assert kept.budget_check.kept
    assert given.budget_check is not None
    assert not given.budget_check.kept
    assert "NOT KEPT" in given.report().lead
    assert (kept.protected_by, kept.protector) == ("noise", None)
    assert "--protector noise" in kept.report().command
    assert "PROTECTED" not in kept.report().command


@pytest.mark.slow
def test_what_the_command_could_not_repeat_is_no_protection_of_its_own(phantom: Scan) -> None:
    another_seed = mg.protect(phantom, protector="noise", seed=1)
    for protected in (another_seed, another_seed.scan):
        evaluated = mg.evaluate(phantom, protected, attack=False, seed=0)
        assert evaluated.protected_by is None
        assert "chest PROTECTED" in evaluated.report().command.replace("scan", "chest")


@pytest.mark.slow
def test_voxels_are_those_of_the_array_whichever_way_its_axes_lie(phantom: Scan) -> None:
    order = AxisOrder((2, 0, 1), (True, True, False))
    original = Scan.from_hu(
        phantom.hu(),
        phantom.spacing,
        origin_mm=phantom.geometry.origin,
        axes=phantom.geometry.axes,
    )
    protected = mg.protect(original, max_hu=3, protector="noise").scan
    turned, also = (replace(reordered(s, order), order=s.order) for s in (original, protected))
    plain = mg.evaluate(original, protected, **FEW)
    other = mg.evaluate(turned, also, **FEW)
    assert other.disruption == plain.disruption
    (there,), (here,) = other.positions, plain.positions
    assert there.voxel != here.voxel
    assert turned.hu()[there.voxel] == original.hu()[here.voxel]
    assert turned.geometry.to_voxel(there.lps_mm) == there.voxel


def test_what_makes_no_sense_is_told_before_any_work(phantom: Scan) -> None:
    with pytest.raises(mg.SettingsError, match="the same voxels as `original`"):
        mg.evaluate(phantom, phantom)
    protected = mg.protect(phantom, protector="offset")
    with pytest.raises(mg.SettingsError, match="`positions` must be 1 or more, found 0"):
        mg.evaluate(phantom, protected, positions=0)
    with pytest.raises(mg.BudgetError):
        mg.evaluate(phantom, protected, max_hu=-1)
    with pytest.raises(mg.SettingsError, match="`least_hu` belongs to `noise_fraction`"):
        mg.evaluate(phantom, protected, least_hu=3)
    with pytest.raises(mg.SettingsError, match="take the places of both `attackers`"):
        mg.evaluate(phantom, protected, injector="a", remover="b", attackers="smooth")
    short: Any = (0.0, 0.0)
    with pytest.raises(mg.SettingsError, match="is no place in mm"):
        mg.evaluate(phantom, protected, places=[short])
    with pytest.raises(mg.SettingsError, match="places say where to attack"):
        mg.evaluate(phantom, protected, places=[(0.0, 0.0, 0.0)], attack=False)
    with pytest.raises(mg.SettingsError, match="leave `positions` out"):
        mg.evaluate(phantom, protected, places=[(0.0, 0.0, 0.0)], positions=3)


def test_it_is_stopped_by_an_exception(phantom: Scan) -> None:
    def stop(phase: str, done: int, total: int, note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mg.evaluate(phantom, mg.protect(phantom, protector="offset"), progress=stop)
