"""`mitsgan protect --refine`, `--protector pgd` and `--candidates`: what they write, and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from mitsgan.anatomy.candidates import Candidate
from mitsgan.cli.main import main
from mitsgan.errors import OutputError
from mitsgan.files import read_scan
from mitsgan.jobs.protect import refine
from mitsgan.optimize import ascent
from mitsgan.optimize.removals import UNCERTAINTY_MM
from mitsgan.scan.scan import Scan

Run = Callable[..., NDArray[np.float32]]


@pytest.fixture
def moved(series: Path, tmp_path: Path) -> Run:
    """Protect the series, and tell how far each voxel moved, in HU."""

    def run(*options: str, out: str = "out") -> NDArray[np.float32]:
        code = main(["protect", str(series), str(tmp_path / out), "--device", "cpu", *options])
        assert code == 0
        return np.asarray(read_scan(tmp_path / out).hu() - read_scan(series).hu())

    return run


@pytest.mark.slow
def test_refining_starts_from_the_network_and_keeps_the_budget(
    moved: Run, protector_options: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run.json"
    plain = moved(*protector_options, out="plain")
    refined = moved(*protector_options, "--refine-steps", "2", "--output", str(run))
    assert np.abs(refined).max() <= 10
    changed = float((plain != refined).mean())
    assert 0 < changed < 0.5, "what no attack looked at stays as the network had it"
    report = json.loads(run.read_text())
    assert report["protector"] == "mits-gan", "the weights have no waves"
    assert report["refinement"] == {
        "steps": 2,
        "seconds": None,
        "attackers": ["textured"],
        "places": "lung",
        "seed": 0,
        "varied": False,
    }
    assert report["seconds"]["optimize"] > 0
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "optimised 2 steps over the lung against textured" in header.DerivationDescription


@pytest.mark.slow
def test_steps_and_seed_give_the_same_result(moved: Run, protector_options: list[str]) -> None:
    options = (*protector_options, "--refine-steps", "1")
    first, again, other = (
        moved(*options, "--seed", seed, out=name) for name, seed in zip("abc", "110", strict=True)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.slow
def test_an_optimisation_that_was_interrupted_goes_on(
    moved: Run,
    protector_options: list[str],
    series: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = tmp_path / "kept.npz"
    options = (*protector_options, "--refine-steps", "2")
    whole = moved(*options, out="whole")
    step, steps = ascent._Climb.step, list[None]()

    def interrupted(self: object, *args: Any) -> None:
        if steps:
            raise KeyboardInterrupt
        steps.append(step(self, *args))  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(ascent._Climb, "step", interrupted)
        command = ["protect", str(series), str(tmp_path / "out"), "--device", "cpu", *options]
        assert main([*command, "--checkpoint", str(kept)]) == 130
    told = capsys.readouterr().err
    assert f"interrupted; {kept} keeps the optimisation: the same command goes on" in told
    assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patched:
        patched.setattr("mitsgan.jobs.protect.file.writing", full_disk)
        assert main([*command, "--checkpoint", str(kept)]) == 2
    assert kept.exists(), "what took long is not lost with what is soon done again"
    monkeypatch.setattr(ascent._Climb, "step", None)  # nothing is left to do
    assert (moved(*options, "--checkpoint", str(kept), out="resumed") == whole).all()
    assert not kept.exists()


def full_disk(*_: object, **__: object) -> None:
    raise OutputError("the disk is full")


def test_pgd_starts_from_random_numbers(moved: Run, tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    change = moved(
        *("--protector", "pgd", "--refine", "1", "--max-hu", "6"),
        *("--attackers", "textured", "smooth", "--output", str(run)),
    )
    assert 0 < np.abs(change).max() <= 6
    report = json.loads(run.read_text())
    assert report["protector"] == "pgd"
    assert report["weights"] is None
    assert report["refinement"]["seconds"] == 1
    assert report["refinement"]["attackers"] == ["textured", "smooth"]
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "PGD" in header.DerivationDescription


def test_candidates_are_what_is_optimised_around(
    moved: Run, monkeypatch: pytest.MonkeyPatch, protector_options: list[str]
) -> None:
    """With one candidate, nothing further away than an attack reaches is touched."""
    place = (12, 48, 30)
    monkeypatch.setattr(
        "mitsgan.jobs.protect.refine.find_candidates", lambda _: [Candidate(place, 5.0, 1.0)]
    )
    plain = moved(*protector_options, out="plain")
    refined = moved(*protector_options, "--refine-steps", "3", "--candidates")
    where = (np.argwhere(plain != refined) - place) * (8.0, 3.8, 3.8)
    assert len(where)
    assert np.abs(where).max() <= UNCERTAINTY_MM + 1.3 * 16 + 8


def test_listed_nodules_are_what_is_optimised_around(
    moved: Run, series: Path, protector_options: list[str], tmp_path: Path
) -> None:
    """With one nodule, nothing further away than an attack reaches is touched."""
    place = (12, 48, 30)
    listed, run = tmp_path / "nodules.json", tmp_path / "run.json"
    world = [float(part) for part in read_scan(series).geometry.to_world(place)]
    listed.write_text(json.dumps([{"world": world, "diameter_mm": 9}]))
    plain = moved(*protector_options, out="plain")
    options = ("--refine-steps", "3", "--varied", "--nodules", str(listed), "--output", str(run))
    refined = moved(*protector_options, *options)
    where = (np.argwhere(plain != refined) - place) * (8.0, 3.8, 3.8)
    assert len(where)
    assert np.abs(where).max() <= UNCERTAINTY_MM + 1.3 * 16 + 8
    refinement = json.loads(run.read_text())["refinement"]
    assert refinement["places"] == "nodules"
    assert refinement["attackers"] == ["textured", "smooth", "narrow"]
    assert refinement["varied"] is True
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert (
        "3 steps around known nodules against varied attacks by textured"
        in header.DerivationDescription
    )


def test_a_list_without_nodules_of_the_scan_is_told(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    listed = tmp_path / "nodules.json"
    nodule = {"voxel": [12, 48, 30], "diameter_mm": 9, "series": "another"}
    listed.write_text(json.dumps([nodule]))
    message = refused("--refine-steps", "1", "--nodules", str(listed))
    assert "lists no nodule of this scan" in message


@pytest.mark.slow
def test_candidates_of_the_phantom_are_found(phantom: Scan) -> None:
    assert refine.candidates_in(phantom)


def test_a_scan_without_candidates_is_told(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitsgan.jobs.protect.refine.find_candidates", lambda _: [])
    assert "leave --candidates out" in refused("--refine", "1", "--candidates")


@pytest.fixture
def refused(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Protect, and expect exit code 2 and no output; returns the message."""

    def run(*options: str) -> str:
        out = tmp_path / "out"
        assert main(["protect", str(series), str(out), "--device", "cpu", *options]) == 2
        assert not out.exists()
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "options, message",
    [
        (["--protector", "pgd"], "say how long: --refine 300"),
        (["--candidates"], "--candidates needs time"),
        (["--refine", "5", "--refine-steps", "5"], "give one of them"),
        (["--refine", "0"], "--refine must be 1 or more"),
        (["--checkpoint", "kept.npz"], "say how long that is: --refine 300"),
        (["--refine", "5", "--checkpoint", "none/kept.npz"], "the folder none does not exist"),
        (["--refine", "5", "--checkpoint", "a", "--recursive"], "--checkpoint is of one scan"),
        (["--refine-steps", "0"], "--refine-steps must be 1 or more"),
        (["--protector", "pgd", "--refine", "1", "--weights", "none.safetensors"], "no weights"),
    ],
)
def test_options_that_make_no_sense(
    refused: Callable[..., str], options: list[str], message: str
) -> None:
    assert message in refused(*options)


@pytest.mark.parametrize("name", ["out", "out/kept.npz"])
def test_a_checkpoint_does_not_lie_where_the_scan_is_to_be(
    refused: Callable[..., str], tmp_path: Path, name: str
) -> None:
    message = refused("--refine", "5", "--checkpoint", str(tmp_path / name))
    assert f"lies in the output {tmp_path / 'out'}" in message
