"""The table of docs/decisions/bound.md, from docs/results/linear-bound.json."""

from __future__ import annotations

from drawing import plain
from result_tables import RESULTS

from linear_bound import Ball, LinearBound
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column

SUMMARY = RESULTS / "linear-bound.json"
_BESIDE = ("mits-gan", "wave", "offset")


def bounds() -> str:
    """The most over noise in proportion, and what was reached, ball by ball."""
    columns: list[str | Column] = [
        *("attackers", "action", "ball"),
        Column("", "positions fitted", digits=0),
        Column("", "bound there", digits=1),
        Column("", "the same pattern at new positions", digits=1),
        *(Column("", f"`{name}` there", digits=1) for name in _BESIDE),
        Column("", "its signs at 10 HU", "HU", digits=0),
        *(Column("", f"`{name}` at 10 HU", "HU", digits=0) for name in (*_BESIDE, "random signs")),
    ]
    made: list[list[Cell]] = []
    for ball in LinearBound.read(SUMMARY).balls:
        for bound in ball.bounds:
            row: list[Cell] = [f"`{ball.pair}`", ball.action, _where(ball)]
            row += [bound.positions, bound.gain, bound.fresh_gain]
            row += [ball.gains[name] for name in _BESIDE]
            row += [bound.signs_hu, *(ball.disruption_hu[name] for name in _BESIDE)]
            made.append([*row, ball.disruption_hu["random signs"]])
    return plain(columns, made)


def _where(ball: Ball) -> str:
    if ball.ball_mm is None:
        return "all lung"
    return "known" if ball.ball_mm == 0 else f"{ball.ball_mm:g} mm"
