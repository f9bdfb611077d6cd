"""Tables of docs/baselines.md: protectors at the strengths of the published ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drawing import drawn
from result_tables import RESULTS, TEST_SCAN

from mitsgan.evaluate.attacks.appearance import JUDGES, Judge
from mitsgan.evaluate.benchmark.paper_tables import BLOCKS
from mitsgan.evaluate.benchmark.summary.bootstrap import Interval
from mitsgan.evaluate.metrics.metrics import Metrics
from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.evaluate.statistics import RateRow
from operating_bench import Struck
from operating_point import NOISE, OperatingPoints, Point
from struck import Failed

Row = dict[str, Cell]

_NOTHING = "nothing"
PUBLISHED = {
    block.id: {
        method: Metrics(rmse_hu=rmse, psnr_db=psnr, lpips=lpips, ssim=ssim)
        for method, (rmse, psnr, lpips, ssim) in block.published
    }
    for block in BLOCKS
}
_WHERE = (Column("scan", "scan"), Column("strength", "strength"))
_ATTACKED = (
    *_WHERE,
    Column("by", "protected by"),
    Column("pair", "attackers"),
    Column("action", "action"),
    Column("disruption", "core: disruption, HU"),
    Column("over noise", "core: over noise"),
    Column("gain", "core: gain"),
    *(Column(judge, f"passes (injection), is seen (removal): {judge}, %") for judge in JUDGES),
)


def results() -> list[OperatingPoints]:
    """Of all scans that were measured, the one that was chosen on first."""
    found = [OperatingPoints.read(path) for path in RESULTS.glob("operating-point*.json")]
    return sorted(found, key=lambda result: (result.scan.name == TEST_SCAN, result.scan.name))


def put_in() -> str:
    """What each protector adds at either strength, beside what the paper prints."""
    rows: list[Row] = []
    for result, point in _points():
        for name, at in point.protectors.items():
            row = {**_where(result, point), "by": f"`{name}`", "factor": at.strength.factor}
            row["median"] = at.strength.square_rmse_hu
            rows.append({**row, **_fidelity("square", at.compared.squares),
                         **_fidelity("slice", at.compared.slices)})  # fmt: skip
    for method, squares in PUBLISHED["paper-square-protected"].items():
        slices = PUBLISHED["paper-slice-protected"][method]
        row = {"strength": _hu(squares.rmse_hu), "by": method}
        rows.append({**row, **_fidelity("square", squares), **_fidelity("slice", slices)})
    columns = [*_WHERE, Column("by", "protector"), Column("factor", "factor", digits=3)]
    columns.append(Column("median", "square: RMSE, median", "HU", digits=1))
    for part in ("square", "slice"):
        columns += [
            Column(f"{part} rmse", f"{part}s together: RMSE", "HU", digits=1),
            Column(f"{part} psnr", f"{part}s: PSNR", "dB", digits=1),
            Column(f"{part} ssim", f"{part}s: SSIM", digits=3),
            Column(f"{part} lpips", f"{part}s: LPIPS", digits=3),
        ]
    return _drawn("What is added", columns, rows)


def headline() -> str:
    """Everything at MITS-GAN's strength against the attackers that protectors may know."""
    rows: list[Row] = []
    for result in results():
        point, pair = result.points[0], result.config.pairs[0]
        rows += [row for row in _untouched(result) if row["pair"] == f"`{pair}`"]
        for name, at in point.protectors.items():
            for struck in at.struck:
                if struck.attackers == pair and struck.compared is not None:
                    tampered = struck.compared.squares.rmse_hu or 0.0
                    rows.append(
                        {
                            **_attacked(result, point, name, struck),
                            "tampered": tampered,
                            "square gain": tampered / (at.compared.squares.rmse_hu or 1),
                            "slice": at.compared.slices.rmse_hu,
                            "lpips": at.compared.slices.lpips,
                        }
                    )
    for method, squares in PUBLISHED["paper-square-protected"].items():
        tampered = PUBLISHED["paper-square-tampered"][method].rmse_hu or 0.0
        slices = PUBLISHED["paper-slice-protected"][method]
        rows.append({"by": f"{method}, {_hu(squares.rmse_hu)}", "action": "both",
                     "tampered": tampered, "square gain": tampered / (squares.rmse_hu or 1),
                     "slice": slices.rmse_hu, "lpips": slices.lpips})  # fmt: skip
    columns = [
        *(column for column in _ATTACKED[:-2] if column.key not in ("strength", "pair")),
        Column("tampered", "square: disruption", "HU", digits=0),
        Column("square gain", "square: gain", digits=2),
        Column("slice", "whole slice: RMSE", "HU", digits=0),
        Column("lpips", "whole slice: LPIPS", digits=3),
        *_ATTACKED[-2:],
    ]
    return _drawn("At the strength of MITS-GAN as published", columns, rows)


def attacks() -> str:
    """All pairs of attackers at both strengths."""
    rows = [row for result in results() for row in _untouched(result)]
    rows += [
        _attacked(result, point, name, struck)
        for result, point in _points()
        for name, at in point.protectors.items()
        for struck in at.struck
    ]
    return _drawn("All attackers, both strengths", _ATTACKED, rows)


def seen() -> str:
    """What the judges see in scans that nobody attacked."""
    rows: list[Row] = [
        {"scan": _name(result), "by": _NOTHING, **_told("remove", result.untouched.seen)}
        for result in results()
        if result.untouched is not None
    ]
    rows += [
        {**_where(result, point), "by": f"`{name}`", **_told("remove", at.seen)}
        for result, point in _points()
        for name, at in point.protectors.items()
    ]
    judged = [Column(judge, f"seen by {judge}, %") for judge in JUDGES]
    return _drawn("Without an attack", [*_WHERE, _ATTACKED[2], *judged], rows)


def failing() -> str:
    """Where protection changes how many attacks fail, beyond the intervals."""
    rows: list[Row] = [
        {**_where(result, point), "by": f"`{name}`", "pair": f"`{struck.attackers}`",
         "action": struck.action, "judge": judge, "before": _share(before), "after": _share(after)}
        for result in results()
        for point, name, struck, judge, before, after in changed(result)
    ]  # fmt: skip
    columns = [*_ATTACKED[:5], Column("judge", "judge"), Column("before", "fail on the scan, %")]
    return _drawn("Where others fail", [*columns, Column("after", "fail when protected, %")], rows)


def changed(
    result: OperatingPoints,
) -> Iterator[tuple[Point, str, Struck, Judge, RateRow, RateRow]]:
    """Rows whose part of failed attacks is another than on the scan itself, intervals apart."""
    for point in result.points if result.untouched is not None else ():
        for name, at in point.protectors.items():
            for struck in at.struck:
                for judge, after in struck.failed.items():
                    assert result.untouched is not None
                    before = result.untouched.failed[struck.name][judge]
                    (low, high), (least, most) = (
                        row.interval_95 or (0.0, 1.0) for row in (before, after)
                    )
                    if high < least or most < low:
                        yield point, name, struck, judge, before, after


def _points() -> Iterator[tuple[OperatingPoints, Point]]:
    return ((result, point) for result in results() for point in result.points)


def _untouched(result: OperatingPoints) -> list[Row]:
    """Attacks on the scan itself."""
    if result.untouched is None:
        return []
    rows: list[Row] = []
    for named, failed in result.untouched.failed.items():
        pair, action = named.rsplit(" ", 1)
        rows.append({"scan": _name(result), "by": _NOTHING, "pair": f"`{pair}`",
                     "action": action, **_told(action, failed)})  # fmt: skip
    return rows


def _attacked(result: OperatingPoints, point: Point, name: str, struck: Struck) -> Row:
    over = point.over_noise.get(name, {}).get(struck.name)
    return {
        **_where(result, point),
        "by": f"`{name}`",
        "pair": f"`{struck.attackers}`",
        "action": struck.action,
        "disruption": _with_ends(struck.disruption.median),
        "over noise": "" if over is None or name == NOISE else _with_ends(over),
        "gain": _with_ends(struck.gain.median),
        **_told(struck.action, struck.failed),
    }


def _drawn(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Without the name of the scan where there is but one."""
    alone = len(results()) == 1
    kept = tuple(column for column in columns if not (alone and column.key == "scan"))
    blank = dict.fromkeys((column.key for column in kept), "")
    return drawn(Table("", title, kept, tuple({**blank, **row} for row in rows)))


def _where(result: OperatingPoints, point: Point) -> Row:
    return {"scan": _name(result), "strength": _hu(point.square_rmse_hu)}


def _name(result: OperatingPoints) -> str:
    return f"`{result.scan.name}`"


def _hu(value: float | None) -> str:
    return f"{value or 0:.1f} HU"


def _fidelity(part: str, one: Metrics) -> Row:
    return {f"{part} rmse": one.rmse_hu, f"{part} psnr": one.psnr_db,
            f"{part} ssim": one.ssim, f"{part} lpips": one.lpips}  # fmt: skip


def _with_ends(one: Interval) -> str:
    return of_sample(one.value, one.n, (one.low, one.high))


def _told(action: str, failed: Failed) -> Row:
    """By each judge: injections that pass, removals that leave something to see."""
    return {judge: _share(failed[judge], turned=action == "inject") for judge in failed}


def _share(row: RateRow, *, turned: bool = False) -> str:
    if row.rate is None or row.interval_95 is None:
        return ""
    value, (low, high) = row.rate, row.interval_95
    if turned:
        value, low, high = 1 - value, 1 - high, 1 - low
    return of_sample(100 * value, row.n, (100 * low, 100 * high), unit="%")
