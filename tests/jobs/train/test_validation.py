"""What a card says of a trained protector: of each scan, and by each attacker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitsgan.attack import Attacker
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.jobs.train import validation
from mitsgan.progress import Phases, silent
from mitsgan.protect import Offset
from mitsgan.scan.scan import Scan


def evaluated(
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    settings: EvaluationSettings,
    **_: object,
) -> Any:
    """An evaluation that tells attackers apart by action alone, and says who struck."""
    rows = {
        one.action: {
            "protected": SimpleNamespace(rmse_hu=SimpleNamespace(median=one.name, worst=0))
        }
        for one in attackers
    }
    looks = SimpleNamespace(nodule_share=0.5, lump_share=0.5)
    appearance = {
        one.action: SimpleNamespace(states={"tampered protected": looks}) for one in attackers
    }
    return SimpleNamespace(disruption=rows, appearance=appearance)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What pictures were made of: who struck."""
    given: list[object] = []
    monkeypatch.setattr(validation, "evaluate", evaluated)
    monkeypatch.setattr(validation, "evaluation_galleries", lambda _, __, attackers, ___: attackers)

    def draw(galleries: Sequence[Attacker], *_: object) -> bytes:
        given.extend(one.name for one in galleries)
        return b"picture"

    monkeypatch.setattr(validation, "overview", draw)
    return given


def measured(scans: Sequence[Scan], names: Sequence[str], picture: Path, *who: str) -> Any:
    attackers: list[Any] = [
        SimpleNamespace(name=name, action="inject" if name.startswith("in") else "remove")
        for name in who
    ]
    entries: list[dict[str, object]] = [{"name": name} for name in names]
    return validation.validate(
        Offset(2),
        attackers,
        scans,
        entries,
        validation.forms_of(3.0, native=False),
        0,
        picture,
        Phases(silent),
    )["scans"]


def test_each_of_several_attackers_is_told(
    phantom: Scan, drawn: list[object], tmp_path: Path
) -> None:
    who = ("in-a", "re-a", "in-b", "re-b", "in-c")
    row = measured([phantom], ["one"], tmp_path / "a.png", *who)["one"]["clipped"]
    told = {key: value["protected"]["median"] for key, value in row.items() if " by " in key}
    assert told == {
        f"{'inject' if name.startswith('in') else 'remove'} by {name}": name for name in who
    }
    assert drawn == list(who)
    pair = measured([phantom], ["one"], tmp_path / "b.png", "in-a", "re-a")["one"]["clipped"]
    assert set(pair) == {"perturbation_rms_hu", "inject", "remove"}


def test_scans_of_one_name_are_told_apart(
    phantom: Scan, drawn: list[object], tmp_path: Path
) -> None:
    names = ["CT", "other", "CT"]
    told = measured([phantom] * 3, names, tmp_path / "a.png", "in-a", "re-a")
    assert list(told) == ["CT", "other", "CT (2)"]
