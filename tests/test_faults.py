"""What damages inputs and kills runs: cases run again by number, and what fails is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
FUZZ = TOOLS / "faults" / "fuzz.py"
INTERRUPT = TOOLS / "faults" / "interrupt.py"


def fuzz(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, FUZZ, *options], capture_output=True, text=True)


@pytest.mark.slow
def test_one_case_again(tmp_path: Path) -> None:
    ran = [fuzz("--only", "nifti:7", "--output", str(tmp_path / f"{n}.json")) for n in range(2)]
    assert [one.returncode for one in ran] == [0, 0], ran[0].stdout
    results = [json.loads((tmp_path / f"{n}.json").read_text()) for n in range(2)]
    assert results[0]["cases"] == results[1]["cases"]
    assert results[0]["totals"] == {"files": 1, "commands": 0}


@pytest.mark.slow
def test_what_once_failed() -> None:
    cases = ("dicom-big-endian:99", "dicom-big-endian:104", "dicomdir:38", "nifti-2:27")
    later = (
        "mhd:342",
        "mhd:615",
        "dicom-enhanced:616",
        "command-line:49",
        "command-line:2922",
        "command-line:5857",
    )
    ran = fuzz("--only", *cases, *later)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.slow
def test_a_campaign_goes_on_where_it_ended_and_tries_again_what_failed(tmp_path: Path) -> None:
    output = tmp_path / "faults.json"
    options = ("--commands", "0", "--resume", "--output", str(output), "--files")
    assert fuzz(*options, "21").returncode == 0
    first = json.loads(output.read_text())
    assert first["totals"] == {"files": 21, "commands": 0}
    # As if a case had failed, which by now does not.
    first["findings"] = [{"kind": "nifti", "number": 0, "what": "", "trace": ""}]
    tally = first["cases"]["nifti"]
    tally["outcomes"] = {"failed": tally["cases"]}
    output.write_text(json.dumps(first))
    assert fuzz(*options, "42").returncode == 0
    second = json.loads(output.read_text())
    assert second["totals"] == {"files": 42, "commands": 0}
    assert sum(run["files"] for run in second["runs"]) == 43  # one of them again
    assert second["findings"] == []
    assert {tally["cases"] for tally in second["cases"].values()} == {2}
    assert sum(second["cases"]["nifti"]["outcomes"].values()) == 2


@pytest.mark.slow
def test_hypothesis_draws_the_lines_of_a_number_again() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from faults.strategies import commands, drawn; "
        "lines = [drawn(1, n) for n in range(50)]; "
        "assert lines == [drawn(1, n) for n in range(50)]; "
        "assert len({*map(tuple, lines)}) > 25; "
        "names = [*commands()]; "
        "assert all(any(line[: len(n)] == [*n] for n in names) for line in lines); "
        "assert ('restore',) in names and ('demo',) not in names; "
        "print(lines)"
    )
    command = [sys.executable, "-c", code, str(TOOLS)]
    ran = [subprocess.run(command, capture_output=True, text=True) for _ in range(2)]
    assert ran[0].returncode == 0, ran[0].stderr
    assert ran[0].stdout == ran[1].stdout


@pytest.mark.slow
def test_lines_that_hypothesis_draws_end_in_words(tmp_path: Path) -> None:
    output = tmp_path / "faults.json"
    lines = [f"command-line-by-type:{number}" for number in range(20)]
    ran = fuzz("--only", *lines, "--output", str(output))
    assert ran.returncode == 0, ran.stdout
    assert json.loads(output.read_text())["totals"] == {"files": 0, "commands": 20}


@pytest.mark.slow
def test_parsers_that_are_kept_say_the_same_of_every_line() -> None:
    code = """
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
sys.path.insert(0, sys.argv[1])
from faults.parsers import keep_parsers
from mitsgan.cli.main import main

LINES = ("verify -h", "protect", "protect a b --max-hu x", "seal --no-such", "node", "node show",
         "protect a b", "train attacker --nodule 1", "evaluate --position 1,2", "evaluate a --html")

def spoken():
    for line in LINES:
        with redirect_stdout(StringIO()) as text, redirect_stderr(text), suppress(SystemExit):
            main(line.split())
        yield text.getvalue()

[*spoken()]  # the first help of a command joins its lines, for errors that follow, too
built_anew = [*spoken()]
keep_parsers()
keep_parsers()
assert built_anew == [*spoken()] == [*spoken()]
assert all(built_anew), built_anew
"""
    ran = subprocess.run([sys.executable, "-c", code, TOOLS], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_a_worker_that_dies_is_told_with_its_case() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from faults.workers import Batch, run_batches; "
        "(_, outcomes, found), = run_batches([Batch('no such kind', 1, 5, 2)], 1, None); "
        "print([one.number for one in found], outcomes)"
    )
    ran = subprocess.run([sys.executable, "-c", code, TOOLS], capture_output=True, text=True)
    assert ran.stdout == "[5, 6] {'failed': 2}\n", ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")
def test_what_is_killed_leaves_no_half_result(tmp_path: Path) -> None:
    """A few of the moments that docs/results/interrupted.json has hundreds of."""
    output = tmp_path / "interrupted.json"
    options = ["--kills", "3", "--faults", "1", "--output", str(output)]
    ran = subprocess.run([sys.executable, INTERRUPT, *options], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(output.read_text())
    assert result["broken"] == []
    assert set(result["outcomes"]) == {
        *("protect", "protect an image", "seal", "verify --map", "restore"),
    }
    for trials in result["outcomes"].values():
        kills = {name: count for name, count in trials["killed"].items() if name != "ended before"}
        assert sum(kills.values()) == 3
        assert len(trials) == 6
