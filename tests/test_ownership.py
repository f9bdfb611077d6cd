"""What mitsgan made carries its mark; what others made does not, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.networks import save_weights
from mitsgan.ownership import is_ours
from mitsgan.phantom.chest import chest
from mitsgan.scan import Scan

_DERIVATION = Derivation("MITS-GAN protection: every voxel within 10 HU (mitsgan 0.1.0)", "code")


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((3, 24, 24), (60.0, 15.0, 15.0), seed=1)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_images(tmp_path: Path, scan: Scan, name: str) -> None:
    write_scan(scan, tmp_path / name, derivation=_DERIVATION)
    assert is_ours(tmp_path / name)


def test_images_of_others(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 5), np.int16)
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.mhd", "a.nrrd", "a.nhdr"):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / name))
        assert not is_ours(tmp_path / name)
    image: Any = nib.Nifti1Image(values, np.eye(4))  # type: ignore[no-untyped-call]
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"somebody's comment"))
    nib.save(image, tmp_path / "b.nii")
    assert not is_ours(tmp_path / "b.nii")


@pytest.mark.parametrize(
    "syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_dicom(tmp_path: Path, scan: Scan, syntax: UID | None) -> None:
    (source,) = phantom_series(chest((1, 24, 24), (60.0, 15.0, 15.0), seed=1), tmp_path / "a")
    assert is_ours(source)  # made from nothing
    ds = dcmread(source)
    ds.Manufacturer = "SCANNER"
    if syntax is not None:
        ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<i2").astype(">i2").tobytes()
        dcmwrite(source, Dataset(ds), implicit_vr=False, little_endian=False)
    else:
        ds.save_as(source)
    assert not is_ours(source)
    write_scan(read_scan(source.parent), tmp_path / "out", derivation=_DERIVATION)
    derived = tmp_path / "out" / source.name
    assert is_ours(derived)
    if syntax != DeflatedExplicitVRLittleEndian:  # whose group 0002 alone can be looked at
        other = dcmread(derived)  # as an archive hands it on
        other.file_meta.ImplementationVersionName = "ARCHIVE"
        other.save_as(derived)
        assert is_ours(derived)


def test_weights(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.safetensors", {"a": torch.zeros(3)}, {"kind": "attacker"})
    assert is_ours(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "tree, ours",
    [
        ({"schema": 1, "kind": "protection", "version": "0.1.0"}, True),
        ({"format": "mitsgan-seal", "version": 1}, True),
        ({"kind": "Deployment", "apiVersion": "v1"}, False),
        ({"schema": "x", "kind": "y"}, False),
        ({"private": True}, False),
        ([1, 2], False),
    ],
)
def test_json(tmp_path: Path, tree: object, ours: bool) -> None:
    (tmp_path / "a.json").write_text(json.dumps(tree))
    assert is_ours(tmp_path / "a.json") == ours


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.html", '<html><head><meta name="generator" content="mitsgan 0.1.0"></head>'),
        ("a.md", "# A run\n\nmitsgan 0.1.0\n\n## Summary\n"),
        ("a.csv", "table,title,row,column,label,unit,value\n"),
    ],
)
def test_reports(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert is_ours(tmp_path / name)
    (tmp_path / "notes.txt").write_text(content)
    assert not is_ours(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    "name", ["id.key", "a.json", "a.dcm", "a.html", "a.nii", "a.png", "a.safetensors", "a"]
)
@pytest.mark.parametrize("content", [b"", b"private", b"{", b"\x1f\x8b\x08", bytes(132) + b"DICM"])
def test_anything_else_is_not_ours(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert not is_ours(tmp_path / name)
    assert not is_ours(tmp_path / "nowhere")
