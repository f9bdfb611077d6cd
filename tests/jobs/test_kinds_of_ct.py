"""Multi-frame CT, tilted gantries and scans in two parts: protected, marked, sealed, verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydicom import dcmread
from pydicom.uid import UID, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage
from tests.files.dicom.multiframe import frame_order, merge

import mitsgan as mg
from mitsgan.errors import ScanError
from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import Verified, verify_file
from mitsgan.mark import Key
from mitsgan.phantom.chest import chest

_SLICES = 32


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chest of 32 slices every 2 mm, with pixels of 1 mm."""
    folder = tmp_path_factory.mktemp("chest") / "scan"
    phantom_series(chest((_SLICES, 256, 256), (2.0, 1.0, 1.0), seed=3), folder)
    return folder


def _change(folder: Path, change: Callable[[int, Any], None]) -> None:
    """Change the headers of slices, which are numbered from the feet up."""
    files = sorted(folder.iterdir(), key=lambda p: float(dcmread(p).ImagePositionPatient[2]))
    for k, path in enumerate(files):
        ds = dcmread(path)
        change(k, ds)
        ds.save_as(path, enforce_file_format=True)


def _copy(series: Path, folder: Path, change: Callable[[int, Any], None]) -> Path:
    folder.mkdir()
    for path in series.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    _change(folder, change)
    return folder


def _keys(folder: Path) -> tuple[Path, Path]:
    """To mark and to sign with; not drawn at random, for one mark in a hundred raises an alarm."""
    Key(hashlib.sha256(b"a key for tests").digest()).save(folder / "key")
    secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "sign.pem").write_bytes(pem)
    public = secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    return folder / "key", folder / "sign.pem"


def _protected(scan: Path, folder: Path) -> Path:
    key, sign = _keys(folder)
    out = folder / "out"
    result = protect_file(ProtectFile(scan=scan, out=out, protector="noise", key=key, sign=sign))
    assert result.change.largest <= 10
    assert result.mark is not None
    assert result.mark.verdict == "intact"
    return out


def _verified(out: Path, folder: Path) -> Verified:
    seal = folder / f"{out.name}.seal.json"
    trust = folder / "public.pem"
    return verify_file(VerifyFile(scan=out, key=folder / "key", seal=seal, trust=trust))


def _paint(pixels: Any) -> None:
    """Repaint a cube of 12 slices in the lung."""
    pixels[10:22, 60:90, 60:90] = pixels[10:22, 60:90, 60:90].mean().astype(pixels.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage])
def test_multiframe_ct_is_protected_marked_sealed_verified_and_written_as_such(
    series: Path, tmp_path: Path, kind: UID
) -> None:
    source = merge(series, tmp_path / "source", kind=kind)
    out = _protected(source.parent, tmp_path)
    (path,) = out.iterdir()
    old, new = dcmread(source), dcmread(path)
    assert new.SOPClassUID == new.file_meta.MediaStorageSOPClassUID == kind
    assert new.NumberOfFrames == _SLICES
    assert new.SOPInstanceUID != old.SOPInstanceUID
    groups = "PerFrameFunctionalGroupsSequence"
    for before, after in zip(old[groups].value, new[groups].value, strict=True):
        for name in ("PlanePositionSequence", "PixelValueTransformationSequence"):
            assert before[name] == after[name]
    moved = new.pixel_array.astype(int) - old.pixel_array
    assert 0 < np.abs(moved).max() <= 10
    sealed = json.loads((tmp_path / "out.seal.json").read_text())
    assert len(sealed["content"]["slices"]) == _SLICES
    verified = _verified(out, tmp_path)
    assert verified.verdict == "intact"
    # Frames stand in no particular order, and one place is repainted in twelve of them.
    order = frame_order(_SLICES)
    pixels = np.empty_like(new.pixel_array)
    pixels[order] = new.pixel_array
    _paint(pixels)
    new.PixelData = pixels[order].tobytes()
    new.save_as(path, enforce_file_format=True)
    again = _verified(out, tmp_path)
    assert again.result.mark_verdict == "tampered"
    # The seal names the frames, too: the others are as sealed, so that this is no processing.
    assert again.seal is not None
    assert again.seal.verdict == "tampered"
    changed = {z for one in again.seal.findings if one.kind == "pixels" for z in one.slices}
    assert changed == set(range(10, 22))


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [-20.0, 12.0])
def test_a_tilted_gantry_is_protected_marked_sealed_and_verified(
    series: Path, tmp_path: Path, degrees: float
) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def tilt(k: int, ds: Any) -> None:
        ds.ImageOrientationPatient = [1, 0, 0, 0, f"{c:.6f}", f"{-s:.6f}"]
        ds.GantryDetectorTilt = f"{degrees:g}"

    source = _copy(series, tmp_path / "scan", tilt)
    out = _protected(source, tmp_path)
    assert len(list(out.iterdir())) == _SLICES
    for path in source.iterdir():
        old, new = dcmread(path), dcmread(out / path.name)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "GantryDetectorTilt"):
            assert old[keyword] == new[keyword]
        assert np.abs(new.pixel_array.astype(int) - old.pixel_array).max() <= 10
    verified = _verified(out, tmp_path)
    assert verified.verdict == "intact"
    # What is repainted is named where it lies in the patient, not where upright slices would be.
    stored = read_scan(out).stored.copy()
    _paint(stored)
    painted = {f"{read_scan(out).geometry.to_world((z, 0, 0))[2]:.1f}": z for z in range(_SLICES)}
    for path in out.iterdir():
        ds = dcmread(path)
        ds.PixelData = stored[painted[f"{float(ds.ImagePositionPatient[2]):.1f}"]].tobytes()
        ds.save_as(path, enforce_file_format=True)
    again = _verified(out, tmp_path)
    assert again.verdict == "tampered"
    regions = again.result.regions
    assert regions
    z, y, x = read_scan(out).geometry.to_voxel(regions[0].centre_lps_mm)
    assert 10 <= z < 22
    assert 60 <= y < 90
    assert 60 <= x < 90


@pytest.mark.slow
def test_of_two_parts_each_is_protected_on_its_own_or_both_are_refused_by_name(
    series: Path, tmp_path: Path
) -> None:
    def split(k: int, ds: Any) -> None:
        first = k < _SLICES // 2
        z = 2.0 * k if first else 2.0 * (_SLICES // 2) + 5.0 * (k - _SLICES // 2)
        ds.ImagePositionPatient = [0, 0, z]
        ds.SliceThickness = "2" if first else "5"

    source = _copy(series, tmp_path / "scan", split)
    with pytest.raises(ScanError, match=r"two parts of different slice spacing: .*`select=thick"):
        mg.read(source)
    key, sign = _keys(tmp_path)
    names: set[str] = set()
    for thickness in ("2", "5"):
        out = tmp_path / f"part-{thickness}"
        result = protect_file(
            ProtectFile(
                scan=source,
                out=out,
                protector="noise",
                key=key,
                sign=sign,
                select=(f"thickness={thickness}",),
            )
        )
        assert result.scan.spacing_mm[0] == float(thickness)
        parts = {dcmread(path).SOPInstanceUID for path in out.iterdir()}
        assert len(parts) == _SLICES // 2
        names |= parts
        verified = _verified(out, tmp_path)
        assert verified.seal is not None
        assert verified.seal.verdict == "intact"
        assert verified.result.mark_verdict in ("intact", "unknown")
    assert len(names) == _SLICES
