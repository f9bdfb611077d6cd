"""The tables of a benchmark, each a pure function of its rows; see docs/benchmark.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median, quantiles

from mitsgan.evaluate.benchmark.paper_tables import BLOCKS
from mitsgan.evaluate.benchmark.summary.hardness import appearance, failures, purifiers, variants
from mitsgan.evaluate.benchmark.summary.rows import MEASURED, NAMED, Row, Rows, named, table
from mitsgan.evaluate.report.table import Column, Table

_METRICS = (
    Column("rmse_hu", "RMSE", "HU"),
    Column("psnr_db", "PSNR", "dB"),
    Column("lpips", "LPIPS"),
    Column("ssim", "SSIM"),
)


def all_tables(rows: Rows) -> list[Table]:
    """Every table that has rows."""
    tables = [
        *(main(rows, scan) for scan in _scans(rows)),
        transfer(rows),
        worst(rows),
        purifiers(rows),
        variants(rows),
        appearance(rows),
        failures(rows),
        protection(rows),
        *paper(rows),
        *uncertainty(rows),
    ]
    return [one for one in tables if one.rows]


def main(rows: Rows, scan: str) -> Table:
    """Every protector against every attacker on one scan, beside controls of equal RMSE."""
    lines = []
    for row in rows.main(scan=scan):
        offset = rows.beside(row, control="offset")
        value = median(offset["disruption_rmse_hu"]) if offset else None
        lines.append({**named(row), **rows.measured(row), "offset": value})
    return table(
        f"main-{scan}",
        f"Disruption on {scan}",
        "RMSE between the attacker's results on the protected scan and on the original, in the "
        "repainted 20 mm core; median over positions, 95 % bootstrap interval. Noise and offset "
        "have the RMSE of the perturbation in the attacked 32 mm cubes. Gain: disruption over "
        "perturbation, both in the core. Worst: the least disrupted position.",
        (*NAMED[1:], *MEASURED, Column("offset", "offset of equal RMSE", "HU")),
        lines,
    )


def transfer(rows: Rows) -> Table:
    """What protectors reach against attackers they were trained on, and against others."""
    attackers = list(dict.fromkeys(row["attacker"] for row in rows.attacks()))
    known = {row["protector"]: row["trained_on"] for row in rows.of("protector")}
    of = (*NAMED[:4], NAMED[5])
    lines: dict[tuple[str, ...], Row] = {}
    for row in rows.main():
        names = named(row, of)
        seen = ", ".join(known.get(row["protector"], ())) or "-"
        line = lines.setdefault(tuple(names.values()), {**names, "trained_on": seen})
        got = rows.measured(row)
        line["n"] = min(row["n"], line.get("n", row["n"]))
        line[f"{row['attacker']}_hu"] = got["disruption"]
        line[f"{row['attacker']}_over"] = got["over_noise"]
    return table(
        "transfer",
        "Trained on, attacked by",
        "Median disruption, and the same over noise of equal RMSE, by pair of attackers; positions "
        "are those of the pair that struck at the fewest.",
        (
            *of,
            Column("trained_on", "trained on"),
            MEASURED[0],
            *(Column(f"{name}_hu", name, "HU") for name in attackers),
            *(Column(f"{name}_over", f"{name} over noise") for name in attackers),
        ),
        list(lines.values()),
    )


def worst(rows: Rows) -> Table:
    """The position that is disrupted least, and how often noise does as well."""
    lines = []
    for row in rows.main():
        noise = rows.beside(row, control="noise")
        if noise is None or row["n"] < 2:
            continue
        ours, theirs = row["disruption_rmse_hu"], noise["disruption_rmse_hu"]
        at = ours.index(min(ours))
        better = fmean(a > b for a, b in zip(ours, theirs, strict=True))
        lines.append(
            {
                **named(row),
                "n": row["n"],
                "worst": ours[at],
                "noise": theirs[at],
                "tenth": quantiles(ours, n=10, method="inclusive")[0],
                "median": median(ours),
                "position": at,
                "better": 100 * better,
            }
        )
    return table(
        "worst",
        "The least disrupted position",
        "Noise of equal RMSE at that same position; and at how many positions the protector "
        "disrupts more than it. Positions count from 0.",
        (
            *NAMED,
            Column("n", "positions"),
            Column("worst", "least", "HU"),
            Column("noise", "noise there", "HU"),
            Column("tenth", "10th percentile", "HU"),
            Column("median", "median", "HU"),
            Column("position", "which"),
            Column("better", "better than noise", "%"),
        ),
        lines,
    )


def protection(rows: Rows) -> Table:
    """How far protected scans moved."""
    return table(
        "protection",
        "Protected against original, whole scans",
        "Over all voxels that are no padding; PSNR and SSIM for a range of 2000 HU. Seconds "
        "include what is computed for the scan, optimisation too, on the machine of the run.",
        (
            *NAMED[:4],
            Column("voxels", "voxels"),
            Column("largest_hu", "largest", "HU"),
            Column("rmse_hu", "RMSE", "HU"),
            Column("psnr_db", "PSNR", "dB"),
            Column("ssim", "SSIM"),
            Column("seconds", "time", "s"),
        ),
        list(rows.of("protection")),
    )


def paper(rows: Rows) -> list[Table]:
    """The blocks of the MITS-GAN paper's table, measured, next to what it printed."""
    tables = []
    for block in BLOCKS:
        lines: list[Row] = [
            {
                "protector": name,
                **dict(zip(("rmse_hu", "psnr_db", "lpips", "ssim"), v, strict=True)),
            }
            for name, v in block.published
        ]
        for row in rows.of("slices"):
            values = row["blocks"][f"{block.compared} | {block.region}"]
            lines.append({**named(row), "slices": row["n"], **values})
        note = (
            f"{block.compared[:1].upper()}{block.compared[1:]}; HU, PSNR and SSIM for a range of "
            "2000 HU, all voxels of all positions together. The published numbers come from other "
            "scans, positions and attackers, and state neither unit nor range."
        )
        published = len(block.published)
        columns = (
            NAMED[1],
            *NAMED[2:4],
            NAMED[0],
            *NAMED[4:],
            Column("slices", "slices"),
            *_METRICS,
        )
        # The published rows alone would be no result.
        tables.append(
            table(block.id, block.title, note, columns, lines if len(lines) > published else [])
        )
    return tables


def uncertainty(rows: Rows) -> list[Table]:
    """What is left when the position is known to so many millimetres only."""
    by_curve: dict[tuple[object, ...], list[Row]] = {}
    for row in rows.of("uncertainty"):
        for point in row["points"]:
            name = (row["scan"], point["method"], row["max_hu"], row["attacker"], row["action"])
            by_curve.setdefault((*name, point["uncertainty_mm"]), []).append(point)
    lines = []
    for (scan, method, max_hu, attacker, action, mm), points in by_curve.items():
        spread = rows.median([point["rmse_hu"] for point in points])
        lines.append(
            {
                "scan": scan,
                "protector": method,
                "budget": f"{max_hu:g} HU",
                "attacker": attacker,
                "action": action,
                "uncertainty": mm if mm is not None else "lung",
                "n": spread.n,
                "disruption": spread.value,
                "low": spread.low,
                "high": spread.high,
                "perturbation": median(point["perturbation_hu"] for point in points),
            }
        )
    columns = (
        *NAMED[:2],
        *NAMED[3:],
        Column("uncertainty", "position known to", "mm"),
        *MEASURED[:4],
    )
    note = (
        "Optimised for positions drawn around a centre, attacked at other draws of the same; "
        "median over centres, 95 % bootstrap interval."
    )
    title = "Disruption over how well the position is known"
    return [table("uncertainty", title, note, (*columns, MEASURED[5]), lines)]


def _scans(rows: Rows) -> Sequence[str]:
    return list(dict.fromkeys(row["scan"] for row in rows.attacks()))
