"""Images of other formats are sealed, too, with their geometry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own habit

from mitsgan.errors import ScanError
from mitsgan.files import Derivation, write_scan
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import SealError, write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_images_are_sealed_too(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust, ending: str
) -> None:
    path, seal = tmp_path / f"scan{ending}", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)
    assert verify_seal(path, seal, trust).verdict == "intact"
    stored = phantom.stored.copy()
    stored[3, 70, 5] += 1
    write_scan(phantom.with_stored(stored), path, derivation=derivation, overwrite=True)
    (finding,) = verify_seal(path, seal, trust).findings
    assert (finding.kind, finding.slices) == ("pixels", (3,))
    assert [str(box) for box in finding.boxes] == ["rows 64-127, columns 0-63"]


def test_slices_of_an_image_that_come_and_go_are_named(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    path, seal = tmp_path / "scan.nii", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)

    def arranged(order: list[int]) -> list[tuple[str, tuple[int, ...]]]:
        count = len(order)
        changed = dataclasses.replace(
            phantom,
            stored=phantom.stored[order],
            slope=np.ones(count),
            intercept=np.full(count, phantom.intercept[0]),
        )
        write_scan(changed, path, derivation=derivation, overwrite=True)
        return [(f.kind, f.slices) for f in verify_seal(path, seal, trust).findings]

    assert arranged([0, 1, 3, 4, 5]) == [("missing", (2,))]
    assert arranged([0, 1, 2, 2, 3, 4, 5]) == [("extra", ())]
    assert arranged([0, 1, 3, 2, 4, 5]) == [("moved", (2,)), ("moved", (3,))]


def test_an_image_in_a_format_of_single_precision_is_the_same_image(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    path, seal = tmp_path / "scan.mha", tmp_path / "scan.seal.json"
    spacing, origin = (2.5, 1.366, 1.366), (-157.1234567, 33.3333333, 1000.1)
    geometry = dataclasses.replace(phantom.geometry, spacing=spacing, origin=origin)
    scan = dataclasses.replace(phantom, geometry=geometry)
    write_scan(scan, path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, signer), seal)
    for name in ("scan.nii", "scan.nii.gz", "scan.nrrd"):
        sitk.WriteImage(sitk.ReadImage(path), tmp_path / name)
        assert verify_seal(tmp_path / name, seal, trust).verdict == "intact"
    image = sitk.ReadImage(path)
    image.SetSpacing((1.3661, 1.366, 2.5))
    sitk.WriteImage(image, tmp_path / "wider.nii")
    (finding,) = verify_seal(tmp_path / "wider.nii", seal, trust).findings
    assert (finding.kind, finding.attribute) == ("attribute", "Spacing")


def test_geometry_of_an_image_is_sealed(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    path, seal = tmp_path / "scan.mha", tmp_path / "scan.seal.json"
    derivation = Derivation("a copy", "copy")
    write_scan(phantom, path, derivation=derivation)
    write_seal(make_seal(path, signer), seal)
    wider = dataclasses.replace(phantom.geometry, spacing=(30.0, 2.4, 2.9))
    moved = dataclasses.replace(phantom, geometry=wider)
    write_scan(moved, path, derivation=derivation, overwrite=True)
    (finding,) = verify_seal(path, seal, trust).findings
    assert finding.attribute == "Spacing"


def test_the_seal_of_an_image_without_a_sketch_is_not_for_dicom(
    phantom: Scan, tmp_path: Path, signer: Signer, source: Path
) -> None:
    path, seal = tmp_path / "scan.nii", tmp_path / "scan.seal.json"
    write_scan(phantom, path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, signer, sketch=False), seal)
    with pytest.raises(SealError, match="the seal of an image file"):
        verify_seal(source, seal)


@pytest.mark.parametrize("what", ["qform", "spacing"])
def test_a_nifti_that_lies_in_two_places_is_refused(
    phantom: Scan, tmp_path: Path, signer: Signer, trust: Trust, what: str
) -> None:
    """Programs choose which of them they show: mirrored it was intact."""
    path, seal = tmp_path / "scan.nii", tmp_path / "scan.seal.json"
    write_scan(phantom, path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, signer), seal)
    nifti: Any = nib.Nifti1Image  # nibabel types little of what is used here
    image: Any = nib.load(path, mmap=False)
    header = image.header.copy()
    if what == "qform":
        mirrored = image.affine.copy()
        mirrored[0] *= -1
        header.set_qform(mirrored, code=1)
    else:
        header["pixdim"][1:3] *= 0.5
        header["qform_code"] = 0
    nib.save(nifti(np.asanyarray(image.dataobj.get_unscaled()), None, header), path)
    with pytest.raises(ScanError, match="programs disagree on what it shows"):
        verify_seal(path, seal, trust)
    with pytest.raises(ScanError, match="programs disagree on what it shows"):
        make_seal(path, signer)
