"""Tables of docs/mark.md, the known evasion, drawn from docs/results/content-pattern.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Row = tuple[str, ...]

_PRESENT = "present"
_BEHIND = {
    "as written": "as written",
    "noise-10hu": "noise of 10 HU",
    "blur-0.5mm": "blur of 0.5 mm",
    "jpeg2000-8": "JPEG 2000, 8:1",
}


def told(result: Json) -> tuple[Row, list[Row]]:
    """Places that were found, by pattern and by what attackers handed in who know no cells."""
    names = _patterns(result)
    rows = []
    for scan, patterns in _scans(result):
        for action, forms in patterns[_PRESENT]["attacks"].items():
            for form in forms:
                if not _knows(result, form):
                    cases = (patterns[name]["attacks"][action][form] for name in names)
                    rows.append((f"`{scan}`", action, form, *map(_found, cases)))
    return ("scan", "action", "handed in", *names), rows


def knowing(result: Json) -> tuple[Row, list[Row]]:
    """What is left of the tampering of attackers who know the cells, and what is found of it."""
    rows = []
    for scan, patterns in _scans(result):
        for name in _patterns(result):
            for form, inject in patterns[name]["attacks"]["inject"].items():
                if not _knows(result, form):
                    continue
                remove = patterns[name]["attacks"]["remove"][form]
                rows.append(
                    (
                        f"`{scan}`",
                        name,
                        form,
                        f"{inject['moved_hu']['median']:.0f} HU",
                        f"{inject['called_nodule']:.0%}",
                        _found(inject),
                        f"{remove['moved_hu']['median']:.0f} HU",
                        _found(remove),
                    )
                )
    header = ("scan", "pattern", "the attacker holds the means", "inject: moves 8 mm by")
    return (*header, "called a nodule", "found", "remove: moves 8 mm by", "found"), rows


def cost(result: Json) -> tuple[Row, list[Row]]:
    """What is left of the mark on untouched scans, by pattern and by what they went through."""
    rows = []
    for scan, patterns in _scans(result):
        for name in _patterns(result):
            for behind, words in _BEHIND.items():
                row, present = (patterns[n]["untouched"][behind] for n in (name, _PRESENT))
                changed = f"{row['cells_changed']:.2%}" if "cells_changed" in row else ""
                share = f"{row['score'] / present['score']:.3f}"
                alarms = f"{row['verdicts'].get('tampered', 0)} of {row['n']}"
                times = f"{row['cpu_seconds'] / present['cpu_seconds']:.1f}"
                rows.append((f"`{scan}`", name, words, changed, share, alarms, times))
    header = ("scan", "pattern", "untouched", "cells in another step", "z-score over the present")
    return (*header, "called tampered", "processor time over the present"), rows


def _scans(result: Json) -> Iterator[tuple[str, Json]]:
    for scan, measured in result["scans"].items():
        yield scan, measured["patterns"]


def _patterns(result: Json) -> list[str]:
    """Measured on every scan, the present one first."""
    scans = [patterns for _, patterns in _scans(result)]
    names = [name for name in scans[0] if all(name in patterns for patterns in scans)]
    return sorted(names, key=lambda name: name != _PRESENT)


def _knows(result: Json, form: str) -> bool:
    evasion = result["attacks"][form]
    return evasion["within"] is not None or evasion["aligned"]


def _found(case: Json) -> str:
    return f"{case['found']['count']} of {case['n']} ({case['auc']:.2f})"
