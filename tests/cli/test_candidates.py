"""`mitsgan candidates`: the list, the JSON, known and planted nodules, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from mitsgan.cli.main import main
from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The middle of a chest, 12 x 72 x 72: what is searched takes time by its mm."""
    folder = tmp_path_factory.mktemp("source") / "chest"
    phantom_series(chest((12, 72, 72), (8.0, 3.8, 3.8), seed=3), folder)
    return folder


@pytest.mark.slow
def test_lists_places_and_writes_them_with_what_they_cover(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, out, nodules = read_scan(series), tmp_path / "found.json", tmp_path / "nodules.json"
    assert main(["candidates", str(series), "--limit", "8", "-o", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["kind"] == "candidates"
    assert 0 < len(result["candidates"]) <= 8
    for row in result["candidates"]:
        np.testing.assert_allclose(scan.geometry.to_world(row["voxel"]), row["lps_mm"])
    scores = [row["score"] for row in result["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 < result["covered"][str(len(scores))] <= 1
    assert result["known"] == result["recall"] == result["planted"] == []
    assert "around them cover" in capsys.readouterr().out

    third = result["candidates"][2]["lps_mm"]
    nodules.write_text(json.dumps([{"world": third, "diameter_mm": 6.0}]))
    again = ["--limit", "8", "--nodules", str(nodules), "-o", str(out), "--overwrite"]
    assert main(["candidates", str(series), *again]) == 0
    (known,) = json.loads(out.read_text())["known"]
    assert known["rank"] == 3
    assert known["offset_mm"] == pytest.approx(0, abs=1e-6)
    shown = capsys.readouterr().out
    assert "Known nodules" in shown
    assert "6.0" in shown[shown.index("Known nodules") :]


@pytest.mark.slow
def test_recall_is_that_of_nodules_planted_in_memory(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "recall.json"
    assert main(["candidates", str(series), "--recall", "2", "-o", str(out), "--quiet"]) == 0
    result = json.loads(out.read_text())
    assert result["recall"][0]["n"] == 2
    assert [row["place"] for row in result["planted"]] == ["inside", "border"]
    assert {row["kind"] for row in result["planted"]} == {"solid", "part-solid"}
    assert set(result["seconds"]) == {"read", "lung", "find", "recall"}


@pytest.mark.parametrize(
    "options, message",
    [
        (("--limit", "0"), "--limit must be 1 or more"),
        (("--recall", "-1"), "--recall must be 0 or more"),
        (("--nodules", "nowhere.csv"), "nowhere.csv does not exist"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    series: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["candidates", str(series), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_list_without_a_nodule_of_this_scan_is_refused(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodules = tmp_path / "nodules.json"
    nodules.write_text(json.dumps([{"series": "1.2.3", "world": [0, 0, 0], "diameter_mm": 6.0}]))
    assert main(["candidates", str(series), "--nodules", str(nodules)]) == 2
    assert "lists no nodule of this scan" in capsys.readouterr().err


@pytest.mark.slow
def test_readers_who_were_too_few_are_counted(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two readers marked one nodule and one of them another: with three asked for there is none."""
    slices = sorted((dcmread(path) for path in series.iterdir()), key=lambda ds: ds.SliceLocation)
    heights = [float(ds.ImagePositionPatient[2]) for ds in slices[10:13]]
    nodules = tmp_path / "readings.xml"
    sessions = (_contours(heights, 40, 30) + _contours(heights, 60, 64), _contours(heights, 41, 30))
    nodules.write_text(
        '<LidcReadMessage xmlns="http://www.nih.gov"><ResponseHeader><SeriesInstanceUid>'
        f"{slices[0].SeriesInstanceUID}</SeriesInstanceUid></ResponseHeader>"
        + "".join(f"<readingSession>{text}</readingSession>" for text in sessions)
        + "</LidcReadMessage>"
    )
    command = ["candidates", str(series), "--nodules", str(nodules), "--readers"]
    assert main([*command, "3"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {nodules} lists nodules of this scan, but none that 3 readers marked: at most "
        "2 agree; give --readers 2"
    )
    assert main([*command, "2"]) == 0
    assert main([*command, "1"]) == 0


def _contours(heights: list[float], column: int, row: int) -> str:
    """What a reader drew: a square in some slices."""
    corners = ((-4, -4), (4, -4), (4, 4), (-4, 4))
    edges = "".join(
        f"<edgeMap><xCoord>{column + x}</xCoord><yCoord>{row + y}</yCoord></edgeMap>"
        for x, y in corners
    )
    rois = "".join(
        f"<roi><imageZposition>{z}</imageZposition><inclusion>TRUE</inclusion>{edges}</roi>"
        for z in heights
    )
    return f"<unblindedReadNodule>{rois}</unblindedReadNodule>"
