"""Tables of what undoes a disruption, and of what it looks like; see docs/benchmark.md."""

from __future__ import annotations

from statistics import fmean, median

from mitsgan.anatomy.lumps import LEAST_MM3, are_lumps
from mitsgan.evaluate.attacks.appearance import JUDGES, Judge
from mitsgan.evaluate.attacks.appearance import failures as failed_at
from mitsgan.evaluate.benchmark.config import NONE, PLAIN
from mitsgan.evaluate.benchmark.summary.rows import MEASURED, NAMED, Row, Rows, named, table
from mitsgan.evaluate.report.table import ENDS, Column, Table
from mitsgan.evaluate.statistics import RateRow, rate

_TAMPERED = (("_original", "original"), ("", "protected"))
"""How keys of rows end, by whose scan was tampered with."""


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
    """What tampered cubes look like: a nodule, healthy lung, or neither; and a lump or none."""
    limit = _threshold(rows)
    lines = []
    for row in rows.main():
        line: Row = {**named(row), "n": row["n"]}
        for end, scan in _TAMPERED:
            nodule = [p >= limit for p in row[f"nodule_probability{end}"]]
            abnormal = row[f"abnormal{end}"]
            seen = [a or bool(b) for a, b in zip(nodule, abnormal, strict=True)]
            failed = fmean(seen) if row["action"] == "remove" else 1 - fmean(nodule)
            line |= {
                f"nodule_{scan}": 100 * fmean(nodule),
                f"abnormal_{scan}": 100 * fmean(abnormal),
                f"failed_{scan}": 100 * failed,
            }
            lumps = _lumps(row, end)
            if lumps is not None:
                line[f"lump_{scan}"] = 100 * fmean(lumps)
        lines.append(line)
    shares = [("nodule", "a nodule"), ("abnormal", "abnormal"), ("failed", "attack failed")]
    lumps_too = ""
    if any("lump_protected" in line for line in lines):  # a run from before has none
        shares.append(("lump", "a lump"))
        lumps_too = (
            f" A lump: at least {LEAST_MM3:g} mm3 of tissue hold together in the middle; of what "
            "was painted in, only what was not there before."
        )
    return table(
        "appearance",
        "What tampered cubes look like",
        "A nodule: the shipped classifier calls it one. Abnormal: no healthy lung of the scan "
        "looks like it (mean, deviation, extremes or roughness of the core). An injection fails "
        "where no nodule is called; a removal where a nodule is called or the place is abnormal."
        f"{lumps_too}",
        (
            *NAMED,
            Column("n", "positions"),
            *(
                Column(f"{key}_{scan}", f"{label}, {scan} tampered", "%")
                for key, label in shares
                for _, scan in _TAMPERED
            ),
        ),
        lines,
    )


def failures(rows: Rows) -> Table:
    """How often attacks failed, by two judges, with intervals."""
    lines = []
    for row in rows.main():
        line: Row = {**named(row), "n": row["n"]}
        for scan, by_judge in failed(rows, row).items():
            for judge, share in by_judge.items():
                values = (share.rate, *(share.interval_95 or ()))
                for key, value in zip(ENDS, values, strict=True):
                    line[f"{judge}_{scan}{key}"] = 100 * (value or 0.0)
        lines.append(line)
    asked = [judge for judge in JUDGES if any(f"{judge}_protected" in line for line in lines)]
    return table(
        "failures",
        "Attacks that failed, by two judges",
        "By the classifier an injection fails where it calls no nodule, a removal where it calls "
        "one. By measurement, which has learned nothing, an injection fails where no new lump "
        "stands, a removal where a lump stands or the place is abnormal; a run from before that "
        "judge has the first alone. 95 % intervals over positions (Wilson).",
        (
            *NAMED,
            Column("n", "positions"),
            *(
                Column(f"{judge}_{scan}{key}", f"{judge}, {scan}{label}", "%")
                for judge in asked
                for _, scan in _TAMPERED
                for key, label in zip(ENDS, (" tampered", ", from", ", to"), strict=True)
            ),
        ),
        lines,
    )


def failed(rows: Rows, row: Row) -> dict[str, dict[Judge, RateRow]]:
    """How many attacks of a row failed, on the ``original`` and the ``protected`` scan, by judge.

    Measurement is left out in a run from before there was that judge.
    """
    limit = _threshold(rows)
    found = {}
    for end, scan in _TAMPERED:
        nodule = [p >= limit for p in row[f"nodule_probability{end}"]]
        abnormal = [bool(odd) for odd in row[f"abnormal{end}"]]
        where = failed_at(row["action"], nodule, _lumps(row, end), abnormal)
        found[scan] = {judge: rate(sum(one), len(one)) for judge, one in where.items()}
    return found


def _threshold(rows: Rows) -> float:
    """From which probability on the classifier of a run calls a nodule."""
    (limit,) = [float(row["threshold"]) for row in rows.of("classifier")] or [0.5]
    return limit


def _lumps(row: Row, end: str) -> tuple[bool, ...] | None:
    """Where lumps stand; None in a run from before they were looked for."""
    volumes = row.get(f"lump_mm3{end}")
    return None if volumes is None else are_lumps(volumes)


def _is_purified(rows: Rows, row: Row) -> bool:
    purified = {r["purifier"] for r in rows.of("attack", **_without(row, "purifier"))}
    return bool(purified - {NONE})


def _without(row: Row, key: str) -> Row:
    same = ("scan", "protector", "form", "budget", "control", "attacker", "action", "n")
    key_values = {name: row[name] for name in (*same, "variant", "purifier")}
    del key_values[key]
    return key_values
