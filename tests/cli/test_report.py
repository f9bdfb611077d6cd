"""`mitsgan report`: formats, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.evaluate.report_sample import summary, write_run

from mitsgan.cli.main import main
from mitsgan.files import Derivation, write_scan
from mitsgan.phantom.chest import chest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
EVALUATION, MARK = RESULTS / "lungdx-a0001.json", RESULTS / "mark-lungdx-a0001.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("benchmark") / "run")


@pytest.mark.slow
def test_draws_a_page_into_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run / "report.html"
    assert main(["report", str(run), "-o", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert 'id="volume-1-5"' in page, "both galleries, all their volumes"
    assert str(run) not in page, "no path of this machine"
    output = capsys.readouterr()
    assert f"written: {out}, {round(out.stat().st_size / 1000):,} kB" in output.out

    assert main(["report", str(run), "-o", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["report", str(run), "-o", str(out), "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert out.read_text(encoding="utf-8") == page
    assert sorted(p.suffix for p in run.iterdir()) == [".html", ".json", ".npz", ".npz"]


@pytest.mark.parametrize("options", [["out.md"], ["out.txt", "--format", "md"]])
def test_the_name_or_an_option_says_the_format(
    run: Path, tmp_path: Path, options: list[str]
) -> None:
    out = tmp_path / options[0]
    assert main(["report", str(run), "-o", str(out), *options[1:], "--quiet"]) == 0
    assert out.read_text().startswith("# A <small> benchmark\n")


def test_csv_and_json_are_read_by_machines(run: Path, tmp_path: Path) -> None:
    for name in ("out.csv", "out.json"):
        assert main(["report", str(run / "summary.json"), "-o", str(tmp_path / name)]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        tables = {row["table"] for row in csv.DictReader(file)}
    assert tables == {"headline", "main", "budget"}
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["tables"][0]["rows"] == summary()["tables"][0]["rows"]


def test_an_evaluation_becomes_a_page(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(EVALUATION), "-o", str(out), "--quiet"]) == 0
    page = out.read_text(encoding="utf-8")
    for heading in (
        "Disruption of the repainted 20 mm core, 48 lung positions per action",
        "How far the scans are apart",
        "What a diagnosis rests on",
    ):
        assert f"<h3>{heading}</h3>" in page
    assert json.loads(EVALUATION.read_text())["protector"]["sha256"] in page


def test_an_evaluation_of_the_mark_becomes_a_page(tmp_path: Path) -> None:
    result = json.loads(MARK.read_text())
    detected = result["attacks"]["remove"]["cases"]["touched up"]["found"]
    out = tmp_path / "report.html"
    assert main(["report", str(MARK), "-o", str(out), "--quiet"]) == 0
    page = out.read_text(encoding="utf-8")
    assert f"Of {detected['n']} removals, the mark finds {detected['count']}." in page
    assert "<h3>Verdicts on whole scans</h3>" in page
    assert result["protector"]["sha256"] in page


def test_refuses_what_is_no_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "report.html")
    assert main(["report", str(tmp_path), "-o", out]) == 2
    assert "summary.json does not exist" in capsys.readouterr().err
    assert main(["report", str(run), "-o", str(run / "summary.json"), "--overwrite"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert json.loads((run / "summary.json").read_text()) == summary()


def test_a_name_that_promises_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is called a PDF was a page."""
    out = tmp_path / "report.pdf"
    assert main(["report", str(MARK), "-o", str(out)]) == 2
    assert "a report is named *.html, *.md, *.csv or *.json" in capsys.readouterr().err
    assert not out.exists()
    assert main(["report", str(MARK), "-o", str(out), "--format", "md"]) == 0
    assert main(["report", str(MARK), "-o", str(out.with_suffix(".HTM"))]) == 0


def test_a_damaged_gallery_leaves_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = write_run(tmp_path / "run")
    (damaged / "gallery-inject.npz").write_bytes(b"PK")
    out = tmp_path / "report.html"
    assert main(["report", str(damaged), "-o", str(out)]) == 2
    assert "gallery-inject.npz is no gallery" in capsys.readouterr().err
    assert not out.exists()


def test_every_result_of_a_command_becomes_a_page(tmp_path: Path) -> None:
    """A protection is made and reported; of other kinds there is a first sentence each."""
    from mitsgan.jobs.report.kinds import OTHERS
    from mitsgan.result import Result

    kinds = {getattr(kind, "KIND", "benchmark") for kind in _results(Result)}
    known = {"benchmark", "evaluation", "mark evaluation", *OTHERS}
    assert kinds - known == set()
    out, report = tmp_path / "p.nii.gz", tmp_path / "p.json"
    scan = tmp_path / "chest.nii.gz"
    write_scan(chest((16, 64, 64), (6.0, 5.6, 5.6)), scan, derivation=Derivation("test", "test"))
    options = ["--protector", "offset", "--max-hu", "4", "--output", str(report), "--quiet"]
    assert main(["protect", str(scan), str(out), *options]) == 0
    assert main(["report", str(report), "-o", str(tmp_path / "p.md"), "--quiet"]) == 0
    text = (tmp_path / "p.md").read_text()
    assert "16 slices of chest.nii.gz protected; the largest change is 4 HU" in text
    assert str(tmp_path) not in text, "no path of this machine"
    assert "None" not in text
    assert "mitsgan protect chest.nii.gz p.nii.gz --protector offset --max-hu 4\n" in text
    found = tmp_path / "candidates.json"
    assert main(["candidates", str(scan), "-o", str(found), "--limit", "2", "--quiet"]) == 0
    assert main(["report", str(found), "-o", str(tmp_path / "c.md"), "--quiet"]) == 0
    text = (tmp_path / "c.md").read_text()
    assert "## chest.nii.gz: where a nodule might be" in text
    assert "mitsgan candidates chest.nii.gz --limit 2\n" in text


def _results(base: type[object]) -> set[type[object]]:
    """Every kind of result that commands write."""
    import mitsgan.archive.plan
    import mitsgan.archive.report
    import mitsgan.archive.run
    import mitsgan.jobs.attacker_import
    import mitsgan.jobs.candidates.result
    import mitsgan.jobs.data.result
    import mitsgan.jobs.protect.result
    import mitsgan.jobs.protect.tree
    import mitsgan.jobs.restore.result
    import mitsgan.jobs.seal
    import mitsgan.jobs.train.outputs
    import mitsgan.jobs.weights.fetch  # noqa: F401
    from mitsgan.cli.commands import COMMANDS
    from mitsgan.terminal.choice import offered

    offered(COMMANDS, brief=True)  # loads all commands

    below = {kind for kind in base.__subclasses__() if kind.__module__.startswith("mitsgan.")}
    return below.union(*map(_results, below))
