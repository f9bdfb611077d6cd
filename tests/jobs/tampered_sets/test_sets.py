"""Public sets of tampered scans, made small in the layout of their makers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from mitsgan.errors import DataError
from mitsgan.evaluate.passive.grain_statistic import GrainStatistic
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.tampered_sets.ctgan import ctgan
from mitsgan.jobs.tampered_sets.evaluate import evaluate_set
from mitsgan.jobs.tampered_sets.m3dsynth import hu_offset, m3dsynth
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

SPACING = (5.0, 3.4, 3.4)
PLACE = (12, 52, 30)
"""In a lung, counted from the feet."""


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((26, 104, 104), SPACING, seed=5)


def _slices(folder: Path, values: np.ndarray) -> None:
    """As the makers number them: from the head."""
    folder.mkdir(parents=True)
    for number, plane in enumerate(values[::-1]):
        Image.fromarray(plane).save(folder / f"slide{number:04d}.tiff")


@pytest.fixture(scope="module")
def synth(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("m3dsynth")
    hu = scan.hu().clip(-1024, 3000)
    tampered = hu.copy()
    z, y, x = PLACE
    box = (slice(z - 2, z + 3), slice(y - 4, y + 5), slice(x - 4, x + 5))
    tampered[box] = -850
    label = np.zeros(hu.shape, bool)
    label[box] = True
    for offset, method, values in ((1024, "real", hu), (3024, "cycle", tampered)):
        _slices(folder / method / "scan" / "rem_1", (values + offset).astype(np.uint16))
    _slices(folder / "cycle" / "label" / "rem_1", label)
    tables = folder / "data"
    tables.mkdir()
    head = scan.shape[0] - 1 - z
    (tables / "data.csv").write_text(
        "img_id,ty,mod,orig_id,sdir_id,coord_z,coord_y,coord_x\n"
        f"rem_1,rem,real,LIDC-IDRI-0001,7,{head},{y},{x}\n"
        f"rem_1,rem,cycle,LIDC-IDRI-0001,7,{head},{y},{x}\n"
        f"rem_1,rem,pix2pix,LIDC-IDRI-0001,7,{head},{y},{x}\n"
    )
    (tables / "LIDC.csv").write_text(
        "orig_id,sdir_id,spacing_z,spacing_y,spacing_x,dicom\n"
        f"LIDC-IDRI-0001,7,{SPACING[0]},{SPACING[1]},{SPACING[2]},somewhere\n"
    )
    (tables / "sets.csv").write_text("orig_id,set\nLIDC-IDRI-0001,test\nLIDC-IDRI-0002,train\n")
    return folder


def test_m3dsynth_is_read_in_hu_from_the_feet(synth: Path, scan: Scan) -> None:
    real, cycle = m3dsynth(synth)
    assert (real.name, cycle.name) == ("real/rem_1", "cycle/rem_1")
    assert real.places[0].position == cycle.places[0].position == PLACE
    assert (real.places[0].label, real.places[0].against) == ("untouched", "removed")
    assert cycle.places[0].label == "removed"
    read = real.read()
    assert read.spacing == SPACING
    np.testing.assert_array_equal(read.hu(), scan.hu().clip(-1024, 3000))
    tampered = cycle.read()
    assert tampered.source is None
    assert tampered.hu()[PLACE] == -850
    assert cycle.tampered is not None
    box = cycle.tampered()
    assert box == (slice(10, 15), slice(48, 57), slice(26, 35))
    assert real.tampered is None


@pytest.mark.parametrize("offset", [0, 1024, 2000, 2048, 3024])
def test_the_offset_of_values_is_found(scan: Scan, offset: int) -> None:
    assert hu_offset((scan.hu() + offset).clip(0).astype(np.int32)) == offset


def test_m3dsynth_says_what_is_missing(synth: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no scan of the part 'valid'"):
        list(m3dsynth(synth, "valid"))
    with pytest.raises(DataError, match=r"sets\.csv is not there"):
        list(m3dsynth(tmp_path))


@pytest.fixture(scope="module")
def tampered(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ctgan")
    series = folder / "CT_Scans" / "EXP1_blind" / "1280"
    series.parent.mkdir(parents=True)
    phantom_series(scan, series)
    z, y, x = PLACE
    (folder / "labels_exp1.csv").write_text(
        "type,uuid,slice,x,y\n"
        f"FB,1280,{z},{x},{y}\n"
        f"TB,1280,{z},{x},{104 - y}\n"
        f"FM,9999,{z},{x},{y}\n"
    )
    return folder


def test_the_ctgan_set_is_read(tampered: Path, scan: Scan) -> None:
    (one,) = ctgan(tampered)
    assert one.name == "CT_Scans/EXP1_blind/1280"
    removed, untouched = one.places
    assert (removed.position, removed.label) == (PLACE, "removed")
    assert (untouched.label, untouched.against) == ("untouched", "removed")
    read = one.read()
    assert read.source is None
    np.testing.assert_allclose(read.hu()[PLACE], scan.hu()[PLACE], atol=1)


def test_places_of_a_prone_patient_are_where_the_picture_has_them(
    tampered: Path, scan: Scan, tmp_path: Path
) -> None:
    """His rows run to the front and his columns to the right; the makers count along them."""
    z, y, x = PLACE
    rows, columns = scan.shape[1:]
    series = tmp_path / "CT_Scans" / "EXP1_blind" / "1280"
    series.mkdir(parents=True)
    for path in (tampered / "CT_Scans" / "EXP1_blind" / "1280").iterdir():
        turned = dcmread(path)
        turned.PixelData = turned.pixel_array[::-1, ::-1].tobytes()
        left, back, head = map(float, turned.ImagePositionPatient)
        turned.ImagePositionPatient = [
            left + (columns - 1) * SPACING[2],
            back + (rows - 1) * SPACING[1],
            head,
        ]
        turned.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        turned.save_as(series / path.name)
    (tmp_path / "labels_exp1.csv").write_text(
        f"type,uuid,slice,x,y\nFB,1280,{z},{columns - 1 - x},{rows - 1 - y}\n"
    )
    (one,) = ctgan(tmp_path)
    read = one.read()
    np.testing.assert_allclose(read.hu(), scan.hu(), atol=1)
    assert one.places[0].voxel(read) == PLACE


def test_the_ctgan_set_says_what_is_missing(tampered: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither of labels_exp1"):
        list(ctgan(tmp_path))
    (tmp_path / "labels_exp2.csv").write_text("type,uuid,slice,x,y\nXX,1,2,3,4\n")
    with pytest.raises(DataError, match="unknown type 'XX'"):
        list(ctgan(tmp_path))
    (tmp_path / "labels_exp2.csv").write_text("type,uuid,slice,x,y\nFM,1,2,3,4\n")
    with pytest.raises(DataError, match="holds no scan"):
        list(ctgan(tmp_path))
    (tmp_path / "labels_exp2.csv").write_text("type,uuid\nFM,1\n")
    with pytest.raises(DataError, match="no column slice, x, y"):
        list(ctgan(tmp_path))


def test_detectors_are_measured_on_a_set(synth: Path) -> None:
    found = evaluate_set(m3dsynth(synth), [(GrainStatistic(), 3.0)])
    assert (found.scans, found.skipped) == (2, ())
    (row,) = found.rows
    assert (row.detector, row.method, row.label) == ("noise residual", "cycle", "removed")
    assert (row.n, row.untouched, row.auc) == (1, 1, 1.0)
    assert row.iou is not None
    with pytest.raises(DataError, match="both tampered and untouched"):
        evaluate_set([], [(GrainStatistic(), 3.0)])
