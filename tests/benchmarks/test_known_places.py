"""Ascents at known places are made on a phantom; what they are worth is judged elsewhere."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from known_places import KnownPlaces, main, planned
from mitsgan.anatomy.candidates import Candidate
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import NODULE_LPS, chest
from planted import nearest_candidate


def test_the_nearest_candidate_is_told_with_its_distance_in_mm() -> None:
    near, far = (Candidate(position, 4.0, 1.0) for position in ((10, 20, 30), (10, 40, 30)))
    assert nearest_candidate([far, near], (12, 20, 29), (3.0, 1.0, 2.0)) == (near, 6.32)


def test_networks_that_are_otherwise_are_asked_what_a_removal_leaves_alone() -> None:
    ways = ["three pairs", "three pairs, diverse"]
    options = Namespace(budgets=["10 HU"], ways=ways, goals=["distance", "remainder"])
    assert [(way, goal) for _, way, goal in planned(options)] == [
        ("three pairs", "distance"),
        ("three pairs", "remainder"),
        ("three pairs, diverse", "remainder"),
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize("is_listed", [False, True])
def test_ascents_are_made_once_and_added_to(
    is_listed: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("known_site.TESTERS", {"textured": 2, "residual": 1})
    monkeypatch.setattr("known_site.TURNS", 1)
    series, output = tmp_path / "series", tmp_path / "known.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    command = [str(series), "--output", str(output), "--steps", "2", "--goals", "remainder"]
    if is_listed:
        nodule = [{"world": list(NODULE_LPS), "diameter_mm": 12}]
        (tmp_path / "list.json").write_text(json.dumps(nodule))
        command += ["--nodules", str(tmp_path / "list.json")]
    short = ["--budgets", "0.5 sigma", "--ways", "three pairs, varied"]
    assert main([*command, *short]) == 0
    first = KnownPlaces.read(output)
    count = 1 if is_listed else 4
    (cell,), (beside,) = first.cells, first.beside
    assert (first.planted, len(first.nodules)) == (not is_listed, count)
    assert len(first.positions) == 2
    assert [cost.pair for cost in first.costs] == ["textured", "smooth", "narrow"]
    assert all(cost.gradient_ms > cost.attack_ms > 0 for cost in first.costs)
    assert all(cost.half_gradient_ms > cost.half_attack_ms > 0 for cost in first.costs)
    assert cell.key == ("0.5 sigma", "three pairs, varied", "remainder")
    assert (cell.steps, cell.curve[-1].attacks * count) == (2 * count, cell.attacks)
    assert [met.pair for met in cell.struck.met] == ["textured", "residual"]
    assert 0 < cell.struck.rmse_hu <= 30
    assert beside.untouched.rmse_hu == 0
    assert beside.noise.rmse_hu == pytest.approx(beside.network.rmse_hu, rel=0.02)
    assert all(hu > 0 for hu in cell.noise_hu.values())

    assert main([*command, *short]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--budgets", "0.5 sigma", "--ways", "one pair", "--resume"]) == 0
    second = KnownPlaces.read(output)
    assert (second.cells[1:], second.beside, second.costs) != ((), (), ())
    assert second.cells[0] == cell

    output.write_text(replace(second, scan="another").to_json())
    assert main([*command, "--resume"]) == 2
    assert "another scan" in capsys.readouterr().err
