"""Images read by their bytes are what nibabel and SimpleITK read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mitsgan.errors import OutputError
from mitsgan.files.readback.image import image_slices

_TYPES = ["i2", "u2", "i4", "f4", "f8"]


def _values(dtype: str) -> Any:
    return np.random.default_rng(4).integers(0, 2000, (3, 4, 5)).astype(dtype)


def _read(path: Path) -> Any:
    slices = list(image_slices(path))
    assert [one.z for one in slices] == list(range(len(slices)))
    return np.stack([one.hu for one in slices])


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
def test_metaimage_and_nrrd(tmp_path: Path, suffix: str, packed: bool, dtype: str) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(_values(dtype)), str(path), useCompression=packed)
    np.testing.assert_array_equal(_read(path), _values(dtype))


@pytest.mark.parametrize("dtype", [f"{order}{kind}" for order in "<>" for kind in _TYPES])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti(tmp_path: Path, suffix: str, kind: Any, dtype: str) -> None:
    values = _values(dtype).T
    image = kind(values, np.eye(4))
    if dtype[0] == ">":
        image = kind(values, np.eye(4), image.header.as_byteswapped(">"))
    image.header.set_data_dtype(values.dtype)
    image.header.set_slope_inter(0.5, -1000.0)
    nib.save(image, tmp_path / f"a{suffix}")
    wanted: Any = nib.load(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(_read(tmp_path / f"a{suffix}"), wanted.get_fdata().T, rtol=1e-6)


def test_a_pair_and_a_header_with_an_extension(tmp_path: Path) -> None:
    image: Any = nib.Nifti1Pair(_values("i2").T, np.eye(4))  # type: ignore[no-untyped-call]
    nib.save(image, tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img"):
        np.testing.assert_array_equal(_read(tmp_path / name), _values("i2"))
    single: Any = nib.Nifti1Image(_values("i2").T, np.eye(4))  # type: ignore[no-untyped-call]
    single.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"x" * 500))
    nib.save(single, tmp_path / "b.nii")
    np.testing.assert_array_equal(_read(tmp_path / "b.nii"), _values("i2"))


def test_kinds_that_are_never_written_are_left_to_simpleitk(tmp_path: Path) -> None:
    values = _values("i2")
    text = " ".join(map(str, values.ravel().tolist()))
    (tmp_path / "a.mha").write_text(
        "ObjectType = Image\nNDims = 3\nBinaryData = False\nDimSize = 5 4 3\n"
        f"ElementType = MET_SHORT\nElementDataFile = LOCAL\n{text}\n"
    )
    np.testing.assert_array_equal(_read(tmp_path / "a.mha"), values)


@pytest.mark.parametrize("suffix", [".nii", ".mha", ".nrrd"])
def test_what_is_cut_cannot_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(_values("i2")), str(path))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(OutputError, match="cannot be read anew"):
        _read(path)


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_a_data_file_may_have_any_letters_in_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Müller-肺{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(_values("i2")), str(path))
    np.testing.assert_array_equal(_read(path), _values("i2"))
