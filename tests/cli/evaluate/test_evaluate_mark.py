"""`mitsgan evaluate-mark`: numbers, tables, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mitsgan.cli.main import main
from mitsgan.networks import load_weights

Run = Callable[..., int]
FEW = ("--positions", "2", "--keys", "2", "--purified-keys", "1")


@pytest.fixture
def evaluate(series: Path, attacker_options: list[str]) -> Run:
    """Evaluate the mark on the series at few positions, with further arguments."""

    def run(*arguments: str) -> int:
        return main(["evaluate-mark", str(series), *FEW, *attacker_options, *arguments])

    return run


@pytest.mark.slow
def test_writes_and_tells_all_numbers(
    evaluate: Run,
    series: Path,
    weights: Path,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = tmp_path / "numbers.json"
    assert evaluate("--output", str(numbers), *protector_options) == 0
    text = numbers.read_text()
    result = json.loads(text)
    assert result["scan"]["name"] == "chest"
    assert str(series.parent) not in text, "no path of this machine"
    assert result["config"]["positions"] == 2
    protector = load_weights(weights / "mitsgan.safetensors", "protector")[1]
    assert result["protector"] == {"name": "mitsgan", "sha256": protector["sha256"]}
    for action, name in (("inject", "injector"), ("remove", "remover")):
        card = load_weights(weights / f"{name}.safetensors", "attacker")[1]
        assert result["attacks"][action]["sha256"] == card["sha256"]
    assert result["change"]["together_largest_hu"] <= 10
    output = capsys.readouterr().out
    auc = result["attacks"]["remove"]["cases"]["touched up"]["auc"]
    assert f"{auc:.3f}" in output
    assert "copy-move" in output
    assert "untouched, with a wrong key" in output
    assert "HU RMS over the body was added to chest" in output
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.json"], "no journal is left"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--positions", "1"], "--positions must be 2 or more"),
        (["--keys", "0"], "--keys must be 1 or more"),
        (["--budget", "-1"], "the budget must be"),
        (["--mark-hu", "0"], "the mark's strength must be"),
        (["--false-alarms", "0.7"], "--false-alarms lies between 0 and 0.5"),
        (["--mark-only", "--weights", "mine.safetensors"], "leaves the protector out"),
        (["--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--output", "no/such/numbers.json"], "the folder no/such does not exist"),
    ],
)
def test_refusals(
    evaluate: Run, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*arguments) == 2
    assert said in capsys.readouterr().err


def test_refuses_a_scan_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-mark", "nowhere"]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err
