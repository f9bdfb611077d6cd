"""Tables of docs/refine.md, drawn from docs/results/refine.json by tools/docs/generate.py."""

from __future__ import annotations

from statistics import fmean
from typing import Any

Json = dict[str, Any]
Row = tuple[str, ...]

_METHODS = {
    "random sign": "random sign, 10 HU",
    "network": "network",
    "pgd": "PGD from random numbers",
    "refined": "PGD from the network",
}


def compared(part: Json) -> tuple[Row, list[Row]]:
    """Methods, their cost, and the median disruption that each attacker suffers."""
    names = [name for name, found in part["rows"][0]["reached"].items() if isinstance(found, dict)]
    header = ("perturbation", "steps", "CPU seconds", "its RMSE, HU", *names)
    rows = []
    for row in part["rows"]:
        reached = row["reached"]
        values = (f"{reached[name]['median']:.0f} ({reached[name]['least']:.0f})" for name in names)
        steps, seconds = (f"{v:g}" if v else "" for v in (row["steps"], row["cpu_seconds"]))
        energy = f"{reached['whole_scan_rmse_hu']:.2f}"
        rows.append((_METHODS[row["method"]], steps, seconds, energy, *values))
    return header, rows


def per_mm(part: Json) -> tuple[Row, list[Row]]:
    """The curve of disruption over position uncertainty, a row per method and action."""
    points = part["points"]
    radii = sorted({p["uncertainty_mm"] for p in points})
    rows = []
    for action in dict.fromkeys(p["action"] for p in points):
        for method in dict.fromkeys(p["method"] for p in points):
            found = (
                fmean(
                    p["rmse_hu"]
                    for p in points
                    if (p["action"], p["method"], p["uncertainty_mm"]) == (action, method, radius)
                )
                for radius in radii
            )
            label = "PGD for this uncertainty" if method == "pgd" else _METHODS[method]
            rows.append((action, label, *(f"{value:.0f}" for value in found)))
    return ("action", "perturbation", *(f"{radius:g} mm" for radius in radii)), rows
