"""`mitsgan train --config`: files before defaults, options before files, and resumed runs."""

from __future__ import annotations

import errno
import inspect
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from mitsgan.attack import SURROGATES, surrogate_path
from mitsgan.cli.main import main
from mitsgan.cli.train.config import from_file
from mitsgan.cli.train.train import TRAININGS, TrainingCommand
from mitsgan.jobs.train.config_file import read_values
from mitsgan.jobs.train.settings import ClassifierTraining
from mitsgan.networks import Kind, load_weights, shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.golden import check_golden, golden_path
from mitsgan.training.loop import run_loop

SHIPPED = Path(__file__).parents[3] / "benchmarks" / "train"


def test_a_training_without_a_word_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "protector"])
    assert end.value.code == 2
    assert "required" in capsys.readouterr().err.lower()


def test_every_training_can_have_a_file() -> None:
    for command in TRAININGS.values():
        assert {"config", "resume"} <= {field.name for field in fields(command)}


def from_toml(tmp_path: Path, what: str, text: str, *options: str) -> TrainingCommand:
    path = tmp_path / "a.toml"
    path.write_text(text)
    command = from_file(["train", what, "--config", str(path), *options])
    assert command is not None
    return command


def test_options_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    text = 'scans = ["one"]\noutput = "a.safetensors"\nwidth = 4\nsteps = 7\nheld_out = true\n'
    text += 'action = "inject"\nrun = "here"\n'
    training = from_toml(tmp_path, "attacker", text, "--steps", "8", "--quiet")
    values = {field.name: getattr(training, field.name) for field in fields(training)}
    assert values["scans"] == (tmp_path / "one",)
    assert values["run"] == tmp_path / "here"
    assert (values["width"], values["steps"], values["batch"]) == (4, 8, 16)
    assert values["held_out"] is values["quiet"] is True
    other = from_toml(tmp_path, "attacker", text, "two", "three", "--no-held-out")
    assert other.scans == (Path("two"), Path("three"))
    assert not getattr(other, "held_out")  # noqa: B009


@pytest.mark.parametrize(
    "text, said",
    [
        ("widht = 4", "widht: no such key; there are: seed, "),
        ("overwrite = true", "overwrite: no such key"),
        ("width = 4.5", "width: expected a whole number, found 4.5"),
        ("steps = 1\nscans = ['a']\noutput = 'a.safetensors'", "a does not exist"),
        ("steps = 0\nscans = ['a']\noutput = 'a.safetensors'", "--steps must be 1 or more"),
    ],
)
def test_files_that_make_no_sense_are_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert main(["train", "classifier", f"--config={path}"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("output", ["/", "."])
def test_an_output_without_a_name_is_refused(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "classifier", "a", f"--output={output}", "--resume"]) == 2
    assert f"--output {output}: weights are named *.safetensors" in capsys.readouterr().err


def test_what_neither_tells_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        from_toml(tmp_path, "classifier", "width = 4\n")
    output = capsys.readouterr()
    assert "--output" in output.out + output.err


@pytest.mark.parametrize("name", ["classifier", "mitsgan", *SURROGATES])
def test_shipped_files_are_what_the_shipped_weights_say(name: str) -> None:
    kinds: dict[str, Kind] = {"classifier": "classifier", "mitsgan": "protector"}
    trainings = {"mitsgan": "protector", "classifier": "classifier", "diffusion": "diffusion"}
    kind = kinds.get(name, "attacker")
    path = SHIPPED / f"{name}.toml"
    values = read_values(path, TRAININGS[trainings.get(name, "attacker")])
    for weights in (
        (surrogate_path(name, "inject"), surrogate_path(name, "remove"))
        if name in SURROGATES
        else (shipped(name),)
    ):
        card = load_weights(weights, kind)[1]
        for key, value in card["config"].items():
            if key != "action" and not (name == "diffusion" and key == "architecture"):
                assert json.loads(json.dumps(values[key])) == value, key
        assert values["licence"] == card["licence"]
        assert values.get("held_out", False) == card.get("held_out", False)
        assert values.get("precision", "float16") == card["precision"]
        attackers = values.get("attackers", ())
        assert [p.stem for p in attackers] == [a["name"] for a in card.get("attackers", ())]
        assert all(p.is_file() for p in attackers)


@pytest.fixture
def arguments(series: Path, tmp_path: Path) -> list[str]:
    """A tiny training of a classifier by a file, of three steps."""
    path = tmp_path / "tiny.toml"
    scan = json.dumps(str(series))
    path.write_text(f"scans = [{scan}]\nwidth = 2\nbatch = 2\nsteps = 3\nseed = 4\n")
    return ["train", "classifier", "--config", str(path), "--quiet"]


def test_a_run_keeps_its_configuration_and_is_resumed_with_it(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    assert main([*arguments, "--output", str(out), "--seed", "5"]) == 0
    assert load_weights(out, "classifier")[1]["config"]["seed"] == 5
    check_golden(out, NoduleClassifier)
    kept = (tmp_path / "mine.run" / "config.toml").read_text()
    assert "\nseed = 5\n" in kept
    assert "\nrate = 0.001\n" in kept
    resumed = ["train", "classifier", "--resume", "--run", str(tmp_path / "mine.run"), "--quiet"]
    assert main([*resumed, "--overwrite", "--licence", "MIT"]) == 0
    assert load_weights(out, "classifier")[1]["licence"] == "MIT"
    capsys.readouterr()
    assert main([*resumed, "--overwrite", "--steps", "4"]) == 2
    assert "holds a run with steps = 3, found 4" in capsys.readouterr().err
    assert main([*arguments, "--output", str(out), "--overwrite", "--resume"]) == 2
    assert "holds a run with seed = 5, found 4" in capsys.readouterr().err


def test_an_interrupt_tells_how_to_go_on(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, arguments = tmp_path / "mine.safetensors", arguments[:-1]  # not quiet

    def interrupted(settings: ClassifierTraining, worker: object) -> None:
        settings.folder.mkdir(exist_ok=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("mitsgan.jobs.train.classifier.work", interrupted)
    assert main([*arguments, "--output", str(out)]) == 130
    assert "interrupted; no output was written" in capsys.readouterr().err, "nothing to go on from"
    (tmp_path / "mine.run" / "checkpoint.pt").touch()
    assert main([*arguments, "--output", str(out), "--resume"]) == 130
    told = capsys.readouterr().err
    assert f"`mitsgan train classifier --resume --run {tmp_path / 'mine.run'}` goes on" in told


def test_a_disk_that_is_full_is_told(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(settings: ClassifierTraining, worker: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mitsgan.jobs.train.classifier.work", full)
    assert main([*arguments, "--output", str(tmp_path / "mine.safetensors")]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'mine.run'}: No space left on device" in told
    assert "goes on with --resume" in told


def test_golden_outputs_are_not_overwritten(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    golden_path(out).write_bytes(b"mine")
    assert main([*arguments, "--output", str(out)]) == 2
    assert "mine.golden.safetensors exists" in capsys.readouterr().err


SAVE_EVERY = 20
"""Steps between checkpoints, for 100."""

STRUCK = """
import os, signal, sys
import mitsgan.training.classifier as training
from mitsgan.cli.main import main
from mitsgan.training.loop import run_loop

run_loop.__kwdefaults__["save_every"] = int(os.environ["SAVE_EVERY"])
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored from outside
number, left, draw = int(sys.argv[1]), int(sys.argv[2]), training._examples

def examples(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), number)
    return draw(*arguments, **options)

training._examples = examples
sys.exit(main(sys.argv[3:]))
"""


def struck(arguments: list[str], number: int, step: int) -> int:
    """The exit code of a command, in a process of its own, that gets a signal in a step."""
    command = [sys.executable, "-c", STRUCK, str(int(number)), str(step), *arguments]
    environment = {**os.environ, "SAVE_EVERY": str(SAVE_EVERY)}
    return subprocess.run(command, env=environment, check=False).returncode


@pytest.mark.slow
@pytest.mark.timeout(900)  # four trainings, one after the other
def test_an_interrupted_run_ends_where_it_would_have(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(inspect.unwrap(run_loop).__kwdefaults__, "save_every", SAVE_EVERY)
    steps = ["--steps", "44"]
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    assert main([*arguments, *steps, "--output", str(whole)]) == 0
    begun = [*arguments, *steps, "--output", str(parts)]
    assert struck(begun, signal.SIGINT, 26) == 130
    resumed = ["train", "classifier", "--resume", "--output", str(parts), "--quiet"]
    assert struck(resumed, signal.SIGTERM, 22) == 143  # of the steps from 20 on
    assert not parts.exists()
    assert main(resumed) == 0
    first, second = (load_weights(path, "classifier")[1] for path in (whole, parts))
    assert first["sha256"] == second["sha256"]
    losses = [
        (tmp_path / f"{name}.run" / "losses.jsonl").read_text() for name in ("whole", "parts")
    ]
    assert losses[0] == losses[1]
    assert len(losses[0].splitlines()) == 44


@pytest.mark.slow
@pytest.mark.timeout(900)  # processes that wait for each other are slow where others run too
def test_two_processes_leave_one_result(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lightning_fabric", reason="needs lightning-fabric (extra train)")
    out = tmp_path / "mine.safetensors"
    arguments.remove("--quiet")
    assert main([*arguments, "--output", str(out), "--devices", "2"]) == 0
    check_golden(out, NoduleClassifier)
    output = capfd.readouterr()
    assert output.out.count("trained in") == output.err.count("training: ") // 3 == 1
    capfd.readouterr()
    alone = ["train", "classifier", "--resume", "--run", str(tmp_path / "mine.run"), "--overwrite"]
    assert main([*alone, "--devices", "1"]) == 2
    assert "holds a run with devices = 2, found 1" in capfd.readouterr().err
