"""Tables of what undoes a disruption, and of what it looks like; see docs/benchmark.md."""

from __future__ import annotations

from statistics import fmean, median

from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.summary.rows import MEASURED, NAMED, Row, Rows, named, table
from mitsgan.evaluate.report.table import Column, Table


def purifiers(rows: Rows) -> Table:
    """What is left of a disruption once both scans went through the same purifier."""
    lines = []
    for row in rows.of("attack", control=None, variant=PLAIN):
        plain = rows.beside(row, purifier=NONE)
        if plain is None or (row["purifier"] == NONE and not _is_purified(rows, row)):
            continue
        share = median(row["disruption_rmse_hu"]) / max(median(plain["disruption_rmse_hu"]), 1e-3)
        lines.append({**named(row), "purifier": row["purifier"], "left": 100 * share})
        lines[-1] |= rows.measured(row)
    return table(
        "purifiers",
        "After a purifier",
        "Original and protected scan go through the same purifier; disruption is measured between "
        "what the attacker makes of either, the perturbation is what the purifier leaves of it. "
        "Left: of the disruption without a purifier, at the same positions.",
        (*NAMED, Column("purifier", "purifier"), *MEASURED, Column("left", "left", "%")),
        lines,
    )


def variants(rows: Rows) -> Table:
    """Attackers who know the method."""
    lines = []
    for row in rows.of("attack", control=None, purifier=NONE):
        others = {r["variant"] for r in rows.of("attack", **_without(row, "variant"))}
        if others - {PLAIN}:
            lines.append({**named(row), "variant": row["variant"], **rows.measured(row)})
    return table(
        "adaptive",
        "Attackers who know the method",
        "The same variant of the attack on both scans; docs/purifiers.md says what each does.",
        (*NAMED, Column("variant", "variant"), *MEASURED),
        lines,
    )


def appearance(rows: Rows) -> Table:
    """What tampered cubes look like: a nodule, healthy lung, or neither."""
    (limit,) = [row["threshold"] for row in rows.of("classifier")] or [0.5]
    lines = []
    for row in rows.main():
        line: Row = {**named(row), "n": row["n"]}
        for end, scan in (("_original", "original"), ("", "protected")):
            nodule = [p >= limit for p in row[f"nodule_probability{end}"]]
            abnormal = row[f"abnormal{end}"]
            seen = [a or bool(b) for a, b in zip(nodule, abnormal, strict=True)]
            failed = fmean(seen) if row["action"] == "remove" else 1 - fmean(nodule)
            line |= {
                f"nodule_{scan}": 100 * fmean(nodule),
                f"abnormal_{scan}": 100 * fmean(abnormal),
                f"failed_{scan}": 100 * failed,
            }
        lines.append(line)
    shares = (("nodule", "a nodule"), ("abnormal", "abnormal"), ("failed", "attack failed"))
    return table(
        "appearance",
        "What tampered cubes look like",
        "A nodule: the shipped classifier calls it one. Abnormal: no healthy lung of the scan "
        "looks like it (mean, deviation, extremes or roughness of the core). An injection fails "
        "where no nodule is called; a removal where a nodule is called or the place is abnormal.",
        (
            *NAMED,
            Column("n", "positions"),
            *(
                Column(f"{key}_{scan}", f"{label}, {scan} tampered", "%")
                for key, label in shares
                for scan in ("original", "protected")
            ),
        ),
        lines,
    )


def _is_purified(rows: Rows, row: Row) -> bool:
    purified = {r["purifier"] for r in rows.of("attack", **_without(row, "purifier"))}
    return bool(purified - {NONE})


def _without(row: Row, key: str) -> Row:
    same = ("scan", "protector", "form", "budget", "control", "attacker", "action", "n")
    key_values = {name: row[name] for name in (*same, "variant", "purifier")}
    del key_values[key]
    return key_values
