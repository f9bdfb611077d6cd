"""Lists of nodules: CSV, JSON and LIDC's XML, and what is wrong with bad ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mitsgan.errors import DataError, PositionError
from mitsgan.files.dicom.read import read_dicom
from mitsgan.scan.scan import Geometry, Scan
from mitsgan.training.data.annotations import Finding, read_annotations

HEADER = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"


@pytest.fixture
def scan() -> Scan:
    """30 x 60 x 60 voxels of lung at 2.5 x 0.8 x 0.8 mm."""
    stored = np.full((30, 60, 60), -860, np.int16)
    geometry = Geometry((2.5, 0.8, 0.8), origin=(-20.0, -30.0, -100.0))
    return Scan(stored, np.ones(30), np.zeros(30), -32768, 32767, geometry)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_luna16(tmp_path: Path, scan: Scan) -> None:
    text = f"\ufeff{HEADER}1.2.3,-4,-14,-50,11.5\n1.2.4,0,0,0,7\n1.2.3,4,2,-75,4.25\n"
    listed = read_annotations(written(tmp_path, "a.csv", text))
    assert listed.names == {"1.2.3", "1.2.4"}
    first, second = listed.of(scan, ["1.2.3", "folder"])
    assert first.diameter_mm == 11.5
    np.testing.assert_allclose(first.index(scan.geometry), (20, 20, 20), atol=1e-9)
    np.testing.assert_allclose(second.index(scan.geometry), (10, 40, 30), atol=1e-9)
    assert listed.of(scan, ["else"]) == ()


def test_json(tmp_path: Path, scan: Scan) -> None:
    text = """[{"world": [-4, -14, -50], "diameter_mm": 11.5},
               {"voxel": [3, 4, 5], "diameter_mm": 6, "series": "chest.nii"}]"""
    listed = read_annotations(written(tmp_path, "a.json", text))
    findings = listed.of(scan, ["chest.nii"])
    assert {f.diameter_mm: f.index(scan.geometry) for f in findings} == {
        11.5: pytest.approx((20, 20, 20)),
        6: (3, 4, 5),
    }
    assert [f.diameter_mm for f in listed.of(scan, ["other"])] == [11.5]


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("a.csv", "seriesuid,x,y,z\n", "no column coordX, coordY, coordZ, diameter_mm"),
        ("a.csv", "", "found nothing, expected a first line"),
        ("a.csv", f"{HEADER}1.2,1,2,three,4\n", "line 2: coordZ is 'three', expected a number"),
        ("a.csv", f"{HEADER}1.2,1,2\n", "line 2: coordZ is None"),
        ("a.csv", f"{HEADER}1.2,1,2,nan,4\n", "line 2: coordZ is 'nan'"),
        ("a.csv", f"{HEADER}1.2,1,2,3,0\n", "diameter_mm is 0, expected more than 0"),
        ("a.csv", f"{HEADER},1,2,3,4\n", "line 2: no seriesuid"),
        ("a.json", "{", "is no JSON"),
        ("a.json", "{}", "expected a list of nodules, found dict"),
        ("a.json", "[3]", "nodule 1: expected an object, found 3"),
        ("a.json", '[{"diameter_mm": 3}]', "nodule 1: give either world"),
        ("a.json", '[{"world": [1, 2], "diameter_mm": 3}]', "expected three numbers"),
        ("a.json", '[{"world": [1, 2, true], "diameter_mm": 3}]', "world is True"),
        ("a.json", '[{"voxel": [1, 2, 3]}]', "diameter_mm is None"),
        ("a.json", '[{"voxel": [1, 2, 3], "diameter_mm": 3, "series": 4}]', "series is 4"),
        ("a.xml", "<a>", "is no well-formed XML"),
        ("a.xml", "<a/>", "is no reading of LIDC-IDRI"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type"),
        ("a.txt", "", "ends in .csv, .json or .xml"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read_annotations(written(tmp_path, name, text))
    assert said in str(raised.value)
    assert name in str(raised.value)


def test_no_such_list_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_annotations(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no text in UTF-8"):
        read_annotations(tmp_path / "b.csv")


def test_a_nodule_outside_the_scan(tmp_path: Path, scan: Scan) -> None:
    listed = read_annotations(written(tmp_path, "a.csv", f"{HEADER}s,4,14,-50,11.5\ns,40,0,0,5\n"))
    with pytest.raises(PositionError, match=r"world \(40.0, 0.0, 0.0\) mm.*RAS"):
        listed.of(scan, ["s"])


def test_a_finding_needs_a_position(scan: Scan) -> None:
    with pytest.raises(PositionError, match="without a position"):
        Finding(5.0).index(scan.geometry)


def reading(*nodules: tuple[int, float, float, float, int]) -> str:
    """A LIDC reading: reader, column, row, z and half side of a square in three slices."""
    sessions: dict[int, str] = {}
    for reader, column, row, z, half in nodules:
        rois = ""
        for dz in (-2.5, 0, 2.5):
            corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
            edges = "".join(
                f"<edgeMap><xCoord>{column + a}</xCoord><yCoord>{row + b}</yCoord></edgeMap>"
                for a, b in corners[: 4 if half else 1]
            )
            rois += (
                f"<roi><imageZposition>{z + dz}</imageZposition><inclusion>TRUE</inclusion>"
                f"{edges}</roi>"
            )
        sessions[reader] = (
            sessions.get(reader, "") + f"<unblindedReadNodule>{rois}</unblindedReadNodule>"
        )
    body = "".join(f"<readingSession>{text}</readingSession>" for text in sessions.values())
    return (
        '<LidcReadMessage xmlns="http://www.nih.gov"><ResponseHeader><SeriesInstanceUid>1.2.3'
        f"</SeriesInstanceUid></ResponseHeader>{body}</LidcReadMessage>"
    )


def test_readers_agree(tmp_path: Path, scan: Scan) -> None:
    text = reading(
        (1, 20, 20, -50, 5),
        (2, 21, 20, -50, 5),
        (3, 19, 20, -50, 5),
        (1, 45, 40, -75, 4),  # one reader only
        (2, 10, 10, -60, 0),  # one pixel: under 3 mm
    )
    listed = read_annotations(written(tmp_path, "a.xml", text))
    assert listed.names == {"1.2.3"}
    (finding,) = listed.of(scan, ["1.2.3"])
    np.testing.assert_allclose(finding.index(scan.geometry), (20, 20, 20), atol=1e-6)
    volume = 3 * 2.5 * (10 * 0.8) ** 2
    assert finding.diameter_mm == pytest.approx((6 * volume / np.pi) ** (1 / 3))
    assert len(listed.of(scan, ["1.2.3"], readers=1)) == 2
    assert listed.of(scan, ["other"]) == ()
    assert listed.most_readers(scan, ["1.2.3"]) == 3
    assert listed.most_readers(scan, ["other"]) == 0


def test_contours_of_another_series(tmp_path: Path, scan: Scan) -> None:
    listed = read_annotations(written(tmp_path, "a.xml", reading((1, 20, 20, 300, 5))))
    with pytest.raises(DataError, match=r"z 297.5 mm, where the scan has no slice"):
        listed.of(scan, ["1.2.3"])


def test_contours_need_the_rows_and_columns_of_the_dicom(tmp_path: Path, scan: Scan) -> None:
    listed = read_annotations(written(tmp_path, "a.xml", reading((1, 20, 20, -50, 5))))
    axes = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
    turned = replace(scan, geometry=replace(scan.geometry, axes=axes))
    with pytest.raises(DataError, match="give the DICOM series itself"):
        listed.of(turned, ["1.2.3"])


@pytest.mark.real_data
def test_the_readers_of_a_real_scan_agree_on_its_mass(data: Path) -> None:
    """LUNA16 has it at these coordinates, 23.35 mm across."""
    folder = data / "ct" / "lidc-0001"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    listed = read_annotations(folder / "reader-annotations.xml")
    scan = read_dicom(folder)
    (finding,) = listed.of(scan, listed.names, readers=4)
    assert finding.world is not None
    assert np.linalg.norm(np.subtract(finding.world, (56.21, 86.34, -115.87))) < 1.5
    assert finding.diameter_mm == pytest.approx(23.35, abs=1.0)
