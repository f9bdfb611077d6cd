"""Real scans: a few slices of a DICOM series, marked, and a small image."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom import dcmread
from tests.restore.conftest import Protect

from mitsgan.jobs.restore.restore import restore
from mitsgan.mark import Key

pytestmark = pytest.mark.real_data


def test_slices_of_a_series(
    data: Path,
    protect: Protect,
    keys: Path,
    tmp_path: Path,
    same_files: Callable[[Path, Path], bool],
) -> None:
    """Every byte, and at most 12 % of the voxels though the scan is marked."""
    scan = tmp_path / "scan"
    scan.mkdir()

    def height(file: Path) -> float:
        return float(dcmread(file, stop_before_pixels=True).ImagePositionPatient[2])

    for file in sorted((data / "ct" / "lidc-0001").glob("*.dcm"), key=height)[60:66]:
        shutil.copy(file, scan)
    Key.generate().save(tmp_path / "mark.key")
    result = protect(scan, tmp_path / "out", protector="mits-gan", key=tmp_path / "mark.key")
    restore(
        tmp_path / "out",
        tmp_path / "back",
        private_key=keys / "site.pem",
        trust=keys / "signer.pub",
    )
    assert same_files(scan, tmp_path / "back")
    assert result.restorable is not None
    assert result.restorable.bytes <= 0.12 * result.restorable.voxel_bytes


def test_a_small_image(data: Path, protect: Protect, keys: Path, tmp_path: Path) -> None:
    scan = data / "ct" / "cip-64" / "ct-64.nrrd"
    protect(scan, tmp_path / "out.nrrd")
    private, trust = keys / "site.pem", keys / "signer.pub"
    back = tmp_path / "back.nrrd"
    restored = restore(tmp_path / "out.nrrd", back, private_key=private, trust=trust)
    assert restored.sealed
    before, after = (sitk.ReadImage(str(path)) for path in (scan, back))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(before), sitk.GetArrayFromImage(after))
    assert restored.slices == before.GetDepth()
    assert after.GetOrigin() == before.GetOrigin()
    assert after.GetDirection() == before.GetDirection()
