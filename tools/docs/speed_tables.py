"""Tables of speed, memory and refinement, from the JSON of the benchmarks that measure them."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from drawing import plain
from result_tables import read_result

from mitsgan.evaluate.report.table import Column

Json = dict[str, Any]

_METHODS = {
    "random sign": "random sign, 10 HU",
    "network": "network",
    "pgd": "PGD from random numbers",
    "refined": "PGD from the network",
}
_FORMS = {"dicom": "DICOM, not compressed", "nifti": "`.nii.gz`"}


def speed() -> str:
    """Time and memory, side by side."""
    result = read_result("speed")
    measured, ratios = result["measured"], result["ratios"]
    ours, plain_pydicom = measured["protect"], measured["read_write"]

    def times(part: Json) -> tuple[str, ...]:
        kinds = ("in_process", "whole_process", "processors")
        return tuple(f"{part[kind]['median']:.2f} s" for kind in kinds)

    wave = []
    if "wave" in measured:  # not in results of before it was measured
        wave = [
            ("`mitsgan protect --protector wave`", *times(measured["wave"])),
            _ratios(ratios, "wave_over_read_write"),
        ]
    rows = [
        ("plain pydicom: read and write", *times(plain_pydicom)),
        ("`mitsgan protect`", *times(ours)),
        _ratios(ratios, "protect_over_read_write"),
        *wave,
        ("reading the marked series", *times(measured["read"])),
        ("`mitsgan verify --key`", *times(measured["verify"])),
        _ratios(ratios, "verify_over_read"),
    ]
    slices = result["scan"]["shape"][0]
    first = plain(
        (
            f"{slices} slices of 512 x 512",
            "the work itself",
            "the whole process, start included",
            "processor time of it",
        ),
        rows,
    )
    paper = measured["paper"]["per_slice"]["median"]
    alone = measured["apply_layers"]["per_slice"]["median"]
    second = plain(
        ("what", "measured"),
        [
            (
                "peak memory of `mitsgan protect`",
                f"{ours['peak_memory']['median']:.2f} GB (target: at most 2.5)",
            ),
            ("protection alone, per slice", f"{1000 * alone:.1f} ms"),
            ("the released architecture in float64, per slice", f"{paper:.1f} s"),
            (
                "**released / ours, per slice**",
                f"{ratios['paper_over_ours_per_slice']['value']:.0f}",
            ),
        ],
    )
    return f"{first}\n\n{second}"


def studio_first() -> str:
    """The studio's first picture, medians: on the clock, and of processors."""
    result = read_result("studio-first")
    rows = []
    for form in result["forms"]:
        median, loads = form["median"], [run["load"] for run in form["runs"]]
        cpu = f"{median['first_picture_cpu']:.1f} and {median['first_picture_browser_cpu']:.1f} s"
        rows.append(
            (
                _FORMS[form["form"]],
                f"{median['first_picture']:.1f} s",
                cpu,
                f"{median['both']:.1f} s",
                f"{min(loads):.1f} to {max(loads):.1f}",
            )
        )
    header = (
        f"pair of {result['slices']} slices of {result['side']} x {result['side']}",
        f"first picture (target: {result['target_seconds']:g} s)",
        "of it processors, studio and browser",
        "both, side by side",
        f"load of the {result['machine']['cores']} cores",
    )
    return plain(header, rows)


def _ratios(ratios: Json, name: str) -> tuple[str, ...]:
    """Of the work itself, of the whole process and of processor time, with what is aimed at."""

    def told(key: str) -> str:
        target = ratios[key].get("target_at_most")
        aim = "" if target is None else f" (target: at most {target:g})"
        return f"{ratios[key]['value']:.1f}{aim}"

    return "**ratio**", *(told(f"{name}{part}") for part in ("_without_start", "", "_processors"))


def memory() -> str:
    """Peak memory on a large scan, beside what is allowed."""
    names = {"protect": "`mitsgan protect`", "protect_mark_and_seal": "with `--key` and `--sign`"}
    rows: list[tuple[str, str, float, float]] = []
    for scan in read_result("memory")["scans"]:
        depth, height, width = scan["scan"]["shape"]
        rows += [
            (
                f"{depth} of {height} x {width}",
                names[name],
                row["peak_memory"]["median"],
                row["target_at_most"],
            )
            for name, row in sorted(scan["measured"].items())
        ]
    return plain(
        (
            "slices of a synthetic chest",
            "command",
            Column("", "peak memory", "GB", digits=2),
            Column("", "allowed", "GB", digits=2),
        ),
        rows,
    )


def tamper_speed() -> str:
    """What one attack costs, and what a batch of them with gradients."""
    result = read_result("tamper-speed")
    shape, count = " x ".join(str(n) for n in result["scan"]["shape"]), result["batch"]
    names = {
        "tamper_in_place": "one position, in place",
        "batch_over_singles_in_scan": f"{count} positions over {count} single ones, gradients",
        "batch_over_singles_in_blocks": "the same, blocks already cut",
    }
    first = plain(
        (
            f"{shape} voxels, width {result['width']}, {result['threads']} threads",
            Column("", "time", "s", digits=3),
        ),
        [(row["what"], row["median"]) for row in result["measured"].values()],
    )
    targets = []
    for name, row in result["targets"].items():
        unit, most = " s" if row["unit"] == "s" else "", row.get("target_at_most")
        aim = "" if most is None else f"at most {most:g}{unit}"
        targets.append((names[name], f"**{row['value']:.3f}{unit}**", aim))
    return f"{first}\n\n{plain(('', 'measured', 'target'), targets)}"


def refined(part: str) -> str:
    """Methods, their cost, and the median disruption that each attacker suffers."""
    rows = read_result("refine")[part]["rows"]
    names = [name for name, reached in rows[0]["reached"].items() if isinstance(reached, dict)]
    cells = []
    for row in rows:
        reached = row["reached"]
        values = (f"{reached[name]['median']:.0f} ({reached[name]['least']:.0f})" for name in names)
        steps, seconds = (f"{v:g}" if v else "" for v in (row["steps"], row["cpu_seconds"]))
        method = _METHODS[row["method"]]
        cells.append((method, steps, seconds, reached["whole_scan_rmse_hu"], *values))
    energy = Column("", "its RMSE", "HU", digits=2)
    return plain(("perturbation", "steps", "CPU seconds", energy, *names), cells)


def refined_by_uncertainty() -> str:
    """The curve of disruption over position uncertainty, a row per method and action."""
    points = read_result("refine")["uncertainty"]["points"]
    radii = sorted({point["uncertainty_mm"] for point in points})
    rows = []
    for action in dict.fromkeys(point["action"] for point in points):
        for method in dict.fromkeys(point["method"] for point in points):
            means = (
                fmean(
                    p["rmse_hu"]
                    for p in points
                    if (p["action"], p["method"], p["uncertainty_mm"]) == (action, method, radius)
                )
                for radius in radii
            )
            label = "PGD for this uncertainty" if method == "pgd" else _METHODS[method]
            rows.append((action, label, *means))
    columns = (Column("", f"{radius:g} mm", "HU", digits=0) for radius in radii)
    return plain(("action", "perturbation", *columns), rows)
