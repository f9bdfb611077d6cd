"""Verifying in memory and from files: the worse verdict counts, and the result reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import mitsgan as mg
from mitsgan.jobs.verify.result import Verification
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import verify_file
from mitsgan.phantom.chest import chest

KEY = mg.Key(bytes(range(32)))


@pytest.fixture(scope="module")
def marked() -> mg.Protected:
    """Marked more strongly than a patient's scan: it has few voxels."""
    scan = chest((32, 160, 160), (2.5, 1.4, 1.4), seed=4)
    return mg.protect(scan, max_hu=60, protector="offset", key=KEY, mark_hu=15.0, identity="demo")


@pytest.fixture(scope="module")
def tampered(marked: mg.Protected) -> mg.Scan:
    stored = marked.scan.stored.copy()
    stored[8:24, 60:92, 44:76] = -850 - int(marked.scan.intercept[0])
    stored[8:24, 60:92, 44:76] += np.random.default_rng(0).integers(-40, 41, (16, 32, 32))
    return marked.scan.with_stored(stored)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``ed.pem`` and ``ed.pub``."""
    folder = tmp_path_factory.mktemp("keys")
    key = Ed25519PrivateKey.generate()
    (folder / "ed.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "ed.pub").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return folder


def test_what_is_whole_is_intact(marked: mg.Protected) -> None:
    verified = mg.verify(marked, key=KEY, identity="demo")
    assert verified.verdict == "intact"
    assert verified.result.regions == ()
    assert verified.seal is None
    assert set(verified.result.seconds) == {"verify"}


def test_what_was_repainted_is_told_with_its_place(tampered: mg.Scan) -> None:
    verified = mg.verify(tampered, key=KEY, identity="demo")
    assert verified.verdict == "tampered"
    assert verified.result.regions is not None
    (region,) = verified.result.regions
    middle = np.add(region.start_voxel, region.stop_voxel) / 2
    assert np.abs(middle - (16, 76, 60)).max() < 8
    assert verified.detection is not None
    assert verified.detection.mask()[16, 76, 60]


def test_the_result_reads_back(tampered: mg.Scan) -> None:
    result = mg.verify(tampered, key=KEY, identity="demo").result
    assert Verification.from_json(result.to_json()) == result
    assert "seal" not in result.to_tree()
    assert "mark_verdict" not in result.to_tree()


def test_mark_and_seal_on_disk(marked: mg.Protected, keys: Path, tmp_path: Path) -> None:
    mg.write(marked, tmp_path / "a.nii.gz")
    sealed = mg.seal(tmp_path / "a.nii.gz", sign=keys / "ed.pem")
    assert sealed.slices == 32
    assert (sealed.sketch, sealed.notes) == (True, ())
    assert mg.Sealed.from_json(sealed.to_json()) == sealed
    settings = VerifyFile(
        scan=tmp_path / "a.nii.gz",
        seal=Path(sealed.seal),
        trust=keys / "ed.pub",
        identity="demo",
        key=tmp_path / "mark.key",
        map=tmp_path / "map.nii.gz",
    )
    KEY.save(tmp_path / "mark.key")
    verified = verify_file(settings)
    assert verified.verdict == verified.result.mark_verdict == "intact"
    assert verified.seal is not None
    assert Verification.from_json(verified.result.to_json()) == verified.result
    assert verified.result.seal is not None
    assert verified.result.seal.signer.trusted
    assert (tmp_path / "map.nii.gz").stat().st_size > 0
    with pytest.raises(mg.OutputError, match="`map`"):
        verify_file(settings)
    unsure = mg.verify(tmp_path / "a.nii.gz", seal=Path(sealed.seal))
    assert unsure.verdict == "unknown"


def test_why_there_is_no_sketch_is_told(keys: Path, tmp_path: Path) -> None:
    """A missing slice or values that are no HU were found out when it was too late."""
    labels = (chest((8, 64, 64), (8.0, 5.6, 5.6)).stored > 0).astype(np.uint8)
    image: Any = nib.Nifti1Image(labels, np.eye(4))  # type: ignore[no-untyped-call]
    image.to_filename(tmp_path / "labels.nii")
    sealed = mg.seal(tmp_path / "labels.nii", sign=keys / "ed.pem")
    assert not sealed.sketch
    (note,) = sealed.notes
    assert note.startswith("sealed without a sketch, by which processing is told from tampering: ")
    assert "a label map" in note
    asked = mg.seal(tmp_path / "labels.nii", sign=keys / "ed.pem", sketch=False, overwrite=True)
    assert (asked.sketch, asked.notes) == (False, ())


def test_a_seal_is_of_files(marked: mg.Protected, tmp_path: Path) -> None:
    with pytest.raises(mg.SettingsError, match="a `seal` is of the files of a scan"):
        mg.verify(marked, seal=tmp_path / "a.seal.json")


def test_an_encrypted_key_needs_its_passphrase(keys: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    private = Ed25519PrivateKey.generate()
    locked = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    mg.write(chest((8, 64, 64), (8.0, 5.6, 5.6)), tmp_path / "a.nii")
    with pytest.raises(mg.SettingsError, match="`passphrase_file`"):
        mg.seal(tmp_path / "a.nii", sign=tmp_path / "locked.pem")
    sealed = mg.seal(tmp_path / "a.nii", sign=tmp_path / "locked.pem", passphrase=b"secret")
    assert Path(sealed.seal) == tmp_path / "a.nii.seal.json"


def test_python_is_told_what_the_command_line_is_told(marked: mg.Protected) -> None:
    with pytest.raises(mg.SettingsError, match="name what to verify by"):
        mg.verify(marked)
    with pytest.raises(mg.SettingsError, match="give `seal` too"):
        mg.verify(marked, key=KEY, trust=Path("t"))
    with pytest.raises(mg.SettingsError, match="`false_alarms` must lie between"):
        mg.verify(marked, key=KEY, false_alarms=0.9)
    with pytest.raises(mg.ScanError, match="does not exist"):
        mg.verify("nowhere", key=KEY)
