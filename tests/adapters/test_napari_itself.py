"""napari itself, where it is installed, without a window: what it reads, and where it lays layers.

Its own plugins for pytest only warn: PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 pytest -p pytest_timeout
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.scan.test_order import ALL

import mitsgan as mg
from mitsgan.adapters.napari import layers_of
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.scan.canonical import reordered

pytestmark = [
    pytest.mark.skipif(find_spec("napari") is None, reason="napari is not installed"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
]

VOXEL = (3, 7, 11)


@pytest.fixture
def viewer() -> Any:
    """All of napari but its window."""
    from napari.components import ViewerModel
    from npe2 import PluginManager

    PluginManager.instance().discover()
    return ViewerModel()


def test_its_manifest_is_valid() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(str(files("mitsgan.adapters") / "napari.json"))
    manifest.validate_imports()


@pytest.mark.parametrize("suffix", ["", ".nii.gz", ".mha", ".nrrd"])
def test_it_opens_a_scan_by_our_reader(
    viewer: Any, body: mg.Scan, small_chest: mg.Scan, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"ct{suffix}"
    scan = body if suffix else small_chest
    if suffix:
        mg.write(reordered(scan, ALL[29]), path)
    else:
        phantom_series(scan, path)
    (layer,) = viewer.open(str(path), plugin="mitsgan")
    np.testing.assert_array_equal(layer.data, scan.hu())
    z, y, x = layer.data_to_world(VOXEL)
    assert (x, y, z) == pytest.approx(scan.geometry.to_world(VOXEL), abs=1e-3)
    assert layer.name == path.name


def test_it_takes_all_layers(viewer: Any, body: mg.Scan) -> None:
    key = mg.Key(bytes(32))
    protected = mg.protect(body, protector="noise", key=key, identity="1.2", max_hu=30)
    verified = mg.verify(protected, key=key, identity="1.2")
    for data, look, kind in layers_of(protected, original=body, verified=verified):
        getattr(viewer, f"add_{kind}")(data, **look)
    scan, added, likely = viewer.layers
    z, y, x = scan.data_to_world(VOXEL)
    assert (x, y, z) == pytest.approx(body.geometry.to_world(VOXEL))
    np.testing.assert_array_equal(added.extent.world, scan.extent.world)
    np.testing.assert_array_equal(likely.extent.world, scan.extent.world)
    below, above = added.colormap.map(np.array([0.0, 1.0]))
    assert np.abs(below - above).max() > 0.3, "what was added looks like what was taken away"
