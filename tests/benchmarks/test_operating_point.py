"""Protectors are brought to one strength on a phantom; what they are worth is judged elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from operating_point import POINTS, OperatingPoints, main

SHOWN = ["--protectors", "tafim", "noise", "--pairs", "textured", "--positions", "3"]


def test_the_points_are_those_of_the_paper() -> None:
    assert list(POINTS.values()) == [50.565, 66.061]


def test_none_of_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--positions", "0", "--output", str(tmp_path / "points.json")]
    assert main([str(tmp_path / "scan"), *options]) == 2
    assert "must be at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_all_are_as_strong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series, output = tmp_path / "series", tmp_path / "points.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    command = [str(series), "--output", str(output), "--points", "1", *SHOWN]
    assert main(command) == 0
    result = OperatingPoints.read(output)
    assert result.scan.name == "series"
    assert len(result.positions) == 3
    assert result.untouched is not None
    assert set(result.untouched.failed) == {"textured inject", "textured remove"}
    (point,) = result.points
    tafim, noise = point.protectors["tafim"], point.protectors["noise"]
    assert noise.strength.factor == pytest.approx(5.0565, rel=0.05)
    assert tafim.strength.factor < 1, "it is stronger by itself"
    for at in (tafim, noise):
        assert at.strength.square_rmse_hu == pytest.approx(50.565, abs=0.1)
        assert [struck.action for struck in at.struck] == ["inject", "remove"]
        for struck in at.struck:
            assert struck.disruption.median.value > 0
            assert len(struck.gain.positions) == 3
            assert struck.failed["measurement"].n == 3
            assert struck.compared is not None
            assert (struck.compared.squares.rmse_hu or 0) > 0
    for action in ("inject", "remove"):
        assert point.over_noise["noise"][f"textured {action}"].value == 1
        below = noise.struck[action == "remove"].disruption.median.value
        above = tafim.struck[action == "remove"].disruption.median.value
        assert point.over_noise["tafim"][f"textured {action}"].value == pytest.approx(above / below)
    assert "sha256" in json.loads(output.read_text())["weights"]["tafim"]
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
