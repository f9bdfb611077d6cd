"""`mitsgan benchmark`: a run folder, going on with it, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mitsgan.cli.main import main

Run = Callable[..., int]

TEXT = """
title = "A small run"
resamples = 50

[[scans]]
name = "chest"
role = "unseen"
phantom = { shape = [24, 96, 96], spacing_mm = [8.0, 3.8, 3.8], seed = 3 }

[[scans]]
name = "planted"
role = "unseen"
phantom = { shape = [40, 96, 96], spacing_mm = [5.0, 3.8, 3.8], seed = 3 }
planted = 2

[[attackers]]
name = "own"
injector = "injector.safetensors"
remover = "remover.safetensors"
held_out = true

[[protectors]]
name = "ours"
kind = "mits-gan"
weights = "mitsgan.safetensors"

[[sweeps]]
name = "main"
scans = ["chest", "planted"]
protectors = ["ours"]
attackers = ["own"]
actions = ["remove"]
budgets = [10.0]
positions = 2
slices = true

[gallery]
scan = "chest"
protectors = ["ours"]
attacker = "own"
actions = ["remove"]
"""


@pytest.fixture(scope="module")
def config(weights: Path) -> Path:
    path = weights / "benchmark.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def whole(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["benchmark", str(config), "-o", str(folder), "--quiet"]) == 0
    return folder


@pytest.mark.slow
def test_a_run_folder_holds_everything(whole: Path, config: Path, weights: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names == {"config.toml", "results.jsonl", "summary.json", "gallery-remove.npz"}
    text = (whole / "summary.json").read_text()
    summary = json.loads(text)
    assert (summary["schema"], summary["kind"], summary["title"]) == (1, "benchmark", "A small run")
    assert str(weights.parent) not in text, "no path of this machine"
    assert summary["config_toml"] == TEXT
    assert summary["command"] == "mitsgan benchmark benchmark.toml --output run"
    tables = {table["id"]: table["rows"] for table in summary["tables"]}
    assert {"main-chest", "main-planted", "protection", "paper-square-tampered"} <= set(tables)
    assert all(row["n"] == 2 for row in tables["main-planted"])
    assert any(f["label"].startswith("over noise: planted") for f in summary["headline"])
    assert {w["name"] for w in summary["provenance"]["weights"]} == {"own", "ours", "classifier"}


def test_the_report_can_be_made_of_it(whole: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(whole), "-o", str(page)]) == 0
    assert "A small run" in page.read_text()


def test_an_existing_folder_is_not_touched(
    whole: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "summary.json").read_bytes()
    assert main(["benchmark", str(config), "-o", str(whole)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert (whole / "summary.json").read_bytes() == before


def test_resuming_a_whole_run_gives_the_same_summary(
    whole: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "summary.json").read_bytes()
    lines = (whole / "results.jsonl").read_bytes()
    assert main(["benchmark", str(config), "-o", str(whole), "--resume"]) == 0
    output = capsys.readouterr()
    assert "8 of 8 cells" in output.err
    assert "whole-scan RMSE" in output.out
    assert (whole / "summary.json").read_bytes() == before
    assert (whole / "results.jsonl").read_bytes() == lines


def test_what_a_file_sets_is_not_called_an_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.toml"
    path.write_text(TEXT.replace("budgets = [10.0]", "budgets = [0.0]"))
    assert main(["benchmark", str(path), "-o", str(tmp_path / "run")]) == 2
    assert "give a `max_hu` such as 10" in capsys.readouterr().err


def test_another_configuration_is_refused(
    whole: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = weights / "changed.toml"
    changed.write_text(TEXT.replace("resamples = 50", "resamples = 60"))
    assert main(["benchmark", str(changed), "-o", str(whole), "--resume"]) == 2
    assert "resamples was 50, now 60" in capsys.readouterr().err


def test_an_interrupt_keeps_the_run_and_says_how_to_go_on(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mitsgan.evaluate.benchmark.run.measure", interrupted)
    folder = tmp_path / "run"
    assert main(["benchmark", str(config), "-o", str(folder)]) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"config.toml", "results.jsonl"}


@pytest.mark.parametrize(
    "options, said",
    [
        (["none.toml", "-o", "run"], "none.toml"),
        (["CONFIG", "-o", "run", "--jobs", "0"], "--jobs must be 1 or more"),
        (["CONFIG", "-o", "run", "--lpips-weights", "none.pth"], "none.pth"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_made(
    config: Path,
    tmp_path: Path,
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [str(config) if option == "CONFIG" else option for option in options]
    assert main(["benchmark", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
