"""The first screen of a benchmark: numbers of one kind together, and a leaderboard."""

from __future__ import annotations

from mitsgan.evaluate.benchmark.leaderboard import Row, cards, leaderboard
from mitsgan.evaluate.report.content import Headline
from mitsgan.evaluate.report.table import Column, Table


def _row(protector: str, action: str, over: float, low: float, offset: float) -> Row:
    return {
        "protector": protector,
        "form": "clipped",
        "budget": "10 HU",
        "attacker": "textured",
        "action": action,
        "n": 48,
        "disruption": 20.0,
        "over_noise": over,
        "over_noise_low": low,
        "over_noise_high": over + 0.2,
        "offset": offset,
    }


def test_protectors_are_ranked_by_the_attack_that_suits_the_attacker() -> None:
    rows = (
        _row("strong here", "inject", 3.0, 2.5, 30.0),
        _row("strong here", "remove", 1.1, 0.9, 10.0),
        _row("even", "inject", 1.5, 1.2, 30.0),
        _row("even", "remove", 1.4, 1.1, 30.0),
        {**_row("knows the position", "inject", 0.0, 0.0, 0.0), "over_noise": None},
    )
    others = Table("worst", "Worst", (Column("n", "n"),), ({"n": 48},))
    board = leaderboard([others, Table("main-a", "On a", (Column("n", "n"),), rows)])
    assert board is not None
    assert [(row["protector"], row["by"]) for row in board.rows] == [
        ("even", "textured, remove"),
        ("strong here", "textured, remove"),
    ]
    assert [row["above"] for row in board.rows] == ["2 of 2", "1 of 2"]
    assert [row["offset"] for row in board.rows] == ["2 of 2", "1 of 2"]
    assert board.rows[0]["scan"] == "a"
    assert leaderboard([others]) is None


def test_numbers_of_one_kind_share_a_card() -> None:
    numbers = [
        Headline("disruption: a", 17.2, "HU", 48),
        Headline("disruption: b", 38.6, "HU", 16),
        Headline("gain: a", 2.0, "", 48),
        Headline("whole-scan RMSE: a", 3.86, "HU", 1000),
    ]
    shown = list(cards(numbers, "ours"))
    assert [(h.label, h.value, h.unit, h.n) for h in shown] == [
        ("Disruption", "17 to 39", "HU", 16),
        ("Gain", "2.0", "", 48),
        ("whole-scan RMSE: a", 3.86, "HU", 1000),
    ]
    assert shown[0].note.startswith("Of ours, least and most of 2 attacks")
