"""A run measures what `disruption` would, goes on where it stopped, and does not mind processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from time import monotonic, sleep
from typing import Any

import pytest
import torch
from tests.evaluate.untrained import attacker as untrained
from torch import Tensor

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, Plan, TrainedAttacker, plan_attack
from mitsgan.errors import PositionError, ScanError
from mitsgan.evaluate.attacks.disruption import disruption, pgd_disruption
from mitsgan.evaluate.benchmark.cells import all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig, BenchmarkError
from mitsgan.evaluate.benchmark.provenance import provenance
from mitsgan.evaluate.benchmark.reader import read_config
from mitsgan.evaluate.benchmark.run import measure
from mitsgan.evaluate.benchmark.worker import Order, Worker
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.purify.purifiers import purify_scan
from mitsgan.jobs.benchmark_scans import load_subject
from mitsgan.optimize import Ascent, optimize_scan
from mitsgan.optimize.removals import removals_around
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import RandomSign
from mitsgan.protect.registry import load_protector
from mitsgan.settings import DEFAULT_PROTECTOR

TEXT = """
title = "t"
seed = 4

[[scans]]
name = "chest"
role = "unseen"
phantom = { shape = [24, 96, 96], spacing_mm = [8.0, 3.8, 3.8], seed = 3 }

[[attackers]]
name = "own"
injector = "inject.safetensors"
remover = "remove.safetensors"

[[protectors]]
name = "signs"
kind = "noise"
strength_hu = 6.0

[[protectors]]
name = "PGD"
kind = "pgd-known"
steps = 2

[[protectors]]
name = "known"
kind = "known-places"
against = ["own"]
steps = 2

[[sweeps]]
name = "places"
scans = ["chest"]
protectors = ["known"]
attackers = ["own"]
actions = ["remove"]
budgets = [8.0]
positions = 3

[[sweeps]]
name = "all"
scans = ["chest"]
protectors = ["signs", "PGD"]
attackers = ["own"]
budgets = [8.0]
purifiers = ["none", "rounding"]
positions = 3
"""

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    folder = tmp_path_factory.mktemp("benchmark")
    for action in ("inject", "remove"):
        card = {"config": {"width": 2, "action": action}}
        untrained(action).save(folder / f"{action}.safetensors", card, precision="float32")
    (folder / "b.toml").write_text(TEXT)
    return Order(read_config(folder / "b.toml", {}), load_subject)


def run(order: Order, path: Path | None = None, jobs: int = 1) -> Rows:
    journal = Journal(path, {})
    measure(order, journal, jobs, lambda *_: None)
    return journal.results()


@pytest.mark.parametrize(
    "scan, wrong",
    [
        ("phantom = { shape = [3, 8, 8], spacing_mm = [8.0, 3.8, 3.8] }", "found no lung"),
        ("phantom = { shape = [24, 96, 96], spacing_mm = [8.0, 3.8, 3.8] }\nplanted = 99", "only"),
    ],
)
def test_a_scan_that_cannot_be_attacked_is_named(scan: str, wrong: str, tmp_path: Path) -> None:
    """Of many scans it is one, and the others are measured for hours before its turn comes."""
    one = f'[[scans]]\nname = "odd"\nrole = "unseen"\n{scan}\n'
    text = TEXT.replace(TEXT[TEXT.index("[[scans]]") : TEXT.index("[[attackers]]")], one)
    (tmp_path / "b.toml").write_text(text.replace('scans = ["chest"]', 'scans = ["odd"]'))
    worker = Worker(Order(read_config(tmp_path / "b.toml", {}), load_subject))
    with pytest.raises((PositionError, ScanError), match=f"^scan odd: {wrong}"):
        worker.bench("odd")


@pytest.fixture(scope="module")
def results(order: Order) -> Rows:
    return run(order)


def row(results: Rows, **wanted: object) -> dict[str, Any]:
    names = {"action": "remove", "purifier": "none", "control": None, **wanted}
    attacks = [r for r in results.values() if r["kind"] == "attack"]
    (matching,) = (r for r in attacks if all(r[key] == value for key, value in names.items()))
    return matching


def by_hand(order: Order, purifier: str = "none") -> tuple[Tensor, Tensor, list[Plan], Attacker]:
    """Original and protected scan, and the removals, made without the benchmark."""
    scan = chest((24, 96, 96), (8.0, 3.8, 3.8), 3)
    versions = [scan, apply_perturbations(scan, [RandomSign(6.0, 4)], Budget(8.0)).scan]
    if purifier != "none":
        versions = [purify_scan(version, purifier, seed=4) for version in versions]
    before, after = (torch.from_numpy(version.hu().clip(-1024)) for version in versions)
    hu = scan.hu().clip(-1024)
    places = lung_positions(scan, 3, 4)
    plans = [plan_attack(hu, scan.spacing, place, "remove") for place in places]
    return before, after, plans, TrainedAttacker.load(order.config.attackers[0].remover or Path())


@pytest.mark.parametrize("purifier", ["none", "rounding"])
def test_a_row_is_what_disruption_measures(results: Rows, order: Order, purifier: str) -> None:
    expected = disruption(*by_hand(order, purifier))
    kept = row(results, protector="signs", purifier=purifier)
    assert kept["disruption_rmse_hu"] == pytest.approx(expected.rmse_hu, abs=2e-3)
    assert kept["perturbation_cube_rmse_hu"] == pytest.approx(expected.perturbation_hu, abs=2e-3)


@pytest.mark.parametrize("control", ["noise", "offset"])
def test_controls_have_the_energy_of_the_protector(results: Rows, control: str) -> None:
    ours, theirs = (row(results, protector="signs", control=c) for c in (None, control))
    key = "perturbation_cube_rmse_hu"
    assert fmean(theirs[key]) == pytest.approx(fmean(ours[key]), rel=0.1)
    assert theirs["disruption_rmse_hu"] != ours["disruption_rmse_hu"]


def test_a_known_position_is_what_pgd_reaches(results: Rows, order: Order) -> None:
    before, _, plans, attacker = by_hand(order)
    expected = pgd_disruption(before, plans, attacker, 8.0, steps=2, seed=4)
    kept = row(results, protector="PGD")
    assert kept["disruption_rmse_hu"] == pytest.approx(expected.rmse_hu, abs=2e-2)
    assert kept["perturbation_cube_rmse_hu"] == pytest.approx(expected.perturbation_hu, abs=2e-2)


def test_known_places_are_optimised_against_removals_there(results: Rows, order: Order) -> None:
    before, _, plans, attacker = by_hand(order)
    scan = chest((24, 96, 96), (8.0, 3.8, 3.8), 3)
    layer = optimize_scan(
        scan,
        removals_around([plan.position for plan in plans], scan.spacing, [attacker]),
        Budget(8.0),
        Ascent(steps=2, seed=5),
        layer=load_protector(DEFAULT_PROTECTOR, seed=4),
    )
    after = torch.from_numpy(apply_perturbations(scan, [layer], Budget(8.0)).scan.hu().clip(-1024))
    kept = row(results, protector="known")
    expected = disruption(before, after, plans, attacker)
    assert kept["disruption_rmse_hu"] == pytest.approx(expected.rmse_hu, abs=2e-3)


def test_every_task_has_its_row(results: Rows, order: Order) -> None:
    assert {task.key for task in all_tasks(order.config)} <= set(results)
    kinds = {r["kind"] for r in results.values()}
    assert kinds == {"attack", "scan", "protection"}


@pytest.mark.slow
def test_an_interrupted_run_goes_on(
    results: Rows, order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.jsonl"
    run(order, path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]) + lines[-1][:40])
    measured: list[str] = []
    monkeypatch.setattr(
        "mitsgan.evaluate.benchmark.run.Worker", lambda order: _Spy(Worker(order), measured)
    )
    again = run(order, path)
    assert without_seconds(again) == without_seconds(results)
    tasks = {task.key for task in all_tasks(order.config)}
    assert 0 < len(measured) < len(tasks)
    assert run(order, path) == again
    assert path.read_text().count('"step"') == len(again)


def test_a_run_does_not_go_on_with_another_scan(order: Order) -> None:
    journal = Journal(None, {})
    journal.keep("chest | scan", {"kind": "scan", "scan": "chest", "sha256": "of another one"})
    with pytest.raises(BenchmarkError, match="scan chest has other values"):
        measure(order, journal, 1, lambda *_: None)
    assert list(journal.results()) == ["chest | scan"]


class _Spy:
    """A worker that writes down what it was asked for."""

    def __init__(self, worker: Worker, measured: list[str]) -> None:
        self.worker, self.measured = worker, measured

    def results(self, tasks: Any) -> Any:
        self.measured += [task.key for task in tasks]
        return self.worker.results(tasks)


@pytest.mark.slow
def test_processes_find_the_same(results: Rows, order: Order) -> None:
    assert without_seconds(run(order, jobs=2)) == without_seconds(results)


@pytest.mark.slow
def test_an_error_in_a_process_is_told(order: Order, tmp_path: Path) -> None:
    entry = order.config.attackers[0]
    text = TEXT.replace('injector = "inject', 'injector = "remove')
    folder = (entry.injector or Path()).parent
    (folder / "wrong.toml").write_text(text)
    wrong = Order(read_config(folder / "wrong.toml", {}), load_subject)
    with pytest.raises(BenchmarkError, match="is there to inject, its weights remove"):
        run(wrong, jobs=2)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
def test_processes_end_with_the_one_that_is_killed(order: Order, tmp_path: Path) -> None:
    config = (order.config.attackers[0].injector or Path()).parent / "b.toml"
    run_folder = tmp_path / "run"
    words = ("-m", "mitsgan", "benchmark", config, "-o", run_folder, "--jobs", "2", "-q")
    with subprocess.Popen([sys.executable, *words]) as process:
        until(lambda: "disruption" in text_of(run_folder / "results.jsonl"))
        workers = [
            stat.parent
            for stat in Path("/proc").glob("[0-9]*/stat")
            if text_of(stat).split()[3:4] == [str(process.pid)] and is_worker(stat.parent)
        ]
        process.kill()
    assert len(workers) == 2
    until(lambda: not any(map(is_worker, workers)))


def is_worker(process: Path) -> bool:
    return "spawn_main" in text_of(process / "cmdline")


def until(true: Callable[[], bool], seconds: float = 300.0) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "waited in vain"
        sleep(0.1)


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def provenance_of(config: BenchmarkConfig, kind: str) -> list[dict[str, Any]]:
    return [r for r in provenance(config).values() if r["kind"] == kind]


def test_provenance_names_weights_and_who_was_held_out(order: Order) -> None:
    weights = provenance_of(order.config, "weights")
    assert {w["name"] for w in weights} == {"own", "classifier"}
    assert all(len(w["sha256"]) == 64 for w in weights)
    (own,) = provenance_of(order.config, "attacker")
    assert own == {"kind": "attacker", "attacker": "own", "held_out": False}


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('kind = "noise"', 'kind = "nois"', "no 'nois'; there are: mits-gan"),
        ('kind = "noise"', 'kind = "noise"\nform = "native"', "has no native form"),
    ],
)
def test_a_protector_that_there_is_not(
    order: Order, old: str, new: str, said: str, tmp_path: Path
) -> None:
    folder = (order.config.attackers[0].injector or tmp_path).parent
    (folder / "kind.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(BenchmarkError, match=said):
        provenance(read_config(folder / "kind.toml", {}))


def without_seconds(results: Rows) -> Rows:
    return {
        key: {name: value for name, value in result.items() if name != "seconds"}
        for key, result in sorted(results.items())
    }
