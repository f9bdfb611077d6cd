"""Tables: what is printed, what is left out, and how every renderer draws the same one."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.evaluate.report.terminal import print_tables
from mitsgan.evaluate.report.text import csv_tables, markdown_table

TABLE = Table(
    "main",
    "Disruption",
    (
        Column("scan", "scan"),
        Column("action", "action"),
        Column("what", "what was [added]"),
        Column("n", "n", "positions"),
        Column("disruption", "median", "HU", digits=1),
        Column("low", "from", "HU"),
        Column("high", "to", "HU"),
        Column("gain", "gain", significant=2),
        Column("gain_low", "from"),
        Column("gain_high", "to"),
        Column("lpips", "LPIPS", digits=4),
    ),
    (
        {
            "scan": "a",
            "action": "inject",
            "what": "protected",
            "n": 48,
            "disruption": 25.449,
            "low": 22.0,
            "high": 28.5,
            "gain": 2.706,
            "gain_low": 2.31,
            "gain_high": 2.95,
        },
        {"scan": "a", "action": "inject", "what": "noise", "n": 48, "disruption": 18.8, "gain": 2},
        {"scan": "a", "action": "remove", "what": "protected", "n": 48, "disruption": 33.9},
    ),
    "Median over positions.",
    strong=(0, 2),
)


def test_cells_are_printed_with_the_decimals_of_their_column() -> None:
    rows = TABLE.texts()
    assert rows[0] == [
        *("a", "inject", "protected", "48", "25.4"),
        *("22.0", "28.5", "2.7", "2.3", "3.0", "n/a"),
    ]
    assert [row[4] for row in rows] == ["25.4", "18.8", "33.9"]
    assert rows[2][7] == "n/a"


def test_numbers_of_several_units_each_have_their_own_decimals() -> None:
    columns = (Column("v", "value"), Column("unit", "unit"), Column("c", "change", signed=True))
    rows: tuple[Mapping[str, Cell], ...]
    rows = ({"v": 1234.6, "unit": "HU", "c": -3.468}, {"v": 0.0123, "unit": "", "c": 0.5})
    texts = Table("t", "t", columns, rows).texts()
    assert texts == [["1235", "HU", "-3.468"], ["0.01230", "", "+0.5000"]]
    fewer = (columns[0], columns[1], Column("c", "change", signed=True, significant=2))
    assert [row[2] for row in Table("t", "t", fewer, rows).texts()] == ["-3.5", "+0.50"]


@pytest.mark.parametrize(
    "value, n, ends, unit, text",
    [
        (25.449, 48, None, "HU", "25"),
        (272.6, 48, None, "HU", "270"),
        (9.96, 48, None, "HU", "10"),
        (0.0123, 48, None, "", "0.012"),
        (25.449, 48, (22.2, 28.4), "HU", "25 (22 to 28)"),
        (1.041, 48, (1.02, 1.07), "", "1.04 (1.02 to 1.07)"),
        (1.041, 4, (1.02, 1.07), "", "1.0 (1.0 to 1.1)"),
        (65.2, 1, (65.2, 65.2), "HU", "65"),
        (0.0, 1, (0.0, 79.0), "%", "0 (0 to 79)"),
        (25.449, 100, None, "HU", "25.4"),
        (25.449, None, None, "HU", "25.4"),
        (97.916, 48, None, "%", "98"),
        (97.916, 999, None, "%", "98"),
        (97.916, 1000, None, "%", "97.9"),
        (100.0, 48, None, "%", "100"),
        (0.41, 48, None, "%", "0.41"),
        (0.0, 48, None, "%", "0"),
        (None, 48, None, "HU", "n/a"),
    ],
)
def test_a_statistic_has_what_its_sample_carries(
    value: float | None, n: int | None, ends: tuple[float, float] | None, unit: str, text: str
) -> None:
    assert of_sample(value, n, ends, unit=unit) == text


def test_columns_right_of_how_many_there_are_have_what_so_many_carry() -> None:
    columns = (
        Column("before", "before", "HU"),
        Column("n", "n"),
        Column("median", "median", "HU"),
        Column("share", "share", "%"),
        Column("count", "count"),
        Column("auc", "AUC", digits=3),
    )
    rows: tuple[Mapping[str, Cell], ...]
    rows = (
        {"before": 1.2345, "n": 48, "median": 33.9, "share": 97.9, "count": 47, "auc": 0.99876},
        {"before": 1.2345, "n": 500, "median": 33.94, "share": 97.9, "count": 47, "auc": 0.9},
    )
    assert Table("t", "t", columns, rows).texts() == [
        ["1.234", "48", "34", "98", "47", "0.999"],
        ["1.234", "500", "33.9", "98", "47", "0.900"],
    ]
    alike = Table("t", "t", columns, (rows[0], {**rows[0], "median": 2.18})).without_constant()
    assert alike.texts() == [["34"], ["2.2"]], "its number is in the note, and still counts"
    given = (Column("median", "median", "HU", sample=48),)
    assert Table("t", "t", given, rows).texts() == [["34"], ["34"]]


def test_what_says_nothing_is_left_out_as_well() -> None:
    columns = (Column("name", "name"), Column("verdict", "verdict"))
    table = Table("t", "t", columns, ({"name": "a", "verdict": ""}, {"name": "b", "verdict": ""}))
    assert [c.key for c in table.without_empty().columns] == ["name"]


def test_columns_in_which_nothing_was_measured_are_left_out() -> None:
    assert [c.key for c in TABLE.without_empty().columns] == [c.key for c in TABLE.columns[:-1]]


def test_a_compact_table_has_intervals_in_its_cells_and_says_once_what_is_the_same() -> None:
    compact = TABLE.without_empty().compact()
    assert [c.key for c in compact.columns] == ["action", "what", "disruption", "gain"]
    assert compact.note == "Median over positions. In all rows: scan: a; n, positions: 48."
    assert compact.texts() == [
        ["inject", "protected", "25.4 (22.0 to 28.5)", "2.7 (2.3 to 3.0)"],
        ["inject", "noise", "18.8", "2.0"],
        ["remove", "protected", "33.9", "n/a"],
    ]


def test_markdown_is_bold_where_the_table_is() -> None:
    lines = markdown_table(TABLE.without_empty().compact()).split("\n")
    assert lines[0] == "| action | what was [added] | median, HU | gain |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert lines[2] == "| **inject** | **protected** | **25.4 (22.0 to 28.5)** | "\
        "**2.7 (2.3 to 3.0)** |"  # fmt: skip
    assert lines[3] == "| inject | noise | 18.8 | 2.0 |"


def test_no_text_in_a_csv_is_a_formula() -> None:
    """Names of scans are others' words, and a spreadsheet runs what begins like a formula."""
    rows = ({"a": "=HYPERLINK(1)"}, {"a": "@SUM(1)"}, {"a": -1.5}, {"a": "-"}, {"a": "a=b"})
    text = csv_tables([Table("t", "t", (Column("a", "a"),), rows)])
    values = [line.rsplit(",", 1)[1] for line in text.splitlines()[1:]]
    assert values == ["'=HYPERLINK(1)", "'@SUM(1)", "-1.5", "'-", "a=b"]


def test_csv_has_every_digit() -> None:
    lines = csv_tables([TABLE]).splitlines()
    assert len(lines) == 1 + 3 * len(TABLE.columns)
    assert "main,Disruption,1,disruption,median,HU,25.449" in lines
    assert "main,Disruption,2,lpips,LPIPS,," in lines


def test_the_terminal_leaves_out_names_that_come_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_tables([TABLE])
    drawn = capsys.readouterr().out
    assert "what was [added]" in " ".join(drawn.split()), "brackets are no markup"
    rows = [line for line in drawn.splitlines() if "48" in line]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert [row[:4] for row in cells] == [
        ["a", "inject", "protected", "48"],
        ["", "", "noise", "48"],
        ["", "remove", "protected", "48"],
    ]
    assert "Median over positions." in " ".join(drawn.split())
    assert "LPIPS" not in drawn


WIDE = Table(
    "wide",
    "Many columns",
    (Column("name", "name"), *(Column(f"c{i}", f"column {i}", "HU") for i in range(9))),
    ({"name": "a scan with a rather long name", **{f"c{i}": 10_000_019.0 + i for i in range(9)}},),
)


def test_a_number_stays_where_an_end_of_its_interval_varies() -> None:
    columns = [Column(key, key) for key in ("scan", "share", "share_low", "share_high", "gain")]
    row: dict[str, Cell] = {
        "scan": "a",
        "share": 0.0,
        "share_low": 0.0,
        "share_high": 24.0,
        "gain": 1.0,
    }
    other: dict[str, Cell] = {**row, "share_high": 79.0}
    kept = Table("t", "t", tuple(columns), (row, other)).without_constant()
    assert [column.key for column in kept.columns] == ["share", "share_low", "share_high"]
    assert kept.note == "In all rows: scan: a; gain: 1."


def test_in_a_pipe_a_wide_table_takes_the_room_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables([WIDE])
    drawn = capsys.readouterr().out
    assert all(f"{10_000_019 + i} │" in drawn for i in range(9))
    assert "…" not in drawn
    assert len({len(line) for line in drawn.splitlines()[1:]}) == 1


def test_in_a_pipe_no_part_of_a_name_of_several_words_is_cut_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "tampered, and protected"
    headings = (Column("name", "name"), *(Column(f"c{i}", "measurement to") for i in range(7)))
    row: dict[str, Cell] = {"name": name, **{f"c{i}": 1353.25 + i for i in range(7)}}
    print_tables([Table("wide", "Names", headings, (row, row | {"name": "another cube of it"}))])
    drawn = capsys.readouterr().out
    assert f"│ {name} │" in drawn
    assert drawn.count("measurement") == 7
    assert len({len(line) for line in drawn.splitlines()[1:]}) == 1


@pytest.mark.parametrize("columns", [60, 100])
def test_a_narrow_terminal_folds_and_leaves_nothing_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_tables([WIDE])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= columns
    rows = [line[1:-1].split("│") for line in lines if line.startswith("│")]
    cells = ["".join(part.strip() for part in column) for column in zip(*rows, strict=True)]
    assert cells[1:] == [str(10_000_019 + i) for i in range(9)]
