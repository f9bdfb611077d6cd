"""What matters of a benchmark in twenty lines: one table, and sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from drawing import drawn
from wave_tables import filtered

from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

Row = Mapping[str, Cell]

_COLUMNS = (
    Column("attacker", "attackers"),
    Column("action", "action"),
    Column("disruption", "disruption", "HU", sample="n"),
    Column("low", "low", "HU"),
    Column("high", "high", "HU"),
    Column("noise", "noise of equal RMSE", "HU", sample="n"),
    Column("offset", "offset of equal RMSE", "HU", sample="n"),
    Column("over_noise", "over noise", sample="n"),
    Column("over_noise_low", "low"),
    Column("over_noise_high", "high"),
    Column("known", "PGD, position known", "HU", sample="n"),
    Column("looks", "called a nodule: without, with it", "%"),
)


def digest(summary: Benchmark) -> str:
    """The first protector on the first unseen scan, at the first budget."""
    rows = rows_by_table(summary)
    scan, budget = _unseen(summary), _budget(summary)
    at_budget = at_first_budget(summary)
    who = at_budget[0]["protector"]
    most = max(number(row["n"]) for row in at_budget)
    ours = [row for row in at_budget if row["protector"] == who and row["n"] == most]
    looks = _appearances(rows, scan, budget, who)
    known = [row for row in at_budget if row["protector"] == "PGD, position known"]
    table = Table("digest", "", _COLUMNS, tuple(_line(row, known, looks) for row in ours))
    fewer = {row["n"] for row in known if row["n"] != most}
    about = (
        f"{who} on `{scan}`, which no training saw: budget {budget}, {most:g} positions"
        f"{''.join(f'; PGD at {n:g} of them' for n in fewer)}."
    )
    parts = (about, drawn(table), "\n".join(f"- {text}" for text in _sentences(ours, rows, looks)))
    return "\n\n".join(parts)


def rows_by_table(summary: Benchmark) -> dict[str, Sequence[Row]]:
    """The rows of every table, by its id."""
    return {table.id: table.rows for table in summary.tables}


def at_first_budget(summary: Benchmark) -> list[Row]:
    """All attacks on the first unseen scan at the first budget, the first protector's first."""
    rows = rows_by_table(summary)
    return [row for row in rows[f"main-{_unseen(summary)}"] if row["budget"] == _budget(summary)]


def protected_attack(row: Row) -> tuple[Cell, ...]:
    """Who protects, who attacks, and how: one row of a summary's tables for each."""
    return row["protector"], row["attacker"], row["action"]


def first_appearance(summary: Benchmark, attacker: str, action: str) -> Row:
    """What one attack looks like with the first protector, at the first budget, on a new scan."""
    rows = rows_by_table(summary)
    scan = _unseen(summary)
    who = rows[f"main-{scan}"][0]["protector"]
    looks = _appearances(rows, scan, _budget(summary), who)
    return next(row for row in looks if _attack(row) == (attacker, action))


def _appearances(
    rows: Mapping[str, Sequence[Row]], scan: Cell, budget: Cell, who: Cell
) -> list[Row]:
    """What attacks on one scan look like, with one protector at one budget."""
    return [
        row
        for row in rows["appearance"]
        if (row["scan"], row["budget"], row["protector"]) == (scan, budget, who)
    ]


def _unseen(summary: Benchmark) -> str:
    """The first scan that no training saw."""
    return next(str(s["name"]) for s in summary.provenance["scans"] if s["role"] == "unseen")


def _budget(summary: Benchmark) -> Cell:
    cap = summary.config["sweeps"][0]["budgets"][0]
    return f"{cap:g} HU"


def _line(row: Row, known: Sequence[Row], looks: Sequence[Row]) -> dict[str, Cell]:
    look = next((r for r in looks if _attack(r) == _attack(row)), None)
    return {
        **row,
        "known": next((r["disruption"] for r in known if _attack(r) == _attack(row)), ""),
        "looks": ""
        if look is None
        else "{nodule_original:.0f}, {nodule_protected:.0f}".format_map(look),
    }


def _sentences(
    ours: Sequence[Row], rows: Mapping[str, Sequence[Row]], looks: Sequence[Row]
) -> Iterator[str]:
    """The three findings that matter with their numbers, whichever way they go."""
    moved = max(
        abs(number(row["nodule_protected"]) - number(row["nodule_original"])) for row in looks
    )
    yield (
        "**It does not keep an attack from passing**: the share of tampered cubes that the nodule "
        f"classifier calls a nodule moves by at most {moved:.0f} percentage points."
    )
    over = [number(row["over_noise"]) for row in ours]
    scan, who = (str(looks[0][key]) for key in ("scan", "protector"))
    known = [row for row in rows["adaptive"] if row["variant"] != "plain"]
    plain = [number(row["over_noise"]) for row in rows["adaptive"] if row["variant"] == "plain"]
    knowing = [number(row["over_noise"]) for row in known]
    yield (
        f"**It disrupts {_range(over, 1)} times as much as noise of the same strength**; at "
        f"{_places(known)} of these positions, where that is {_range(plain, 1)} times, "
        f"{_range(knowing, 1)} times against attackers who know that there is protection; "
        f"{_range(filtered(scan, who), 1)} times against those who [filter out "
        "what it is known to add](decisions/wave.md#what-it-is-worth). A constant offset of that "
        f"strength does more in {_count(ours, 'offset')} of {len(ours)} rows."
    )
    purified = [
        row for row in rows["purifiers"] if row["left"] is not None and row["purifier"] != "none"
    ]
    left = [number(row["left"]) for row in purified]
    whole = next(
        row
        for row in rows["protection"]
        if all(row[key] == looks[0][key] for key in ("scan", "protector", "budget"))
    )
    yield (
        f"**After a purifier {_range(left, 0)} % of the disruption is left** (median "
        f"{median(left):.0f} %, over purifiers, attackers and actions, {_places(purified)} "
        "positions). The whole scan moves by "
        f"{number(whole['rmse_hu']):.1f} HU RMS (PSNR {number(whole['psnr_db']):.1f} dB, SSIM "
        f"{number(whole['ssim']):.4f})."
    )


def _count(rows: Sequence[Row], control: str) -> int:
    """In how many rows a control does more."""
    return sum(number(row[control]) > number(row["disruption"]) for row in rows)


def _places(rows: Sequence[Row]) -> str:
    """At how many positions rows were measured."""
    return " or ".join(f"{n:g}" for n in sorted({number(row["n"]) for row in rows}))


def _attack(row: Row) -> tuple[Cell, Cell]:
    return row["attacker"], row["action"]


def _range(values: Sequence[float], digits: int) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def number(cell: Cell) -> float:
    """A cell that holds one."""
    if not isinstance(cell, int | float):
        raise TypeError(f"expected a number, found {cell!r}")
    return cell
