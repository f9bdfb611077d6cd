"""A benchmark's file: what it may say, and how it is told what is wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mitsgan.evaluate.benchmark.cells import all_cells, all_tasks, groups
from mitsgan.evaluate.benchmark.config import (
    BenchmarkConfig,
    BenchmarkError,
    BenchmarkScan,
    BudgetEntry,
    ProtectorEntry,
    Sweep,
)
from mitsgan.evaluate.benchmark.protectors import check_entry
from mitsgan.evaluate.benchmark.reader import read_config
from mitsgan.evaluate.purify.purifiers import PURIFIERS

ROOT = Path(__file__).parents[3]

TEXT = """
title = "t"
data = "${SCANS}"

[[scans]]
name = "a"
role = "unseen"
path = "ct/a"

[[protectors]]
name = "ours"
kind = "mits-gan"
weights = "own.safetensors"

[[protectors]]
name = "theirs"
kind = "tafim"
form = "native"

[[protectors]]
name = "known"
kind = "pgd-known"

[[sweeps]]
name = "s"
scans = ["a"]
protectors = ["ours", "theirs"]
attackers = ["textured"]
budgets = [5, 10.0, { max_hu = 30.0, noise_fraction = 0.5 }]
purifiers = ["none", "median"]
positions = 4

[[sweeps]]
name = "k"
scans = ["a"]
protectors = ["known"]
attackers = ["textured"]
budgets = [5, 10]
purifiers = ["none", "median"]
positions = 4

[[uncertainty]]
scan = "a"
attackers = ["textured"]
uncertainties_mm = [0.0, inf]
"""


def read(folder: Path, text: str) -> BenchmarkConfig:
    path = folder / "b.toml"
    path.write_text(text)
    return read_config(path, {"SCANS": "/somewhere"})


def test_paths_start_where_they_should(tmp_path: Path) -> None:
    config = read(tmp_path, TEXT)
    assert config.scans[0].path == Path("/somewhere/ct/a")
    assert config.protectors[0].weights == tmp_path / "own.safetensors"


def test_a_budget_is_a_number_or_a_table(tmp_path: Path) -> None:
    budgets = read(tmp_path, TEXT).sweeps[0].budgets
    assert [b.max_hu for b in budgets] == [5.0, 10.0, 30.0]
    assert [b.noise_fraction for b in budgets] == [None, None, 0.5]
    assert len({b.name for b in budgets}) == 3


def test_a_position_may_be_anywhere(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT).uncertainty[0].uncertainties_mm == (0.0, math.inf)


def test_every_cell_comes_once_and_neighbours_share_a_scan(tmp_path: Path) -> None:
    again = TEXT[TEXT.index("[[sweeps]]") : TEXT.index("[[uncertainty]]")]
    again = again.replace('"s"', '"s again"').replace('"k"', '"k again"')
    config = read(tmp_path, TEXT + again)
    cells = all_cells(config)
    assert len({cell.key for cell in cells}) == len(cells)
    # ours: 3 budgets, 3 of itself and controls, 2 purifiers; a native form has no budget; where
    # the position is known there is neither a control nor a scan to purify. Two actions each.
    assert len(cells) == 2 * (3 * 3 * 2 + 1 * 3 * 2 + 2)
    versions = [part[0].version for part in groups(cells)]
    assert len(set(versions)) == len(versions)
    assert len({task.key for task in all_tasks(config)}) == len(cells) + 2


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('title = "t"', 'title = "t"\ntitel = "t"', "titel: no such key; there are: title, scans"),
        ('title = "t"', "", "title is missing"),
        ("positions = 4", 'positions = "4"', r"sweeps\[0\].positions: expected a whole number"),
        ("positions = 4", "positions = 0", "sweeps.s.positions must be 1 or more"),
        ("positions = 4", "positions = 4\ncontrol = true", r"sweeps\[0\].control: no such key"),
        ('attackers = ["textured"]\nb', 'attackers = ["rough"]\nb', "no 'rough'.*textured"),
        ('"median"', '"mdian"', "sweeps.s.purifiers: there is no 'mdian'"),
        (
            'role = "unseen"',
            'role = "new"',
            r"scans\[0\].role: expected one of \"training\", \"unseen\"",
        ),
        ('path = "ct/a"', "", "either path or phantom"),
        ('path = "ct/a"', 'path = "ct/a"\nplanted = 2\nnodules = [[1.0, 2.0, 3.0]]', "nodules or"),
        (
            'path = "ct/a"',
            'path = "ct/a"\nnodules = [[1.0, 2.0]]',
            r"nodules\[0\]: expected a list of 3",
        ),
        ('name = "theirs"', 'name = "ours"', "'ours' is given twice"),
        ("[5, 10.0,", "[nan, 10.0,", "HU above 0.*, found nan"),
        ("budgets = [5, 10]", "budgets = [{ max_hu = 9.0, noise_fraction = 0.5 }]", "of its own"),
        ('attackers = ["textured"]\nu', 'attackers = ["textured", "textured"]\nu', "earlier"),
        ("${SCANS}", "${SCANNED}", "data: the environment variable SCANNED is not set"),
        ("[[scans]]", "[[scans]", "is no TOML"),
        ('title = "t"', 'title = "t"\nseed = -1', "seed must be 0 or more, found -1"),
        ('title = "t"', 'title = "t"\nseed = 18446744073709551616', "seed must be .* at most"),
        ('title = "t"', 'title = "t"\nresamples = 0', "resamples must be 1 or more"),
        ('path = "ct/a"', 'path = "ct/a"\nplanted = -2', "scans.a.planted must be 0 or more"),
        ('kind = "pgd-known"', 'kind = "pgd-known"\nsteps = 0', "protectors.known.steps must be 1"),
        ("positions = 4", 'positions = 4\nvariants = ["shift"]', "there is no 'shift'.*shifts"),
        ('purifiers = ["none", "median"]', "purifiers = []", "sweeps.s.purifiers is empty"),
        ("[5, 10.0,", "[-5, 10.0,", "number of HU above 0"),
        ("[5, 10.0,", "[10.00001, 10.0,", "budgets: the name '10 HU' is given twice"),
        ("[0.0, inf]", "[-1.0, inf]", "uncertainties_mm must be 0 or more, found -1"),
        ("[0.0, inf]", "[0.0]\ndraws = 0", "uncertainty.draws must be 1 or more"),
        ("[0.0, inf]", '[0.0]\nprotectors = ["known"]', r"uncertainty\[0\].protectors: 'known'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(BenchmarkError, match=said):
        read(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize("key", ["scans", "protectors", "sweeps"])
def test_a_benchmark_of_nothing_is_refused(tmp_path: Path, key: str) -> None:
    config, nothing = read(tmp_path, TEXT), dict[str, Any]([(key, ())])
    with pytest.raises(BenchmarkError, match=f"^{key} is empty"):
        replace(config, **nothing)


@pytest.mark.parametrize(
    "kind, key, value, said",
    [
        ("mits-gan", "strength_hu", 3.0, "as strong as the budget says; only noise and offset"),
        ("pgd", "weights", Path("w.safetensors"), "pgd is optimised and takes none"),
        ("noise", "steps", 10, "noise is not optimised; only pgd, known-places, pgd-known are"),
        ("mits-gan", "against", ("smooth",), "mits-gan is not optimised"),
    ],
)
def test_what_would_do_nothing_is_refused(kind: str, key: str, value: object, said: str) -> None:
    entry, more = ProtectorEntry("ours", kind), dict[str, Any]([(key, value)])
    check_entry(entry)
    with pytest.raises(BenchmarkError, match=rf"^protectors.ours.{key}: .*{said}"):
        check_entry(replace(entry, **more))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"none.toml cannot be read: No such file"):
        read_config(tmp_path / "none.toml", {})


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_the_files_that_ship_can_be_read(name: str) -> None:
    config = read_config(ROOT / "benchmarks" / f"{name}.toml", {"MITSGAN_DATA": "/somewhere"})
    assert all_tasks(config)


def test_the_full_benchmark_leaves_no_purifier_out() -> None:
    config = read_config(ROOT / "benchmarks" / "full.toml", {"MITSGAN_DATA": "/somewhere"})
    assert {cell.purifier for cell in all_cells(config)} == {"none", *PURIFIERS}


def test_python_is_told_what_a_file_is_told() -> None:
    budgets = (BudgetEntry(10.0),)
    with pytest.raises(BenchmarkError, match=r"sweeps.s.actions is empty"):
        Sweep("s", ("a",), ("ours",), ("textured",), budgets, 4, actions=())
    scan = BenchmarkScan("a", "unseen", Path("a"))
    sweep = Sweep("s", ("b",), ("ours",), ("textured",), budgets, 4)
    ours = ProtectorEntry("ours", "mits-gan")
    with pytest.raises(BenchmarkError, match=r"sweeps.s.scans: there is no 'b'; there are: a"):
        BenchmarkConfig("t", (scan,), (ours,), (sweep,))
