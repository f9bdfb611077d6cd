"""Same scan, same seed, same voxels, through every door and in every orientation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchio as tio
from monai.data.meta_tensor import MetaTensor
from monai.transforms.compose import Compose
from monai.transforms.io.dictionary import LoadImaged
from tests.adapters.conftest import MAX_HU, SEED, Voxels, affine, channel
from tests.scan.test_order import ALL

import mitsgan as mg
from mitsgan.adapters.monai import Protectd
from mitsgan.adapters.torchio import Protect
from mitsgan.cli.main import main
from mitsgan.scan.canonical import canonical, reordered
from mitsgan.scan.order import AxisOrder

Door = Callable[[mg.Scan, Path], mg.Scan]


def through_array(scan: mg.Scan, folder: Path) -> mg.Scan:
    geometry = scan.geometry
    given = mg.Scan.from_hu(
        scan.stored, geometry.spacing, origin_mm=geometry.origin, axes=geometry.axes
    )
    return protected(given)


def through_sitk(scan: mg.Scan, folder: Path) -> mg.Scan:
    given = protected(mg.Scan.from_sitk(scan.to_sitk()))
    return mg.Scan.from_sitk(given.to_sitk())


def through_image_file(scan: mg.Scan, folder: Path, suffix: str = ".nii.gz") -> mg.Scan:
    mg.write(scan, folder / f"in{suffix}")
    mg.write(
        mg.protect(mg.read(folder / f"in{suffix}"), seed=SEED, max_hu=MAX_HU, device="cpu"),
        folder / f"out{suffix}",
    )
    return mg.read(folder / f"out{suffix}")


def through_command_line(scan: mg.Scan, folder: Path) -> mg.Scan:
    mg.write(scan, folder / "in.nrrd")
    line = ["protect", str(folder / "in.nrrd"), str(folder / "out.nrrd")]
    status = main([*line, "--seed", str(SEED), "--max-hu", str(MAX_HU), "--device", "cpu"])
    assert status == 0
    return mg.read(folder / "out.nrrd")


def through_monai(scan: mg.Scan, folder: Path) -> mg.Scan:
    image = MetaTensor(channel(scan), affine=affine(scan))
    return of_channel(by_monai()({"ct": image})["ct"])


def through_monai_from_file(scan: mg.Scan, folder: Path) -> mg.Scan:
    mg.write(scan, folder / "in.nii.gz")
    load = LoadImaged("ct", reader="NibabelReader", ensure_channel_first=True, image_only=True)
    return of_channel(Compose([load, by_monai()])({"ct": folder / "in.nii.gz"})["ct"])


def through_torchio(scan: mg.Scan, folder: Path) -> mg.Scan:
    image = tio.ScalarImage(tensor=channel(scan), affine=scan.geometry.affine)
    return of_channel(by_torchio()(image))


def through_torchio_from_file(scan: mg.Scan, folder: Path) -> mg.Scan:
    mg.write(scan, folder / "in.nii.gz")
    return of_channel(by_torchio()(tio.ScalarImage(folder / "in.nii.gz")))


DOORS: dict[str, Door] = {
    "array": through_array,
    "SimpleITK": through_sitk,
    "NIfTI": through_image_file,
    "NRRD": lambda scan, folder: through_image_file(scan, folder, ".nrrd"),
    "MHA": lambda scan, folder: through_image_file(scan, folder, ".mha"),
    "MONAI": through_monai,
    "MONAI of a file": through_monai_from_file,
    "TorchIO": through_torchio,
    "TorchIO of a file": through_torchio_from_file,
}


def protected(scan: mg.Scan) -> mg.Scan:
    return mg.protect(scan, seed=SEED, max_hu=MAX_HU, device="cpu").scan


def by_monai() -> Protectd:
    return Protectd("ct", seed=SEED, max_hu=MAX_HU, device="cpu")


def by_torchio() -> Protect:
    return Protect(seed=SEED, max_hu=MAX_HU, device="cpu")


def of_channel(image: Any) -> mg.Scan:
    """What came out of MONAI or TorchIO, by its own voxels and its own affine."""
    voxels = np.asarray(image.data.cpu())[0].transpose(2, 1, 0)
    geometry = mg.Geometry.from_affine(np.asarray(image.affine))
    return mg.Scan.from_hu(voxels, geometry.spacing, origin_mm=geometry.origin, axes=geometry.axes)


def check(scan: mg.Scan, body: mg.Scan, expected: Voxels) -> None:
    axial = canonical(scan)
    assert axial.geometry.spacing == pytest.approx(body.geometry.spacing, abs=1e-4)
    assert axial.geometry.origin == pytest.approx(body.geometry.origin, abs=1e-3)
    np.testing.assert_array_equal(axial.hu(), expected)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("order", [ALL[0], ALL[13], ALL[29], ALL[46]], ids=str)
def test_every_door_gives_the_same_voxels(
    tmp_path: Path, body: mg.Scan, expected: Voxels, door: str, order: AxisOrder
) -> None:
    check(DOORS[door](reordered(body, order), tmp_path), body, expected)


def test_the_command_line_is_a_door_like_the_others(
    tmp_path: Path, body: mg.Scan, expected: Voxels
) -> None:
    check(through_command_line(body, tmp_path), body, expected)


@pytest.mark.parametrize("order", ALL, ids=str)
def test_each_of_the_48_orientations_gives_the_same_voxels(body: mg.Scan, order: AxisOrder) -> None:
    settings: Any = {"protector": "noise", "seed": SEED, "max_hu": MAX_HU, "device": "cpu"}
    wanted = mg.protect(body, **settings).scan.stored
    scan = reordered(body, order)
    image = MetaTensor(channel(scan), affine=affine(scan))
    check(of_channel(Protectd("ct", **settings)({"ct": image})["ct"]), body, wanted)
    other = tio.ScalarImage(tensor=channel(scan), affine=scan.geometry.affine)
    check(of_channel(Protect(**settings)(other)), body, wanted)


def test_floats_that_are_no_whole_numbers_are_alike_too(body: mg.Scan, tmp_path: Path) -> None:
    fractional = body.hu() + np.float32(0.25)
    scan = mg.Scan.from_hu(fractional, body.spacing, origin_mm=body.geometry.origin)
    wanted = protected(scan).hu()
    assert (wanted != np.rint(wanted)).any()
    for door in ("MONAI", "TorchIO"):
        np.testing.assert_array_equal(canonical(DOORS[door](scan, tmp_path)).hu(), wanted)
