"""What is required of the mark, next to what was measured."""

from __future__ import annotations

from typing import Any

Result = dict[str, Any]

BEHIND = ("rounding", "jpeg2000-8", "noise-10hu", "blur-0.5mm")
"""Purifiers behind which tampering must still be told from none."""


def bars(result: Result) -> list[Result]:
    """Every bar, for a result of `mitsgan.evaluate.mark.evaluation.evaluate_mark`."""
    change, alarms = result["change"], result["false_alarms"]["as written"]["tampered"]
    rows = [
        _at_most("RMS of the mark over the body, HU", 3.0, change["mark_rms_over_body_hu"]),
        _at_most("share of untouched scans alarmed", 0.01, alarms.get("rate", 0.0)),
    ]
    for action, cases in result["attacks"].items():
        whole = cases["touched up"]
        rows.append(_at_least(f"{action}: AUC per position", 0.999, whole["auc"]))
        rows.append(_at_least(f"{action}: median Dice", 0.7, whole["dice"]["median"]))
        rows += [
            _at_least(f"{action}: AUC behind {name}", 0.99, cases[f"touched up, {name}"]["auc"])
            for name in BEHIND
        ]
    return rows


def _at_least(what: str, required: float, measured: float) -> Result:
    met = measured >= required
    return {"what": what, "at_least": required, "measured": measured, "met": met}


def _at_most(what: str, required: float, measured: float) -> Result:
    met = measured <= required
    return {"what": what, "at_most": required, "measured": measured, "met": met}
