"""`mitsgan demo` on a smaller chest: what it leaves, what it replaces, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mitsgan.cli.main import main
from mitsgan.files import read_scan
from mitsgan.jobs.demo import demo as demonstration
from mitsgan.jobs.demo.folder import PARTS

Run = Callable[..., int]


@pytest.fixture
def demo(
    attacker_options: list[str],
    protector_options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Demonstrate into ``tmp_path / "demo"``."""

    monkeypatch.setattr(demonstration, "SHAPE", (24, 96, 96))
    monkeypatch.setattr(demonstration, "SPACING", (8.0, 3.8, 3.8))

    def run(*options: str) -> int:
        return main(
            ["demo", str(tmp_path / "demo"), *attacker_options, *protector_options, *options]
        )

    return run


def test_shows_what_protection_does(
    demo: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert demo() == 0
    assert {p.name for p in out.iterdir()} == PARTS
    output = capsys.readouterr().out
    for part in PARTS:
        assert str(out / part) in output
    original, protected = read_scan(out / "original"), read_scan(out / "protected")
    moved = protected.hu() - original.hu()
    assert 0 < np.abs(moved).max() <= 10
    report = json.loads((out / "report.json").read_text())
    assert report["fidelity"]["largest_hu"] == np.abs(moved).max()
    assert (report["schema"], report["kind"]) == (1, "evaluation")
    assert set(report["disruption"]) == {"inject", "remove"}
    page = (out / "report.html").read_text()
    assert report["protected_by"] == "mits-gan", "its weights have no waves"
    assert report["protector"]["sha256"] in page
    assert str(tmp_path) not in page, "no path of this machine"
    assert "mitsgan demo OUT --seed 0 --weights mitsgan.safetensors --injector" in page
    assert demo() == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]


@pytest.mark.slow
def test_demonstrates_the_same_again(
    demo: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert demo("--quiet") == 0
    page = (out / "report.html").read_text()
    before = {p: p.read_bytes() for p in sorted(out.glob("*/*.dcm"))}
    assert demo("--overwrite", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert {p: p.read_bytes() for p in sorted(out.glob("*/*.dcm"))} == before
    assert (out / "report.html").read_text() == page
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]


def test_keeps_the_earlier_one_when_interrupted(
    demo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demo"
    for part in ("original", "protected"):
        (out / part).mkdir(parents=True)
    for part in ("report.html", "report.json"):
        (out / part).write_text("earlier")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mitsgan.jobs.evaluate.evaluation.evaluate", interrupted)
    assert demo("--overwrite") == 130
    assert (out / "report.html").read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]


def test_an_interrupt_leaves_nothing(
    demo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mitsgan.jobs.evaluate.evaluation.evaluate", interrupted)
    assert demo() == 130
    assert list(tmp_path.iterdir()) == []


def test_never_replaces_anything_else(
    demo: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    for part in (*PARTS, "notes"):
        (out / part).mkdir(parents=True)
    (out / "notes" / "mine.txt").write_text("mine")
    assert demo("--overwrite") == 2
    assert "mine.txt" in capsys.readouterr().err
    assert (out / "notes" / "mine.txt").read_text() == "mine"


def test_refuses_a_negative_seed(demo: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("--seed", "-1") == 2
    assert "--seed must be 0 or more" in capsys.readouterr().err
