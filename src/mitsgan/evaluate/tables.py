"""The tables of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from mitsgan.anatomy.lumps import LEAST_MM3
from mitsgan.evaluate.attacks.appearance import JUDGES
from mitsgan.evaluate.controls import PROTECTED
from mitsgan.evaluate.metrics.metrics import Metrics
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import ENDS, Column, Table

if TYPE_CHECKING:
    from mitsgan.evaluate.result import Evaluation


def evaluation_tables(evaluation: Evaluation) -> Sequence[Table]:
    """All that have rows."""
    tables = (
        disruption_table(evaluation),
        appearance_table(evaluation),
        failures_table(evaluation),
        invariants_table(evaluation),
        metrics_table(evaluation),
    )
    return [table for table in tables if table.rows]


def disruption_table(evaluation: Evaluation) -> Table:
    """How far tampering the protected scan goes astray, beside the controls."""
    count, config = len(evaluation.positions), evaluation.config
    where = f"{'given' if config.places else 'lung'} position{'s' if count > 1 else ''}"
    how = "" if config.variant == "plain" else f", attack: {config.variant}"
    rows: list[dict[str, Cell]] = [
        {
            "action": action,
            "what": name,
            "n": row.n,
            "median": row.rmse_hu.median,
            "mean": row.rmse_hu.mean,
            "worst": row.rmse_hu.worst,
            "psnr": _decibels(row.psnr_db.median, row.rmse_hu.median),
            "put_in": row.perturbation_rmse_hu,
        }
        for action, by_name in evaluation.disruption.items()
        for name, row in by_name.items()
    ]
    return Table(
        "disruption",
        f"Disruption of the repainted 20 mm core, {count} {where} per action{how}",
        (
            Column("action", "action"),
            Column("what", "what was added"),
            Column("n", "n", "positions"),
            Column("median", "median", "HU"),
            Column("mean", "mean", "HU"),
            Column("worst", "worst", "HU"),
            Column("psnr", "PSNR, median", "dB"),
            Column("put_in", "RMSE put in", "HU"),
        ),
        tuple(rows),
        "RMSE between the attacker's results on the changed and on the original scan. Worst is the "
        "least disrupted position; PSNR is for a data range of "
        f"{evaluation.data_range_hu:g} HU; RMSE put in is that of what was added, in the attacked "
        "32 mm cubes.",
        strong=tuple(i for i, row in enumerate(rows) if row["what"] == PROTECTED),
    )


def appearance_table(evaluation: Evaluation) -> Table:
    """What the attacked cubes look like."""
    rows = tuple(
        {
            "action": action,
            "n": looks.n,
            "cube": state,
            **{
                key: None if share is None else 100 * share
                for key, share in (
                    ("nodule", row.nodule_share),
                    ("abnormal", row.abnormal_share),
                    ("seen", row.seen_share),
                    ("lump", row.lump_share),
                )
            },
        }
        for action, looks in evaluation.appearance.items()
        for state, row in looks.states.items()
    )
    healthy = [
        f" A lump stands in {100 * looks.healthy_lump_share:.1f} % of healthy places."
        for looks in evaluation.appearance.values()
        if looks.healthy_lump_share is not None
    ]
    return Table(
        "appearance",
        "What the attacked cubes look like",
        (
            Column("action", "action"),
            Column("cube", "cube"),
            Column("n", "n", "positions"),
            Column("nodule", "nodule", "%"),
            Column("abnormal", "abnormal", "%"),
            Column("seen", "either", "%"),
            Column("lump", "lump", "%"),
        ),
        rows,
        "Nodule: called one by the nodule classifier. Abnormal: no healthy lung of this scan looks "
        "like that (one in a hundred is called so by chance). Either of them is seen. Lump: at "
        f"least {LEAST_MM3:g} mm³ of tissue hold together in the middle; of what was painted in, "
        f"only what was not there before.{''.join(healthy[:1])}",
        strong=tuple(i for i, row in enumerate(rows) if row["cube"] == "tampered protected"),
    )


def failures_table(evaluation: Evaluation) -> Table:
    """How often attacks failed, by two judges."""
    rows: list[dict[str, Cell]] = []
    for action, looks in evaluation.appearance.items():
        for state, by_judge in looks.failed.items():
            rows.append({"action": action, "cube": state, "n": looks.n})
            for judge, share in by_judge.items():
                ends = share.interval_95 or (None, None)
                for key, value in zip(ENDS, (share.rate, *ends), strict=True):
                    rows[-1][f"{judge}{key}"] = None if value is None else 100 * value
    return Table(
        "failures",
        "Attacks that failed, by two judges",
        (
            Column("action", "action"),
            Column("cube", "cube"),
            Column("n", "n", "positions"),
            *(
                Column(f"{judge}{key}", f"{judge}{end}", "%")
                for judge in JUDGES
                for key, end in zip(ENDS, ("", ", from", ", to"), strict=True)
            ),
        ),
        tuple(rows),
        "By the classifier an injection failed where it calls no nodule, a removal where it calls "
        "one. By measurement, without a learned model, an injection failed where no new lump "
        "stands, a removal where a lump stands or the cube is abnormal. From, to: 95 % interval "
        "(Wilson). At places where nothing was, there was nothing to remove.",
        strong=tuple(i for i, row in enumerate(rows) if row["cube"] == "tampered protected"),
    )


def metrics_table(evaluation: Evaluation) -> Table:
    """How far the scans are apart, by region and window."""
    ends = (f"{name}: {w.low_hu:g} to {w.high_hu:g} HU" for name, w in evaluation.windows.items())
    return Table(
        "metrics",
        "How far the scans are apart",
        (
            Column("compared", "compared"),
            Column("region", "where"),
            Column("window", "window"),
            Column("voxels", "n", "voxels"),
            Column("rmse_hu", "RMSE", "HU", digits=2),
            Column("mae_hu", "MAE", "HU", digits=2),
            Column("largest_hu", "max", "HU", digits=1),
            Column("psnr_db", "PSNR", "dB", digits=1),
            Column("ssim", "SSIM", digits=4),
            Column("lpips", "LPIPS", digits=4),
        ),
        tuple(
            {
                "compared": one.compared,
                "region": one.region,
                "window": window,
                "voxels": one.voxels,
                **_metrics(metrics),
            }
            for one in evaluation.metrics
            for window, metrics in one.windows.items()
        ),
        f"{'; '.join(ends)}. PSNR and SSIM refer to that range.",
    )


def invariants_table(evaluation: Evaluation) -> Table:
    """What a diagnosis rests on."""
    sources = "; ".join(_sources(evaluation))
    return Table(
        "invariants",
        "What a diagnosis rests on",
        (
            Column("name", "figure"),
            Column("unit", "unit"),
            Column("original", "original"),
            Column("protected", "protected"),
            Column("change", "change", signed=True, significant=2),
            Column("rescan", "change by re-scan noise", signed=True, significant=2),
            Column("tolerance", "tolerance", significant=3),
            Column("verdict", "verdict"),
        ),
        tuple(
            {
                "name": figure.name,
                "unit": figure.unit,
                "original": figure.original,
                "protected": figure.protected,
                "change": figure.change,
                "rescan": figure.rescan_change,
                "tolerance": "" if figure.tolerance is None else figure.tolerance,
                "verdict": {None: "", True: "within", False: "BEYOND"}[figure.within],
            }
            for figure in evaluation.invariants
        ),
        "Of one scan. Re-scan: under noise of the same RMSE, coloured as the scan's own. Where "
        f"there is no tolerance, none is claimed.{f' Sources: {sources}.' if sources else ''}",
    )


def _sources(evaluation: Evaluation) -> Iterator[str]:
    """Who claims the tolerances, each with the figures that he claims them for."""
    by_source: dict[str, list[str]] = {}
    for figure in evaluation.invariants:
        if figure.tolerance_source is not None:
            by_source.setdefault(figure.tolerance_source, []).append(figure.name)
    for source, names in by_source.items():
        yield f"{', '.join(names)}: {source}"


def _metrics(metrics: Metrics) -> dict[str, Cell]:
    return {
        "rmse_hu": metrics.rmse_hu,
        "mae_hu": metrics.mae_hu,
        "largest_hu": metrics.largest_hu,
        "psnr_db": _decibels(metrics.psnr_db, metrics.rmse_hu),
        "ssim": metrics.ssim,
        "lpips": metrics.lpips,
    }


def _decibels(value: float | None, rmse_hu: float | None) -> float | None:
    """A PSNR; infinite where nothing differs, for which JSON has no number."""
    return inf if value is None and rmse_hu == 0 else value
