"""The tables of an evaluation of the mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.mark import Verdict

if TYPE_CHECKING:
    from mitsgan.evaluate.mark.result import MarkEvaluation, Verdicts


def mark_tables(evaluation: MarkEvaluation) -> Sequence[Table]:
    """All of them."""
    return attacks_table(evaluation), verdicts_table(evaluation)


def attacks_table(evaluation: MarkEvaluation) -> Table:
    """How well tampering by models is told from untouched places, and located."""
    return Table(
        "attacks",
        "Tampering by models: told from untouched places, and located",
        (
            Column("action", "action"),
            Column("pasted", "what was pasted, and what followed"),
            Column("n", "n", "positions"),
            Column("auc", "AUC", digits=3),
            Column("median", "Dice, median", digits=2),
            Column("lowest", "Dice, lowest", digits=2),
            Column("found", "found", "positions"),
        ),
        tuple(
            {
                "action": action,
                "pasted": name,
                "n": case.n,
                "auc": case.auc,
                "median": case.dice.median,
                "lowest": case.dice.lowest,
                "found": case.found.count,
            }
            for action, attack in evaluation.attacks.items()
            for name, case in attack.cases.items()
        ),
        "AUC: how often a struck place scores higher than an untouched one. Dice: overlap of what "
        "is flagged with what was replaced. Found: flagged at all.",
    )


def verdicts_table(evaluation: MarkEvaluation) -> Table:
    """What is said of whole scans."""
    rows = [(f"{a}, one at a time", one.one_at_a_time) for a, one in evaluation.attacks.items()]
    rows += [(one.name, one.verdicts) for one in evaluation.manipulations]
    rows += [(f"untouched, {name}", said) for name, said in evaluation.false_alarms.items()]
    return Table(
        "verdicts",
        "Verdicts on whole scans",
        (
            Column("scan", "scan"),
            Column("n", "n", "scans"),
            *(Column(str(verdict), str(verdict)) for verdict in Verdict),
        ),
        tuple({"scan": name, **_counts(said)} for name, said in rows),
    )


def _counts(verdicts: Verdicts) -> dict[str, Cell]:
    counts: dict[str, Cell] = {name: row.count for name, row in verdicts.items()}
    return {"n": max((row.n for row in verdicts.values()), default=0), **counts}
