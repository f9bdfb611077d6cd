"""Tables of docs/mark.md, the known evasion, drawn from docs/results/content-pattern.json."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
Row = tuple[str, ...]

_PRESENT = "present"
_BEHIND = {
    "as written": "as written",
    "rounding": "rounding",
    "noise-10hu": "noise of 10 HU",
    "blur-0.5mm": "blur of 0.5 mm",
    "jpeg2000-8": "JPEG 2000, 8:1",
}


def told(result: Json) -> tuple[Row, list[Row]]:
    """How well struck places are told from untouched ones, by pattern and by what was handed in."""
    names = _patterns(result)
    rows = []
    for scan, measured in result["scans"].items():
        patterns = measured["patterns"]
        for action, forms in patterns[_PRESENT]["attacks"].items():
            for form, first in forms.items():
                cells = []
                for name in names:
                    case = patterns[name]["attacks"][action].get(form)
                    cells.append("" if case is None else _found(case))
                left = f"{first['share_of_change']:.0%}"
                called = f"{first['called_nodule']:.0%}" if "called_nodule" in first else ""
                rows.append((f"`{scan}`", action, form, left, called, *cells))
    header = ("scan", "action", "handed in", "change left", "called a nodule")
    return (*header, *names), rows


def _found(case: Json) -> str:
    return f"{case['found']['count']} of {case['n']} ({case['auc']:.2f})"


def cost(result: Json) -> tuple[Row, list[Row]]:
    """What is left of the mark on untouched scans, by pattern and by what they went through."""
    rows = []
    for scan, measured in result["scans"].items():
        patterns = measured["patterns"]
        for name in _patterns(result):
            untouched = patterns[name]["untouched"]
            for behind, words in _BEHIND.items():
                row, present = untouched[behind], patterns[_PRESENT]["untouched"][behind]
                changed = f"{row['cells_changed']:.2%}" if "cells_changed" in row else ""
                alarms = row["verdicts"].get("tampered", 0)
                share = row["score"] / present["score"]
                rows.append(
                    (f"`{scan}`", name, words, changed, f"{share:.3f}", f"{alarms} of {row['n']}")
                )
    header = ("scan", "pattern", "untouched", "cells in another step", "z-score over the present")
    return (*header, "called tampered"), rows


def _patterns(result: Json) -> list[str]:
    """Measured on every scan."""
    scans = [list(scan["patterns"]) for scan in result["scans"].values()]
    return [name for name in scans[0] if all(name in scan for scan in scans)]
