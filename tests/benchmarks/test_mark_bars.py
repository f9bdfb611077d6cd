"""What is required of the mark is compared with what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mark_bars import BEHIND, bars_table
from mitsgan.evaluate.mark.evaluation import PURIFIED
from mitsgan.evaluate.mark.result import LocatedRow, MarkEvaluation
from mitsgan.evaluate.statistics import Spread

RESULT = Path(__file__).parents[2] / "docs" / "results" / "mark-lidc-0001.json"


@pytest.fixture
def evaluation() -> MarkEvaluation:
    """A result of which some bars are met and others are not."""
    measured = MarkEvaluation.read(RESULT)
    attack = measured.attacks["remove"]

    def case(title: str, old: LocatedRow) -> LocatedRow:
        auc = 0.9995 if title == "touched up" else 0.98
        return replace(old, auc=auc, dice=Spread(0.7, 0.72, 0.1, 0.9))

    cases = {title: case(title, old) for title, old in attack.cases.items()}
    return replace(
        measured,
        change=replace(measured.change, mark_rms_over_body_hu=3.2),
        attacks={"remove": replace(attack, cases=cases)},
    )


def test_bars_say_what_is_missed(evaluation: MarkEvaluation) -> None:
    verdicts = {row["what"]: row["verdict"] for row in bars_table(evaluation).rows}
    assert verdicts.pop("share of untouched scans alarmed") == "met"
    assert verdicts.pop("remove: AUC per position") == "met"
    assert verdicts.pop("remove: median Dice") == "met"
    assert verdicts.pop("RMS of the mark over the body, HU") == "**missed**"
    assert set(verdicts) == {f"remove: AUC behind {name}" for name in BEHIND}
    assert set(verdicts.values()) == {"**missed**"}


def test_every_purifier_with_a_bar_is_measured() -> None:
    assert set(BEHIND) < set(PURIFIED)
