"""A report says by which command its result is made again: one that the command line takes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mitsgan.cli.evaluate.evaluate import Evaluate
from mitsgan.cli.evaluate.mark import EvaluateMark
from mitsgan.cli.main import _command, main
from mitsgan.evaluate.mark.result import MarkEvaluation
from mitsgan.evaluate.report.command_line import command_line
from mitsgan.evaluate.report.reading import read_report
from mitsgan.evaluate.result import Evaluation
from mitsgan.files import Derivation, write_scan
from mitsgan.jobs.demo.demo import DemoFolder
from mitsgan.jobs.evaluate.settings import EvaluateFiles
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.scan.scan import Scan

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("name", ["lungdx-a0001", "lungdx-a0001-residual"])
def test_an_evaluation_is_made_again(name: str) -> None:
    path = RESULTS / f"{name}.json"
    _, *arguments = shlex.split(read_report(path).command)
    command = _command(arguments)
    assert isinstance(command, Evaluate)
    result = Evaluation.read(path)
    assert command.measured() == result.config
    assert command.original == Path(result.scan.name)
    assert all(a.name.endswith(command.attackers) for a in result.attackers.values())


@pytest.mark.parametrize("name", ["mark-lungdx-a0001", "mark-lungdx-a0001-strong"])
def test_an_evaluation_of_the_mark_is_made_again(name: str) -> None:
    path = RESULTS / f"{name}.json"
    _, *arguments = shlex.split(read_report(path).command)
    command = _command(arguments)
    assert isinstance(command, EvaluateMark)
    assert command.measured() == MarkEvaluation.read(path).config


def test_a_demonstration_is_made_again() -> None:
    settings = DemoFolder(out=Path("somewhere/OUT"), seed=3, weights=Path("mine/own weights.pt"))
    assert settings.command() == "mitsgan demo OUT --seed 3 --weights 'own weights.pt'"


def test_a_page_of_an_evaluation_names_the_files_and_options_that_it_was_made_of() -> None:
    settings = EvaluateFiles(
        original=Path("a/SCAN"),
        protected=Path("b/OUT"),
        max_hu=20,
        places=((1.5, -2, 3),),
        attackers="residual",
        classifier=Path("c/own.safetensors"),
        select=("kernel=B70f", "acquisition=2"),
        hu_offset=-1024,
        html=Path("d/worth.html"),
    )
    _, *arguments = shlex.split(settings.command())
    again = _command(arguments)
    assert isinstance(again, Evaluate)
    assert again.measured() == settings.measured()
    assert again.protected == Path("OUT")
    assert again.classifier == Path("own.safetensors")
    for name in ("attackers", "select", "hu_offset", "series", "attack"):
        assert getattr(again, name) == getattr(settings, name)


def test_a_page_of_a_verification_names_the_files_and_options_that_it_was_made_of() -> None:
    settings = VerifyFile(
        scan=Path("a/OUT"), key=Path("b/KEY"), false_alarms=0.001, series="1.2.3", identity="x y"
    )
    line = settings.command(recursive=True)
    assert line == (
        "mitsgan verify OUT --recursive --key KEY --identity 'x y' --false-alarms 0.001 "
        "--series 1.2.3"
    )


def test_a_page_of_a_sealed_protection_says_so_and_signs_again(
    small_chest: Scan, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "k.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    write_scan(small_chest, tmp_path / "scan.mha", derivation=Derivation("test", "test"))
    for name, sign in (("sealed", ["--sign", str(tmp_path / "k.pem")]), ("bare", [])):
        files = [str(tmp_path / "scan.mha"), str(tmp_path / f"{name}.mha")]
        out = ["--protector", "noise", "--quiet", "--output", str(tmp_path / f"{name}.json")]
        assert main(["protect", *files, *out, *sign]) == 0
        page = tmp_path / f"{name}.md"
        assert main(["report", str(tmp_path / f"{name}.json"), "-o", str(page), "--quiet"]) == 0
        assert (" --sign KEY.pem" in page.read_text()) == bool(sign)
        assert ("sealed.mha.seal.json" in page.read_text()) == bool(sign)


def test_settings_become_options() -> None:
    line = command_line("evaluate", "chest", "b c", seed=1, position=[(1.5, -2, 3), (4, 5, 6)])
    assert line == "mitsgan evaluate chest 'b c' --seed 1 --position 1.5,-2,3 --position 4,5,6"
    assert command_line("x", on=True, off=False, nothing=None) == "mitsgan x --on --no-off"
    assert command_line("x", max_hu=20.0, small=1e-6) == "mitsgan x --max-hu 20 --small 1e-06"
