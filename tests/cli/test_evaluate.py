"""`mitsgan evaluate`: numbers, table, picture, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest

from mitsgan.cli.main import main
from mitsgan.weights import load_weights

Run = Callable[..., int]
FEW = ("--positions", "3", "--pgd-steps", "2")


@pytest.fixture
def evaluate(series: Path, attacker_options: list[str]) -> Run:
    """Evaluate the series at few positions, with further arguments."""

    def run(*arguments: str) -> int:
        return main(["evaluate", str(series), *arguments, *FEW, *attacker_options])

    return run


def test_protects_in_memory_and_measures(
    evaluate: Run,
    series: Path,
    weights: Path,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers, picture = tmp_path / "numbers.json", tmp_path / "picture.png"
    wanted = ("--output", str(numbers), "--picture", str(picture))
    assert evaluate(*wanted, *protector_options) == 0
    text = numbers.read_text()
    result = json.loads(text)
    assert result["scan"]["name"] == "chest"
    assert str(series.parent) not in text, "no path of this machine"
    assert result["protector"]["name"] == "mitsgan"
    protector = load_weights(weights / "mitsgan.safetensors", "protector")[1]
    assert result["protector"]["sha256"] == protector["sha256"]
    for action, name in (("inject", "injector"), ("remove", "remover")):
        card = load_weights(weights / f"{name}.safetensors", "attacker")[1]
        assert result["attackers"][action]["sha256"] == card["sha256"]
        rows = result["disruption"][action]
        assert next(iter(rows)) == "protected"
        assert len(rows["protected"]["positions_rmse_hu"]) == 3
        assert "PGD, position known" in rows
    assert result["fidelity"]["largest_hu"] <= 10
    told = capsys.readouterr().out
    median = result["disruption"]["remove"]["protected"]["rmse_hu"]["median"]
    assert f"{median:.1f}" in told
    assert "PGD, position known" in told
    height, width = matplotlib.image.imread(picture).shape[:2]
    assert width > height > 500


def test_measures_a_scan_that_was_protected_before(
    evaluate: Run, series: Path, protector_options: list[str], tmp_path: Path
) -> None:
    """The same numbers as in memory, byte for byte, but for who protected it."""
    protected = tmp_path / "protected"
    assert main(["protect", str(series), str(protected), *protector_options, "--quiet"]) == 0
    files = [tmp_path / "memory.json", tmp_path / "disk.json"]
    assert evaluate("-o", str(files[0]), "--quiet", *protector_options) == 0
    assert evaluate(str(protected), "-o", str(files[1]), "--quiet") == 0
    memory, disk = (json.loads(file.read_text()) for file in files)
    assert disk.pop("protector") is None
    assert memory.pop("protector")["name"] == "mitsgan"
    assert memory == disk


def test_refuses_the_original_as_its_protected_version(
    evaluate: Run, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(str(series)) == 2
    assert "give a scan and its protected version" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--positions", "0"], "--positions must be 1 or more"),
        (["--max-hu", "-1"], "--max-hu"),
        (["--pgd-steps", "-1"], "--pgd-steps must be 0 or more"),
        (["nowhere"], "nowhere does not exist"),
        (["--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--output", "no/such/numbers.json"], "the folder no/such does not exist"),
    ],
)
def test_refusals(
    series: Path,
    attacker_options: list[str],
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(series), *arguments, *attacker_options]) == 2
    assert said in capsys.readouterr().err


def test_refuses_attackers_in_each_others_place(
    weights: Path,
    series: Path,
    protector_options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    swapped = ["--injector", str(weights / "remover.safetensors")]
    assert main(["evaluate", str(series), *swapped, *protector_options]) == 2
    assert "these weights remove, --injector must inject" in capsys.readouterr().err


def test_refuses_a_protector_for_a_protected_scan(
    evaluate: Run,
    series: Path,
    protector_options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate(str(series), *protector_options) == 2
    assert "leave it out, or PROTECTED" in capsys.readouterr().err
