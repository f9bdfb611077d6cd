"""Tables of what evaluations of the protection, the mark and candidates found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from drawing import drawn, plain

from mark_bars import bars_table
from mitsgan.evaluate.attacks.appearance import JUDGES
from mitsgan.evaluate.controls import CONTROL, OFFSET, PROTECTED
from mitsgan.evaluate.mark.result import LocatedRow, MarkEvaluation
from mitsgan.evaluate.mark.tables import verdicts_table
from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.statistics import RateRow
from mitsgan.evaluate.tables import disruption_table, invariants_table

RESULTS = Path(__file__).parents[2] / "docs" / "results"

TEST_SCAN = "c3n-00247"
"""The scan on which nothing was chosen; it comes after those that were."""

_SCAN = "lungdx-a0001"
_PAIRS = {"textured": "", "smooth": "-smooth", "narrow": "-narrow", "residual": "-residual"}
_MARKS = {
    _SCAN: f"mark-{_SCAN}.json",
    f"{_SCAN}, twice the mark": f"mark-{_SCAN}-strong.json",
    "lidc-0001": "mark-lidc-0001.json",
}
_VERDICTS = ("intact", "tampered", "unknown")
_REPAINTED = "lidc-0001"
_OUTCOMES = ("found", "not checked", "missed")


def read_result(name: str) -> Any:
    """A result as a command wrote it, by its name without ``.json``."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def evaluation(suffix: str = "") -> Evaluation:
    """The evaluation on the unseen scan, by default with the first pair of attackers."""
    return Evaluation.read(RESULTS / f"{_SCAN}{suffix}.json")


def mark_evaluation(name: str = _SCAN) -> MarkEvaluation:
    """An evaluation of the mark, by default on the unseen scan."""
    return MarkEvaluation.read(RESULTS / _MARKS[name])


def fidelity() -> str:
    """How far the protected scan is from its original."""
    result = evaluation()
    moved, scan = result.fidelity, result.scan
    shape = " x ".join(str(n) for n in scan.shape)
    spacing = " x ".join(f"{s:.3g}" for s in scan.spacing_mm)
    return plain(
        (
            "scan",
            "budget",
            Column("", "largest change", "HU"),
            Column("", "RMSE", "HU", digits=2),
            Column("", "PSNR", "dB", digits=1),
            Column("", "SSIM", digits=4),
        ),
        [
            (
                f"`{scan.name}`, {shape} at {spacing} mm",
                str(result.config.budget),
                moved.largest_hu,
                moved.rmse_hu,
                moved.psnr_db,
                moved.ssim,
            )
        ],
    )


def disruption() -> str:
    """How far tampering the protected scan goes astray, beside the controls."""
    return drawn(disruption_table(evaluation()))


def transfer() -> str:
    """Disruption of attackers that the protector was trained against, and of others."""
    rows, n = [], len(evaluation().positions)
    for pair, suffix in _PAIRS.items():
        for action, by_name in evaluation(suffix).disruption.items():
            ours, noise, offset = (
                by_name[name].rmse_hu.median or 0.0 for name in (PROTECTED, CONTROL, OFFSET)
            )
            rows.append((f"`{pair}`", action, ours, noise, offset, ours / noise))
    return plain(
        (
            "attackers",
            "action",
            Column("", "protected", "HU", sample=n),
            Column("", CONTROL, "HU", sample=n),
            Column("", OFFSET, "HU", sample=n),
            Column("", f"protected over {CONTROL}", sample=n),
        ),
        rows,
    )


def failures() -> str:
    """How many attacks failed by either judge, by pair of attackers."""
    rows: list[list[Cell]] = []
    for pair, suffix in _PAIRS.items():
        for action, looks in evaluation(suffix).appearance.items():
            for state, by_judge in looks.failed.items():
                row: list[Cell] = [f"`{pair}`", action, state.removeprefix("tampered ")]
                rows.append([*row, looks.n, *(_of(by_judge.get(judge)) for judge in JUDGES)])
    columns = ("attackers", "action", "scan tampered with", Column("", "n"))
    return plain((*columns, *(f"failed by {judge}, %" for judge in JUDGES)), rows)


def _of(share: RateRow | None) -> str:
    """A share in per cent with its interval."""
    if share is None or share.rate is None or share.interval_95 is None:
        return ""
    low, high = share.interval_95
    return of_sample(100 * share.rate, share.n, (100 * low, 100 * high), unit="%")


def diagnosis() -> str:
    """What a diagnosis rests on, original against protected, next to re-scan noise."""
    return drawn(invariants_table(evaluation()))


def mark_attacks() -> str:
    """How well the mark tells tampered places from untouched ones, and finds them."""
    results = {name: mark_evaluation(name) for name in _MARKS}
    rows = []
    for action in ("inject", "remove"):
        cases = [result.attacks[action].cases for result in results.values()]
        for title in cases[0]:
            cells = (cell for case in cases for cell in _located(case[title]))
            rows.append((action, title, *cells))
    columns = [
        column
        for name in results
        for column in (Column("", f"{name}: AUC", digits=3), f"{name}: found (median Dice)")
    ]
    return plain(("action", "what was pasted, and what followed", *columns), rows)


def _located(case: LocatedRow) -> tuple[float, str]:
    return case.auc, f"{case.found.count} of {case.found.n} ({case.dice.median:.2f})"


def mark_verdicts() -> str:
    """What `mitsgan verify` says of whole scans."""
    return drawn(verdicts_table(mark_evaluation()))


def mark_bars() -> str:
    """What was wanted of the mark, and what was measured."""
    return drawn(bars_table(mark_evaluation()))


def mark_alarms() -> str:
    """What is said of untouched scans behind what they may go through in good faith."""
    scans = read_result("mark-alarms")["scans"]
    first = next(iter(scans.values()))["verdicts"]
    rows = [(what, *(_counts(scan["verdicts"][what]) for scan in scans.values())) for what in first]
    return plain(("untouched, and then", *(f"`{name}`" for name in scans)), rows)


def mark_grains() -> str:
    """What is said of untouched synthetic chests."""
    rows = [
        (row["slices_mm"], row["pixels_mm"], *(row["verdicts"][v]["count"] for v in _VERDICTS))
        for row in read_result("mark-alarms")["phantoms"]
    ]
    sizes = (Column("", "slices", "mm", digits=1), Column("", "pixels", "mm", digits=1))
    return plain((*sizes, *_VERDICTS), rows)


def _counts(verdicts: Mapping[str, Any]) -> str:
    said = ((verdicts[verdict]["count"], verdict) for verdict in _VERDICTS)
    return ", ".join(f"{count} {verdict}" for count, verdict in said if count)


def candidates() -> str:
    """Which planted nodules the finder of candidates names, scan by scan."""
    shares = [
        Column("", label, "%", digits=0)
        for label in ("covered", "planted nodules named", "deep in the lung", "at its border")
    ]
    return plain(("scan", "candidates", *shares), list(_candidate_rows()))


def _candidate_rows() -> Iterator[tuple[str | float, ...]]:
    for path in sorted(RESULTS.glob("candidates-*.json")):
        result = read_result(path.stem)
        parts = {row["nodules"]: row for row in result["recall"]}
        for limit, part in result["covered"].items():
            named = (parts[name]["recall"][limit] for name in ("all", "inside", "border"))
            yield (f"`{result['scan']['name']}`", int(limit), *(100 * v for v in (part, *named)))


def louder() -> str:
    """What became of cubes repainted over the mark, by what was painted and the cube's side."""
    tree = read_result("mark-louder")
    sides = [f"{side:g} mm" for side in tree["config"]["sides_mm"]]
    rows: list[list[Cell]] = []
    for paint, cells in tree["scans"][_REPAINTED]["paints"].items():
        counts = {side: Counter[str]() for side in sides}
        for cell, outcomes in cells.items():
            if cell != "verdict":
                counts[cell.rsplit(", ", 1)[1]].update(outcomes)
        rows.append([paint, *(_outcomes(counts[side]) for side in sides)])
    return plain(["repainted with", *sides], rows)


def _outcomes(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in _OUTCOMES if counts[name])


_NEEDS = {
    "noise residual": "nothing but the scan",
    "small network": "training on attacks of the kind that is to be found",
}
_PUBLISHED: tuple[Sequence[Cell], ...] = (
    (
        "[BTD](https://arxiv.org/abs/2407.15169), by its authors",
        "training on genuine slices",
        "LIDC-IDRI slices, CT-GAN and a diffusion model",
        *("0.90", "0.96", "", "", ""),
    ),
    (
        "[PFF-WM](https://synapsesocial.com/papers/6a1b8faa90759efe6f0c8ba3), by its authors",
        "its watermark, put in before",
        "X-ray, liver CT and skin, in slices of 512 x 512",
        *("0.989, of any tampering", "", "0.83", "below 0.5 % of slices", "0.044 a slice"),
    ),
)
"""Published figures, by other people on other data: of another question than ours."""


def detectors() -> str:
    """Passive detectors, ours and published ones, beside mark and sketch."""
    result = read_result("detectors")
    (name, scan), *_ = result["scans"].items()
    rows: list[Sequence[Cell]] = []
    stored = scan["behind"]["nothing"]
    for detector, untouched in stored["untouched"].items():
        of = [
            [row[detector] for what, row in stored["attacks"].items() if what.endswith(action)]
            for action in ("inject", "remove")
        ]
        rows.append(
            (
                detector,
                _NEEDS[detector],
                f"`{name}`",
                *(_from_to([row["auc"] for row in some]) for some in of),
                f"{fmean(row['iou'] for some in of for row in some):.2f}",
                str(untouched["regions"]),
                f"{untouched['seconds']:.0f}, at a load of {result['load_average']:.0f}",
            )
        )
    rows += [*_PUBLISHED, _mark_row(name), _sketch_row(name)]
    header = ("detector", "needs", "measured on", "AUC, injected", "AUC, removed")
    return plain((*header, "IoU", "false alarms in an untouched scan", "seconds a scan"), rows)


def detectors_behind() -> str:
    """AUC of passive detectors by attacker and by what the scan went through."""
    result = read_result("detectors")
    (scan,) = result["scans"].values()
    names = list(scan["behind"]["nothing"]["untouched"])
    rows: list[Sequence[Cell]] = []
    for what in scan["behind"]["nothing"]["attacks"]:
        cells = [
            _found_of(cell["attacks"][what][name])
            for name in names
            for cell in scan["behind"].values()
        ]
        held_out = what.split()[0] in result["config"]["held_out"]
        rows.append((f"{what}, held out" if held_out else what, *cells))
    alarms = [
        cell["untouched"][name]["regions"] for name in names for cell in scan["behind"].values()
    ]
    rows.append(("false alarms without any attack", *map(str, alarms)))
    header = [
        name if behind == "nothing" else f"{name}, {behind}"
        for name in names
        for behind in scan["behind"]
    ]
    return plain(("attacker", *header), rows)


def _found_of(row: Mapping[str, Any]) -> str:
    return f"{row['auc']:.2f} ({row['found']} of {row['n']})"


def _mark_row(name: str) -> Sequence[Cell]:
    result = mark_evaluation(name)
    cases = [result.attacks[action].cases["touched up"] for action in ("inject", "remove")]
    alarms = result.false_alarms["as written"]["tampered"]
    overlap = fmean(value / (2 - value) for case in cases for value in case.positions_dice)
    verifying = read_result("speed")["measured"]["verify"]["in_process"]["median"]
    return (
        "mark",
        "the mark, put in before, and its key",
        f"`{name}`",
        *(f"{case.auc:.2f}" for case in cases),
        f"{overlap:.2f}",
        f"{alarms.count} in {alarms.n} scans",
        f"{verifying:.0f}",
    )


def _sketch_row(name: str) -> Sequence[Cell]:
    scan = read_result("sketch")["scans"][name]
    plainly = scan["behind"]["nothing"]
    of = [
        [kind for what, kind in plainly["kinds"].items() if what.endswith(f" {action}")]
        for action in ("inject", "remove")
    ]
    # Of the median overlap of each attacker: Dice and IoU rise together.
    overlap = fmean(kind["dice"] / (2 - kind["dice"]) for some in of for kind in some)
    return (
        "sketch in the seal",
        "the seal, made before",
        f"`{name}`",
        *(_from_to([kind["auc"] for kind in some]) for some in of),
        f"{overlap:.2f}",
        str(plainly["regions"]),
        f"{scan['seconds']['judge']:.0f}",
    )


def _from_to(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"
