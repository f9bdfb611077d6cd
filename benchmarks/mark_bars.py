"""What is required of the mark, next to what was measured."""

from __future__ import annotations

from mitsgan.evaluate.mark.result import MarkEvaluation
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

BEHIND = ("rounding", "jpeg2000-8", "noise-10hu", "blur-0.5mm")
"""Purifiers behind which tampering must still be told from none."""


def bars_table(evaluation: MarkEvaluation) -> Table:
    """Every bar, and whether it is met."""
    alarms = evaluation.false_alarms["as written"]["tampered"].rate or 0.0
    rms = evaluation.change.mark_rms_over_body_hu
    rows = [
        _at_most("RMS of the mark over the body, HU", 3.0, rms),
        _at_most("share of untouched scans alarmed", 0.01, alarms),
    ]
    for action, attack in evaluation.attacks.items():
        whole = attack.cases["touched up"]
        rows.append(_at_least(f"{action}: AUC per position", 0.999, whole.auc))
        rows.append(_at_least(f"{action}: median Dice", 0.7, whole.dice.median))
        for name in BEHIND:
            auc = attack.cases[f"touched up, {name}"].auc
            rows.append(_at_least(f"{action}: AUC behind {name}", 0.99, auc))
    return Table(
        "bars",
        "Required and measured",
        (
            Column("what", "what"),
            Column("wanted", "wanted"),
            Column("measured", "measured", digits=4),
            Column("verdict", "verdict"),
        ),
        tuple(rows),
    )


def _at_least(what: str, required: float, measured: float) -> dict[str, Cell]:
    return _bar(what, f"at least {required:g}", measured, met=measured >= required)


def _at_most(what: str, required: float, measured: float) -> dict[str, Cell]:
    return _bar(what, f"at most {required:g}", measured, met=measured <= required)


def _bar(what: str, wanted: str, measured: float, *, met: bool) -> dict[str, Cell]:
    verdict = "met" if met else "**missed**"
    return {"what": what, "wanted": wanted, "measured": measured, "verdict": verdict}
