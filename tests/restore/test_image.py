"""Image files come back: voxels and headers, byte for byte where nothing was compressed inside."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from tests.restore.conftest import Protect

from mitsgan.errors import ScanError
from mitsgan.jobs.restore.restore import restore
from mitsgan.phantom.chest import chest
from mitsgan.restore.envelope import Recipient, decrypt, encrypt, load_private_key
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.payload import Payload
from mitsgan.restore.sidecar import read_sidecar, sidecar_path, to_sidecar

_Nifti: Any = nib.Nifti1Image


def voxels(dtype: str = "i2") -> NDArray[Any]:
    """A chest ``[z, y, x]``."""
    return chest((18, 20, 22), (9.0, 16.0, 16.0), seed=2).hu().astype(dtype)


def nifti(path: Path, dtype: str) -> Path:
    image = _Nifti(voxels(dtype).transpose(2, 1, 0), np.diag([16.0, 16.0, 9.0, 1.0]))
    image.header["descrip"] = b"a header of its own"
    nib.save(image, path)
    return path


def itk(path: Path, *, compressed: bool = False, dtype: str = "i2") -> Path:
    image: Any = sitk.GetImageFromArray(voxels(dtype))
    image.SetSpacing((16.0, 16.0, 9.0))
    image.SetMetaData("Comment", "of its own")
    sitk.WriteImage(image, str(path), useCompression=compressed)
    return path


def back(protect: Protect, scan: Path, keys: Path, tmp_path: Path) -> Path:
    ending = "".join(scan.suffixes)
    out, original = tmp_path / f"protected{ending}", tmp_path / "out" / f"original{ending}"
    protect(scan, out)
    private, trust = keys / "site.pem", keys / "signer.pub"
    restored = restore(out, original, private_key=private, trust=trust)
    assert restored.sealed
    assert restored.slices == 18
    return original


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "f4", "i4"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti(dtype: str, ending: str, protect: Protect, keys: Path, tmp_path: Path) -> None:
    scan = nifti(tmp_path / f"scan{ending}", dtype)
    original = back(protect, scan, keys, tmp_path)
    unpack = gzip.decompress if ending == ".nii.gz" else bytes
    assert unpack(original.read_bytes()) == unpack(scan.read_bytes())


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_mha_and_nrrd(
    ending: str, compressed: bool, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    scan = itk(tmp_path / f"scan{ending}", compressed=compressed)
    original = back(protect, scan, keys, tmp_path)
    if not compressed:
        assert original.read_bytes() == scan.read_bytes()
    before, after = (sitk.ReadImage(str(path)) for path in (scan, original))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(before), sitk.GetArrayFromImage(after))
    assert before.GetSpacing() == after.GetSpacing()
    assert after.GetMetaDataKeys() == before.GetMetaDataKeys()
    assert compressed == (original.stat().st_size < voxels().nbytes)


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_in_a_file_of_their_own(
    ending: str, protect: Protect, keys: Path, tmp_path: Path
) -> None:
    scan = itk(tmp_path / f"scan{ending}")
    original = back(protect, scan, keys, tmp_path)
    assert original.read_bytes() == scan.read_bytes()
    name = "scan.raw"
    assert (original.parent / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_format_is_refused_before_the_work(
    protect: Protect, series: Path, tmp_path: Path
) -> None:
    scan = nifti(tmp_path / "scan.nii", "i2")
    for source, out in ((scan, "p.mha"), (series, "p.nii.gz")):
        with pytest.raises(RestoreError, match="keeps its format"):
            protect(source, tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.nii"]


def test_a_changed_voxel_is_refused(protect: Protect, keys: Path, tmp_path: Path) -> None:
    scan = itk(tmp_path / "scan.mha")
    out = tmp_path / "protected.mha"
    protect(scan, out, sign=False)
    content = bytearray(out.read_bytes())
    content[-5] ^= 1
    out.write_bytes(content)
    with pytest.raises(RestoreError, match=r"not those that were protected \(1 of 18 slices\)"):
        restore(out, tmp_path / "original.mha", private_key=keys / "site.pem")
    assert not (tmp_path / "original.mha").exists()


@pytest.mark.parametrize("name", ["../evil.raw", "/evil.raw", ".."])
def test_voxels_go_beside_the_image_alone(
    protect: Protect, keys: Path, tmp_path: Path, name: str
) -> None:
    """Anybody can encrypt to a recipient, and say where voxels go."""
    protect(itk(tmp_path / "scan.mhd"), tmp_path / "out.mhd", sign=False)
    sidecar, private = sidecar_path(tmp_path / "out.mhd"), load_private_key(keys / "site.pem", None)
    payload = Payload.from_bytes(decrypt(read_sidecar(sidecar)[0], private, "kept"), "kept")
    description = payload.description
    assert description.image is not None
    for part in (replace(description.image, data_name=name), description.image):
        changed = replace(description, image=part, shape=(18, 20, 23))
        data = replace(payload, description=changed).to_bytes()
        sidecar.write_bytes(to_sidecar(encrypt(data, [Recipient(private.public_key())])))
        (tmp_path / "back").mkdir(exist_ok=True)
        with pytest.raises(RestoreError, match=r"which leads elsewhere|not those that were prot"):
            restore(
                tmp_path / "out.mhd", tmp_path / "back" / "a.mhd", private_key=keys / "site.pem"
            )
        assert not list((tmp_path / "back").iterdir())


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_voxels_as_text_are_refused_before_the_work(
    ending: str, protect: Protect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, y, x = voxels().shape
    text = " ".join(map(str, voxels().ravel()))
    headers = {
        ".nrrd": f"NRRD0004\ntype: short\ndimension: 3\nsizes: {x} {y} {z}\n"
        "space: left-posterior-superior\nspace directions: (16,0,0) (0,16,0) (0,0,9)\n"
        "space origin: (0,0,0)\nencoding: ascii\n\n",
        ".mha": "ObjectType = Image\nNDims = 3\nBinaryData = False\n"
        "BinaryDataByteOrderMSB = False\nCompressedData = False\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 16 16 9\n"
        f"DimSize = {x} {y} {z}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
    }
    scan = tmp_path / f"scan{ending}"
    scan.write_text(f"{headers[ending]}{text}\n")
    monkeypatch.setattr("mitsgan.jobs.protect.file._write", pytest.fail)
    monkeypatch.setattr("mitsgan.jobs.protect.protection.Protection.protect", pytest.fail)
    with pytest.raises(ScanError, match=r"do not stand in one piece.*in binary"):
        protect(scan, tmp_path / f"out{ending}")
