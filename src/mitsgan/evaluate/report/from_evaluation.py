"""The result of one `mitsgan evaluate` as a summary, so that it is rendered as a benchmark is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mitsgan.errors import ResultError
from mitsgan.evaluate.report.content import Cell, Column, Headline, Summary, Table

_DOING = {"inject": "injecting", "remove": "removing"}


def from_evaluation(result: Mapping[str, Any], where: str) -> Summary:
    """A `Summary` of the JSON that `mitsgan evaluate --output` writes.

    Args:
        result: the JSON value.
        where: the file's name, for messages.

    Raises:
        ResultError: something that every evaluation has is missing.
    """
    try:
        return _summary(result)
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            f"{where}: not the result of an evaluation ({type(error).__name__} {error}); "
            "it was changed, or written by another version of mitsgan: repeat the evaluation"
        ) from error


def _summary(result: Mapping[str, Any]) -> Summary:
    scan, config = result["scan"], result["config"]
    weights = [
        {"role": action, "name": used["name"], "sha256": used.get("sha256")}
        for action, used in result["attackers"].items()
    ]
    if result.get("protector"):
        weights.insert(0, {"role": "protector", **result["protector"]})
    name = scan.get("name", "scan")
    options = ("positions", "seed", "max_hu", "pgd_steps")
    given = " ".join(f"--{key.replace('_', '-')} {config[key]:g}" for key in options)
    return Summary(
        title=f"Protection of {name}, evaluated",
        version=str(result["version"]),
        command=f"mitsgan evaluate {name} {given}",
        config=json.dumps(config, indent=2),
        provenance={"weights": weights, "scans": [scan]},
        headline=tuple(_headline(result)),
        tables=tuple(t for t in _tables(result) if t.rows),
        gaps=tuple(result.get("gaps", ())),
    )


def _headline(result: Mapping[str, Any]) -> Iterator[Headline]:
    close, check = result["fidelity"], result.get("budget_check", {})
    yield Headline(
        "Largest change of any voxel",
        close["largest_hu"],
        "HU",
        check.get("voxels"),
        f"The budget is {result['config']['max_hu']:g} HU.",
    )
    yield Headline(
        "RMS change",
        close["rmse_hu"],
        "HU",
        check.get("voxels"),
        f"PSNR {close['psnr_db']:.1f} dB, SSIM {close['ssim']:.4f}.",
    )
    for action, rows in result["disruption"].items():
        ours = rows["protected"]
        others = "; ".join(
            f"{name} {row['rmse_hu']['median']:.0f} HU"
            for name, row in rows.items()
            if name != "protected"
        )
        yield Headline(
            f"Disruption, {_DOING.get(action, action)}",
            ours["rmse_hu"]["median"],
            "HU",
            ours["n"],
            f"Median over positions. Controls: {others}.",
        )


def _tables(result: Mapping[str, Any]) -> Iterator[Table]:
    span = f"{result['data_range_hu']:g} HU"
    yield Table(
        "disruption",
        "Disruption",
        (
            Column("action", "action"),
            Column("what", "what was added"),
            Column("n", "n", "positions"),
            Column("median", "median", "HU"),
            Column("mean", "mean", "HU"),
            Column("worst", "worst", "HU"),
            Column("psnr", "PSNR, median", "dB"),
            Column("put_in", "RMSE put in", "HU"),
            Column("gain", "gain", "HU/HU"),
        ),
        tuple(
            {
                "action": action,
                "what": name,
                "n": row["n"],
                **{key: row["rmse_hu"][key] for key in ("median", "mean", "worst")},
                "psnr": row["psnr_db"]["median"],
                "put_in": row["perturbation_rmse_hu"],
                "gain": row["gain"],
            }
            for action, rows in result["disruption"].items()
            for name, row in rows.items()
        ),
        "RMSE between the attacker's results on the protected and on the original scan, in the "
        f"repainted 20 mm core. PSNR refers to {span}.",
    )
    yield Table(
        "metrics",
        "Distance from the original",
        (
            Column("compared", "compared"),
            Column("region", "region"),
            Column("window", "window"),
            Column("voxels", "n", "voxels"),
            Column("rmse_hu", "RMSE", "HU"),
            Column("mae_hu", "MAE", "HU"),
            Column("largest_hu", "largest", "HU"),
            Column("psnr_db", "PSNR", "dB"),
            Column("ssim", "SSIM", "1"),
            Column("lpips", "LPIPS", "1"),
        ),
        tuple(
            {
                "compared": row["compared"],
                "region": row["region"],
                "window": window,
                "voxels": row["voxels"],
                **values,
            }
            for row in result.get("metrics", ())
            for window, values in row["windows"].items()
        ),
        "; ".join(_windows(result.get("windows", {}))),
    )
    yield Table(
        "invariants",
        "Figures of diagnosis",
        (
            Column("name", "figure"),
            Column("unit", "unit"),
            Column("n", "n", "scans"),
            Column("original", "original"),
            Column("protected", "protected"),
            Column("change", "change"),
            Column("rescan_change", "change by re-scan noise"),
            Column("tolerance", "tolerance"),
            Column("within", "within"),
            Column("tolerance_source", "source of the tolerance"),
        ),
        tuple(_one_scan(row) for row in result.get("invariants", ())),
        "Of the original, of the protected scan, and of the original with noise of equal RMSE.",
    )


def _one_scan(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {**row, "n": 1}


def _windows(windows: Mapping[str, Any]) -> Iterator[str]:
    for name, w in windows.items():
        yield f"{name}: {w['low_hu']:g} to {w['high_hu']:g} HU"
