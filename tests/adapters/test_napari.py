"""Layers of napari: what they hold, where they lie, and that the manifest names what is there."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from tests.scan.test_order import ALL

import mitsgan as mg
from mitsgan.adapters.napari import layers_of, reader
from mitsgan.scan.canonical import reordered
from mitsgan.scan.order import AxisOrder

VOXEL = (3, 7, 11)


@pytest.mark.parametrize("order", [ALL[0], ALL[13], ALL[46]], ids=str)
def test_a_layer_lies_where_the_scan_does(body: mg.Scan, order: AxisOrder) -> None:
    ((data, look, kind),) = layers_of(reordered(body, order))
    assert kind == "image"
    np.testing.assert_array_equal(data, body.hu())
    z, y, x, _ = look["affine"] @ [*VOXEL, 1]
    assert (x, y, z) == pytest.approx(body.geometry.to_world(VOXEL))


def test_what_was_added_is_a_layer_in_hu(body: mg.Scan) -> None:
    protected = mg.protect(body, protector="noise", max_hu=4)
    _, (added, look, _) = layers_of(protected, original=reordered(body, ALL[29]))
    np.testing.assert_array_equal(added, protected.scan.hu() - body.hu())
    assert np.abs(added).max() == 4
    assert look["contrast_limits"] == (-4, 4)


def test_a_map_is_a_layer_of_the_same_grid(body: mg.Scan) -> None:
    key = mg.Key(bytes(32))
    protected = mg.protect(body, protector="noise", key=key, identity="1.2", max_hu=30)
    verified = mg.verify(protected, key=key, identity="1.2")
    scan, likely = layers_of(protected, verified=verified)
    assert likely[0].shape == scan[0].shape
    assert 0 <= likely[0].min() <= likely[0].max() <= 1
    np.testing.assert_array_equal(likely[1]["affine"], scan[1]["affine"])


def test_an_original_of_another_grid_is_told(body: mg.Scan, small_chest: mg.Scan) -> None:
    with pytest.raises(mg.ScanError, match="a scan and its protected version"):
        layers_of(body, original=small_chest)
    elsewhere = replace(body, geometry=replace(body.geometry, origin=(90.0, 0.0, 0.0)))
    with pytest.raises(mg.ScanError, match="lie in different places"):
        layers_of(body, original=elsewhere)


def test_the_reader_takes_files_of_scans(tmp_path: Path, body: mg.Scan) -> None:
    mg.write(body, tmp_path / "ct.nii.gz")
    assert reader(str(tmp_path / "notes.txt")) is None
    assert reader([str(tmp_path / "ct.nii.gz")]) is None
    read = reader(str(tmp_path / "ct.nii.gz"))
    assert read is not None
    ((data, look, _),) = read(str(tmp_path / "ct.nii.gz"))
    np.testing.assert_array_equal(data, body.hu())
    assert look["name"] == "ct.nii.gz"
    assert reader(str(tmp_path)) is not None, "a folder of DICOM"


def test_the_manifest_names_the_reader() -> None:
    manifest = json.loads((files("mitsgan.adapters") / "napari.json").read_text())
    (command,) = manifest["contributions"]["commands"]
    module, name = command["python_name"].split(":")
    assert getattr(import_module(module), name) is reader
    (contribution,) = manifest["contributions"]["readers"]
    assert contribution["command"] == command["id"]
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '[project.entry-points."napari.manifest"]\nmitsgan = "mitsgan.adapters:napari.json"' in (
        pyproject
    )
