"""Pages on a phone, on a screen and on paper: nothing is cut, first columns stay in sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from tests.browser.chromium import Tab
from tests.evaluate.report_sample import gallery, report

from mitsgan.archive.report import ArchiveReport, write_archive_report
from mitsgan.archive.task import Task
from mitsgan.cli.main import main
from mitsgan.evaluate.report.content import Report
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.html.page import html_report
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.node.http.status_page import status_page
from mitsgan.node.store.deliveries import Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header

NAMES = ("run", "archive", "verdict", "node")

PAPER = 718
"""A4 between margins of 1 cm, in pixels of CSS."""

OUTSIDE = """
((frames) => {
  const width = document.documentElement.clientWidth, outside = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    const inFrame = frames && element.parentElement.closest(".wide") !== null;
    if (box.width && box.height && !inFrame && (box.right > width + 0.5 || box.left < -0.5))
      outside.push(`${element.tagName} ${element.textContent.trim().slice(0, 40)}`);
  }
  return outside.concat(document.documentElement.scrollWidth > width ? ["the page"] : []);
})
"""
"""What stands beyond the page's edges; ``frames``: what a table's own frame scrolls may."""

FIRST_COLUMN = """
[...document.querySelectorAll(".wide")].filter((f) => f.scrollWidth > f.clientWidth + 40).map(
  (frame) => {
    frame.scrollLeft = 40;
    const edge = frame.getBoundingClientRect().x;
    const cells = [...frame.querySelectorAll("tr > :first-child")];
    return [frame.scrollLeft, ...cells.map((cell) => cell.getBoundingClientRect().x - edge)];
  }
)
"""
"""Of every frame that scrolls: how far it has, and where its first column stands in it then."""

EMPTY = """
[...document.querySelectorAll("table")].flatMap((table) =>
  [...table.querySelectorAll("th")].filter((head, i) =>
    [...table.querySelectorAll("tbody tr")].every((row) => !row.children[i].textContent.trim())
  ).map((head) => head.textContent))
"""
"""Heads of columns in which nothing stands."""


def _wide() -> Table:
    """Twenty columns of numbers, and one of a name that is too long for a phone."""
    figures = (Column(f"c{i}", f"some figure, number {i}", "HU") for i in range(20))
    name = Column("name", "what was measured, and where")
    columns = (name, Column("n", "n", "positions"), *figures)
    rows: tuple[dict[str, Cell], ...] = tuple(
        {"name": f"scan-{'long-' * 20}{j}", "n": 48 + j, **{f"c{i}": i + j / 3 for i in range(20)}}
        for j in range(3)
    )
    return Table("wide", "A wide table", columns, rows, "As wide as the widest of a benchmark.")


def _archive() -> ArchiveReport:
    task = Task(
        id=1, key="k", source="/" + "a-folder/" * 12, series="1.2." + "3" * 60, action="protect",
        state="done", output="/" + "another/" * 12, files=1, megabytes=1.0, voxels=1,
        memory_mb=1.0, owner="", lease_until=0.0, attempts=1, failures={}, failure="", reason="",
        verdict="", text="", seconds=3.0, peak_mb=464.0, started=0.0, ended=3.0,
    )  # fmt: skip
    return ArchiveReport(
        ledger="night.db", action="protect", states={"done": 2}, failures={}, verdicts={},
        voxels_done=1, worker_hours=0.1, hours_left=0.0, series=(task, replace(task, id=2)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each shape: a run with pictures, a verification that found something, an archive."""
    folder = tmp_path_factory.mktemp("pages")
    run: Report = replace(
        report(),
        title="A benchmark of something with-a-name-that-is-long-and-breaks-nowhere-0001",
        tables=(*report().tables, _wide()),
        command=f"mitsgan benchmark {'a-folder/' * 20}full.toml --output run",
    )
    (folder / "run.html").write_text(html_report(run, [gallery("inject"), gallery("remove")]))
    write_archive_report(_archive(), folder / "archive.html")
    options = ["--seal", str(scans / "protected.seal.json"), "--trust", str(scans / "sign.pub")]
    options += ["--key", str(scans / "key"), "--html", str(folder / "verdict.html"), "--quiet"]
    assert main(["verify", str(scans / "tampered"), *options]) == 1
    (folder / "node.html").write_text(_node(folder))
    return {name: folder / f"{name}.html" for name in NAMES}


def _node(folder: Path) -> str:
    """The status page of a node: what waits, what is dead, what was found tampered, the hostile."""
    ledger = Ledger(folder / "ledger.sqlite")
    for number in range(3):
        header = Header(
            f"1.2.{number}", "1.2.3", "1.2.840.10008.1.2", f"1.2.{'3' * 55}{number}", "1"
        )
        series = ledger.open_series(header, "ct", "<b>CT1", "127.0.0.1")
        ledger.enter(series, header, 10)
        if number:
            plans = {name: Plan("protected") for name in ("PACS_OF_THE_HOUSE", "ARCHIVE")}
            Deliveries(ledger).plan(series, plans, "protected")
    ledger.move(2, "dead", of=("protected",), reason="<img src=x> cannot be read")
    ledger.verdict(3, "tampered")
    page = status_page(ledger, "proof", "")
    ledger.close()
    return page


@pytest.fixture
def tab(chromium: Tab) -> Iterator[Tab]:
    yield chromium
    chromium.call("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_is_cut_on_a_screen(
    name: str, width: int, pages: dict[str, Path], tab: Tab
) -> None:
    tab.open(pages[name], width)
    tab.value("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert tab.value(f"{OUTSIDE}(true)") == []
    assert tab.value(EMPTY) == []
    for scrolled, *cells in tab.value(FIRST_COLUMN):
        assert scrolled == 40
        assert all(abs(x) < 1 for x in cells), "the first column moves with the others"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(name: str, scheme: str, pages: dict[str, Path], tab: Tab) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.call("Emulation.setEmulatedMedia", features=features)
    tab.open(pages[name])
    tab.value("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    axe = files("axe_core_python").joinpath("axe.min.js").read_text()
    tab.run(axe)
    results = tab.value("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in results["violations"]] == []


@pytest.mark.slow
def test_the_status_page_of_a_node_shows_what_is_tampered(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["node"])
    colour, text = tab.value(
        "(() => { const e = document.querySelector('.tampered');"
        "return [getComputedStyle(e).color, e.textContent]; })()"
    )
    assert (colour, text) == ("rgb(163, 21, 43)", "TAMPERED")
    assert tab.value("document.querySelectorAll('img, b').length") == 0


@pytest.mark.slow
def test_a_wide_table_scrolls_in_its_own_frame(pages: dict[str, Path], tab: Tab) -> None:
    """Else the test above would have looked at no frame."""
    for width in (390, 1300):
        tab.open(pages["run"], width)
        assert any(len(cells) > 3 for _, *cells in tab.value(FIRST_COLUMN))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_on_paper(name: str, pages: dict[str, Path], tab: Tab) -> None:
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.open(pages[name], PAPER)
    tab.value("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert tab.value(f"{OUTSIDE}(false)") == []
