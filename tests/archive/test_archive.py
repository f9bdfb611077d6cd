"""Archives planned, run, verified and reported, in this process."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement
from tests.archive.conftest import planned

from mitsgan.archive.forecast import in_words
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.metrics import write_metrics
from mitsgan.archive.plan import plan_archive
from mitsgan.archive.report import ArchiveReport, archive_report, write_archive_report
from mitsgan.archive.settings import PlanSettings
from mitsgan.archive.work import Work
from mitsgan.archive.worker import Stopped, stoppable, work_through
from mitsgan.cli.main import main
from mitsgan.errors import DataError, OutputError, SettingsError
from mitsgan.settings import DEFAULT_PROTECTOR


def test_outputs_are_those_of_the_single_command(root: Path, how: Path, tmp_path: Path) -> None:
    ledger = planned(root, tmp_path, how)
    assert work_through(ledger, "w", 1e6, 60) == 3
    book = Ledger(ledger)
    tasks = book.tasks()
    book.close()
    assert [task.state for task in tasks] == ["done"] * 3
    for number, task in enumerate(tasks):
        single = tmp_path / f"single-{number}"
        options = ("--protector", "noise", "--max-hu", "5", "--quiet")
        assert main(["protect", task.source, str(single), *options]) == 0
        output = Path(task.output)
        assert output.relative_to(tmp_path / "out").parts[:3] == (f"p{number}", "study", "ct")
        names = sorted(path.name for path in single.iterdir())
        assert names == sorted(path.name for path in output.iterdir())
        for name in names:
            ours, theirs = dcmread(output / name), dcmread(single / name)
            assert ours.PixelData == theirs.PixelData
            assert ours.SOPInstanceUID == theirs.SOPInstanceUID


def test_a_bad_series_does_not_stop_the_others(root: Path, how: Path, tmp_path: Path) -> None:
    truncated = sorted((root / "p1" / "study" / "ct").iterdir())[3]
    truncated.write_bytes(truncated.read_bytes()[:-900])
    foreign = planned(root, tmp_path, how)
    book = Ledger(foreign)
    taken = Path(next(task.output for task in book.tasks() if "p2" in task.source))
    book.close()
    taken.mkdir(parents=True)
    (taken / "somebody's.txt").write_text("theirs")
    assert work_through(foreign, "w", 1e6, 60) == 3
    report = archive_report(foreign)
    assert report.states == {"done": 1, "failed": 2}
    assert report.failures == {"input": 2}
    assert (taken / "somebody's.txt").read_text() == "theirs"
    truncated.write_bytes(b"")
    assert work_through(foreign, "w", 1e6, 60) == 0


def test_a_page_tells_what_is_tampered_before_what_is_done(ledger: Path, tmp_path: Path) -> None:
    first, second, third = archive_report(ledger).series
    report = replace(
        archive_report(ledger),
        states={"done": 2, "failed": 1},
        verdicts={"intact": 1, "tampered": 1},
        series=(
            replace(first, action="protect", state="failed"),
            *(replace(task, action="verify", state="done") for task in (second, third)),
        ),
    )
    write_archive_report(report, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert '<p class="lead">Of 2 verified series: 1 TAMPERED, 1 intact. 1 series to protect' in page
    assert "2 series to verify: 0 pending, 0 running, 2 done, 0 failed." in page
    labels = re.findall('<div class="card"><h2>Series (.*?)</h2>', page)
    assert labels == ["tampered", "intact", "failed", "done"]


@pytest.mark.parametrize("uid", ["../../../elsewhere", "/elsewhere", "."])
def test_a_series_whose_uid_is_a_path_leads_nowhere(
    root: Path, how: Path, tmp_path: Path, uid: str
) -> None:
    """It is a header's word."""
    for file in (root / "p1" / "study" / "ct").iterdir():
        ds = dcmread(file)
        ds["SeriesInstanceUID"] = DataElement(0x0020000E, "UI", uid, validation_mode=0)
        ds.save_as(file)
    with closing(Ledger(planned(root, tmp_path, how))) as book:
        (output,) = [Path(t.output) for t in book.tasks() if "/p1/" in t.source]
    assert output.parent == tmp_path / "out" / "p1" / "study" / "ct"
    assert output.name.startswith("series-")


def test_a_slice_that_was_damaged_is_no_scan_of_its_own_once_it_is_mended(
    root: Path, how: Path, tmp_path: Path
) -> None:
    damaged = sorted((root / "p1" / "study" / "ct").iterdir())[3]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:300])
    ledger = planned(root, tmp_path, how)
    work_through(ledger, "w", 1e6, 60)
    assert archive_report(ledger).states == {"done": 2, "failed": 2}
    damaged.write_bytes(whole)
    with closing(Ledger(ledger)) as book:
        assert book.retry(["input"]) == 1
    assert work_through(ledger, "w", 1e6, 60) == 1
    assert archive_report(ledger).states == {"done": 3, "failed": 1}
    planned(root, tmp_path, how)
    assert archive_report(ledger).failures == {}
    assert not (tmp_path / "out" / "p1" / "study" / "ct" / damaged.name).exists()


def test_an_error_that_nobody_knows_is_kept_with_its_traceback(
    root: Path, how: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Work, task: object) -> tuple[str, str]:
        raise ZeroDivisionError

    monkeypatch.setattr(Work, "_protect", fails)
    ledger = planned(root, tmp_path, how)
    work_through(ledger, "w", 1e6, 60)
    report = archive_report(ledger)
    assert report.failures == {"bug": 3}
    assert "ZeroDivisionError" in report.series[0].reason
    assert ArchiveReport.from_json(report.to_json()) == report


def test_a_plan_says_that_archives_are_not_looked_into(
    root: Path, how: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(root / "p9.zip", "w") as archive:
        archive.write(next((root / "p1").rglob("*.dcm")), "a.dcm")
    plan = plan_archive(
        PlanSettings(source=root, ledger=tmp_path / "l.db", output=tmp_path / "out", settings=how)
    )
    assert plan.others == {"no DICOM": 1, "zip archive (unpack it to have what is in it)": 1}


def test_a_plan_of_other_settings_is_refused_and_the_same_enters_what_is_new(
    root: Path, how: Path, tmp_path: Path
) -> None:
    settings = PlanSettings(
        source=root, ledger=tmp_path / "l.db", output=tmp_path / "out", settings=how
    )
    first = plan_archive(settings)
    assert (first.series, first.new, first.others) == (3, 3, {"no DICOM": 1})
    changed = next((root / "p1").rglob("*.dcm"))
    dataset = dcmread(changed)
    dataset.PatientComments = "longer"
    dataset.save_as(changed)
    second = plan_archive(settings)
    assert (second.series, second.new, second.changed) == (3, 0, 1)
    how.write_text('[protect]\nprotector = "noise"\nmax_hu = 6\n')
    with pytest.raises(DataError, match=r"other settings: protect\.max_hu = 5\.0; name"):
        plan_archive(settings)


def test_plans_that_make_no_sense_are_refused(root: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "l.db"
    with pytest.raises(OutputError, match="name the folder"):
        plan_archive(PlanSettings(source=root, ledger=ledger))
    with pytest.raises(OutputError, match="keep them apart"):
        plan_archive(PlanSettings(source=root, ledger=ledger, output=root / "out"))
    text = tmp_path / "how.toml"
    for content, match in (
        ('action = "seal"', "needs a table"),
        ('action = "verify"', "needs a table"),
        ("[verify]\n", "what to verify by"),
        ('[protect]\nkey = "none.key"', "no such file"),
        ("[protect]\nmax_hu = -1", "max_hu"),
        ("[protect]\nmax_hu = 60", "`max_hu=60` is beyond 50 HU.*give `yes_visible=True`"),
        ("[protekt]\n", "protekt"),
    ):
        text.write_text(content)
        with pytest.raises(SettingsError, match=match):
            plan_archive(
                PlanSettings(source=root, ledger=ledger, output=tmp_path / "o", settings=text)
            )
    assert not ledger.exists()


def test_a_mistyped_source_does_not_bind_the_ledger(root: Path, how: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a folder"):
        planned(root / "mistyped", tmp_path, how)
    assert not (tmp_path / "l.db").exists(), "an empty ledger is left behind"
    assert archive_report(planned(root, tmp_path, how)).states == {"pending": 3}


def test_a_ledger_that_cannot_be_written_is_told_before_the_search(
    root: Path, how: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no ledger can be written there"):
        planned(root, tmp_path / "nowhere", how)


def test_images_of_a_list_that_lie_elsewhere_have_outputs_of_their_own(
    root: Path, how: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ct.mha").write_bytes(b"0" * 100)
    (tmp_path / "lists").mkdir()
    table = tmp_path / "lists" / "scans.csv"
    table.write_text(f"path\n{tmp_path}/a/ct.mha\n{tmp_path}/b/ct.mha\n{root}/p0\n")
    with closing(Ledger(planned(table, tmp_path, how))) as book:
        outputs = {Path(task.output) for task in book.tasks()}
    out = tmp_path / "out"
    below = tmp_path.relative_to("/")
    assert {out / below / "a/ct.mha", out / below / "b/ct.mha"} < outputs
    (series,) = [path for path in outputs if path.suffix != ".mha"]
    assert series.parent == out


def test_a_plan_tells_small_sizes_and_times_in_small_units(
    root: Path, how: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--ledger",
        str(tmp_path / "l.db"),
        "-o",
        str(tmp_path / "o"),
        "--settings",
        str(how),
    ]
    assert main(["archive", "plan", str(root), *options]) == 0
    said = capsys.readouterr().out
    assert re.search(r"3 series, \d+\.\d kB: 3 new", said)
    assert re.search(r"forecast: \d+ s on one core, 7\d\d\.\d MB for", said)
    assert re.search(r"\d+\.\d kB to write where", said)
    assert [in_words(hours) for hours in (0.001, 0.5, 1.2, 20)] == [
        *("4 s", "30 min", "72 min", "20.0 hours")
    ]


def test_large_series_are_left_for_a_larger_machine(root: Path, how: Path, tmp_path: Path) -> None:
    ledger = planned(root, tmp_path, how)
    assert work_through(ledger, "w", 100, 60) == 0
    assert archive_report(ledger).states == {"pending": 3}


def test_reports_and_metrics(
    root: Path, how: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = planned(root, tmp_path, how)
    work_through(ledger, "w", 1e6, 60)
    for ending in ("html", "csv", "json"):
        file = tmp_path / f"r.{ending}"
        assert main(["archive", "report", "--ledger", str(ledger), "-o", str(file)]) == 0
    assert "done" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines()))
    assert [row["state"] for row in rows] == ["done"] * 3
    assert json.loads((tmp_path / "r.json").read_text())["states"] == {"done": 3}
    assert "3 done" in (tmp_path / "r.html").read_text()
    assert main(["archive", "report", "--ledger", str(ledger), "-o", str(tmp_path / "r.doc")]) == 2
    book = Ledger(ledger)
    write_metrics(book, tmp_path / "m.prom")
    write_metrics(book, tmp_path / "m.prom")
    book.close()
    assert 'mitsgan_archive_series{state="done"} 3' in (tmp_path / "m.prom").read_text()


def test_a_worker_that_ends_is_told_in_vain_to_stop() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(Stopped), stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_that_is_stopped_says_that_what_is_done_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mitsgan.archive.run.run_archive", stopped)
    assert main(["archive", "run", "--ledger", str(tmp_path / "l.db")]) == 130
    said = "mitsgan: interrupted; what is done stays; the same command goes on\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_ledger_keeps_the_defaults_that_its_settings_left_out(
    root: Path, how: Path, tmp_path: Path
) -> None:
    """A run by another version, whose defaults are others, goes on with them."""
    settings = PlanSettings(
        source=root, ledger=tmp_path / "l.db", output=tmp_path / "out", settings=how
    )
    how.write_text("[protect]\nmax_hu = 6\n")
    plan_archive(settings)
    with closing(Ledger(settings.ledger)) as ledger:
        kept = ledger.plan("how")
        assert kept["protect"]["protector"] == DEFAULT_PROTECTOR
        del kept["protect"]["seed"]  # as a ledger of before
        ledger.set_plan("how", kept)
    assert plan_archive(settings).new == 0
