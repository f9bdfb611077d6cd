"""The tables of docs/restore.md, drawn from docs/results/restore.json and restorable.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drawing import plain
from result_tables import read_result

from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column


def kept() -> str:
    """What keeping an original takes, by scan, budget and mark."""
    tree = read_result("restore")
    rows: list[list[Cell]] = []
    for entry in tree["results"]:
        z, y, x = entry["shape"]
        seconds = entry["seconds"]
        rows.append(
            [
                f"`{entry['scan']}`, {z} x {y} x {x}",
                f"{entry['max_hu']:g} HU",
                "yes" if entry["marked"] else "no",
                entry["kept_bytes"] / 1e6,
                100 * entry["share"],
                "yes" if entry["same_bytes"] else "no",
                seconds["keep"],
                seconds["restore"],
            ]
        )
    columns: list[str | Column] = ["scan", "budget", "marked"]
    columns += [Column("", "kept", "MB", digits=1), Column("", "of the voxels", "%", digits=1)]
    columns += ["every byte back", Column("", "keeping", "s", digits=0)]
    columns.append(Column("", "restoring", "s", digits=0))
    return plain(columns, rows)


def restorable() -> str:
    """What attacks come to behind larger budgets, before and after the original is given back."""
    trees = [read_result(name) for name in ("restorable", "restorable-lungdx-a0001")]
    rows = [row for tree in trees for row in _restorable_rows(tree)]
    sample = min(tree["positions"] for tree in trees)
    columns: list[str | Column] = ["scan", "budget", Column("", "moved, RMS", "HU", digits=1)]
    columns += [Column("", "kept", "%", digits=1), "attack"]
    columns += [Column("", "disruption", "HU", sample=sample)]
    columns += [Column("", "restored disruption", "HU", sample=sample)]
    columns += ["seen: of the scan itself", "of the protected", "restored"]
    return plain(columns, rows)


def _restorable_rows(tree: dict[str, Any]) -> Iterator[list[Cell]]:
    """Of one scan, a row for each budget and action."""
    for form in tree["forms"]:
        sigma = form["noise_fraction"]
        budget = f"{form['max_hu']:g} HU" if sigma is None else f"{sigma:g} sigma"
        for struck in form["struck"]:
            share = "nodule_share" if struck["action"] == "inject" else "seen_share"
            seen = (
                ", ".join(
                    str(round(tree["positions"] * struck[state][key]))
                    for key in (share, "measured_share")
                )
                for state in ("original", "protected", "restored")
            )
            yield [
                f"`{tree['scan']}`",
                budget,
                form["rms_hu"],
                100 * form["kept_share"],
                struck["action"],
                struck["disruption_hu"],
                struck["restored_disruption_hu"],
                *seen,
            ]
