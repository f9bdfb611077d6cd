"""The MONAI bundle runs, and is a door like the others."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.bundle.config_parser import ConfigParser
from monai.bundle.scripts import run
from tests.adapters.conftest import MAX_HU, SEED, Voxels
from tests.scan.test_order import ALL

import mitsgan as mg
from mitsgan.scan.canonical import reordered

BUNDLE = Path(__file__).parents[2] / "deploy" / "monai-bundle"


def test_it_protects_a_folder_as_the_door_does(
    tmp_path: Path, body: mg.Scan, expected: Voxels
) -> None:
    (tmp_path / "scans").mkdir()
    for number in (0, 29):
        mg.write(reordered(body, ALL[number]), tmp_path / "scans" / f"ct-{number}.nii.gz")
    settings: Any = {
        "config_file": str(BUNDLE / "configs" / "inference.json"),
        "meta_file": str(BUNDLE / "configs" / "metadata.json"),
        "logging_file": False,
        "bundle_root": str(tmp_path),
    }
    with pytest.warns(UserWarning, match="a source you trust"):  # MONAI says it of any bundle
        run(**settings, max_hu=MAX_HU, seed=SEED, device="cpu")
    for number in (0, 29):
        written = tmp_path / "protected" / f"ct-{number}_protected.nii.gz"
        np.testing.assert_array_equal(mg.read(written).hu(), expected)
        before: Any = nib.load(tmp_path / "scans" / f"ct-{number}.nii.gz")
        after: Any = nib.load(written)
        np.testing.assert_allclose(after.affine, before.affine, atol=1e-4)


def test_its_metadata_say_what_is_tested() -> None:
    metadata = json.loads((BUNDLE / "configs" / "metadata.json").read_text())
    assert metadata["version"] == mg.__version__
    assert metadata["required_packages_version"]["mitsgan"] == mg.__version__
    assert metadata["monai_version"] == version("monai")
    assert metadata["pytorch_version"] == version("torch").split("+")[0]
    assert metadata["numpy_version"] == version("numpy")
    (entry,) = metadata["network_data_format"]["inputs"].values()
    assert (entry["format"], entry["num_channels"]) == ("hounsfield", 1)


@pytest.mark.parametrize("name", ["load", "protect", "save"])
def test_each_step_is_there(name: str, tmp_path: Path) -> None:
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.json"))
    parser["bundle_root"] = str(tmp_path)
    assert parser.get_parsed_content(name).keys == ("image",)
