"""MHD, MHA and NRRD as other programs write them, and what their libraries say meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.phantom.chest import chest
from mitsgan.reading import Reading
from mitsgan.scan.scan import Scan


def _image(shift: int = 0) -> Any:
    values = np.random.default_rng(2).integers(-1000, 1500, (4, 5, 6)).astype(np.int16)
    return sitk.GetImageFromArray((values + shift).astype(np.int16))


@pytest.mark.parametrize("ending, data", [(".mhd", "a.raw"), (".nhdr", "a.raw")])
def test_a_missing_data_file_is_named_and_only_by_us(
    tmp_path: Path, ending: str, data: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sitk.WriteImage(_image(), str(tmp_path / f"a{ending}"))
    (tmp_path / data).unlink()
    with pytest.raises(ScanError, match=rf"a\{ending} says that its voxels are in a\.raw, which"):
        read_scan(tmp_path / f"a{ending}")
    assert capfd.readouterr().err == ""


def test_metadata_that_is_no_text_is_told_and_left(tmp_path: Path, derivation: Derivation) -> None:
    image = _image()
    image.SetMetaData("Station", "CT1")
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    content = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "a.nrrd").write_bytes(content.replace(b"CT1", b"C\xff\xfe", 1))
    scan = read_scan(tmp_path / "a.nrrd")
    assert scan.notes == ("metadata that is no text is not kept: Station",)
    write_scan(scan, tmp_path / "b.nrrd", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "b.nrrd").stored, scan.stored)


def test_an_offset_is_added_for_us_and_left_out_of_the_file(
    tmp_path: Path, derivation: Derivation
) -> None:
    sitk.WriteImage(_image(1024), str(tmp_path / "a.mha"))
    with pytest.raises(ScanError, match="`hu_offset=-1024`"):
        read_scan(tmp_path / "a.mha")
    scan = read_scan(tmp_path / "a.mha", Reading(hu_offset=-1024.0))
    assert scan.intercept[0] == -1024
    write_scan(scan, tmp_path / "b.mha", derivation=derivation)
    back = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "b.mha")))
    np.testing.assert_array_equal(back, scan.stored)
    write_scan(scan, tmp_path / "b.nii", derivation=derivation)
    np.testing.assert_array_equal(read_scan(tmp_path / "b.nii").hu(), scan.hu())


@pytest.mark.parametrize("spacing", [1e-20, 1e300])
def test_a_spacing_that_no_scan_has(tmp_path: Path, spacing: float) -> None:
    """Of such a one memory ran full, or a power was too large."""
    image = _image()
    image.SetSpacing([spacing] * 3)
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    with pytest.raises(ScanError, match=r"a\.mha: voxel spacing must be from .* repair its header"):
        read_scan(tmp_path / "a.mha")


def test_a_header_without_spacing_says_so(tmp_path: Path) -> None:
    sitk.WriteImage(_image(), str(tmp_path / "a.nrrd"))
    assert read_scan(tmp_path / "a.nrrd").notes == ()
    content = (tmp_path / "a.nrrd").read_bytes()
    lines = [b"space: ", b"space directions: ", b"space origin: ", b"kinds: "]
    header, _, data = content.partition(b"\n\n")
    kept = [line for line in header.split(b"\n") if not line.startswith(tuple(lines))]
    (tmp_path / "b.nrrd").write_bytes(b"\n".join(kept) + b"\n\n" + data)
    (note,) = read_scan(tmp_path / "b.nrrd").notes
    assert "no voxel spacing: voxels are taken to be 1 mm apart" in note


@pytest.mark.parametrize("number", ["1e308", "-1", "4294967296", "x", "11"])
def test_dimensions_for_which_itk_has_no_room_are_refused(
    tmp_path: Path, derivation: Derivation, number: str
) -> None:
    """ITK ends the process by a segmentation fault."""
    for name, field in (("a.mha", b"NDims = 3"), ("a.nrrd", b"dimension: 3")):
        write_scan(chest((3, 8, 8), (5.0, 5.0, 5.0)), tmp_path / name, derivation=derivation)
        content = (tmp_path / name).read_bytes()
        assert field in content
        damaged = content.replace(field, field[:-1] + number.encode())
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ScanError, match=f"says that it has '{number}' dimensions"):
            read_scan(tmp_path / name)


@pytest.mark.parametrize("matrix", [b"2 0 0 0 2 0 0 0 2", b"1 0 0 0 1 0 0.5 0 1"])
def test_directions_that_are_no_unit_vectors_are_refused(tmp_path: Path, matrix: bytes) -> None:
    """ITK takes them as they are: the spacing was told as if they were unit vectors."""
    sitk.WriteImage(_image(), str(tmp_path / "a.mha"))
    content = (tmp_path / "a.mha").read_bytes()
    unit = b"TransformMatrix = 1 0 0 0 1 0 0 0 1"
    assert unit in content
    (tmp_path / "a.mha").write_bytes(content.replace(unit, b"TransformMatrix = " + matrix))
    with pytest.raises(ScanError, match=r"a\.mha: axes are three unit vectors.* repair its header"):
        read_scan(tmp_path / "a.mha")
    image = sitk.ReadImage(str(tmp_path / "a.mha"))
    with pytest.raises(ScanError, match="axes are three unit vectors"):
        Scan.from_sitk(image)
