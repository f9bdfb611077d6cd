"""Cubes of scans: what they show, what a file keeps of them, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mitsgan.errors import DataError, ScanError
from mitsgan.scan.scan import Scan
from mitsgan.training.data.annotations import Finding
from mitsgan.training.data.cube_file import (
    CubeFile,
    join_cubes,
    read_cubes,
    sampler_for,
    write_cubes,
)
from mitsgan.training.data.cubes import CubeSampler, Volume, volumes
from mitsgan.training.data.make_cubes import CubeRecipe, MadeCubes, make_cubes
from mitsgan.training.data.nodules import plant_nodule
from mitsgan.training.data.split import Origin, check_apart

ONE, TWO = Origin("p1", "s1", "one"), Origin("p2", "s2", "two")


def cubes_of(scan: Scan, recipe: CubeRecipe, *findings: Finding, count: int = 6) -> MadeCubes:
    return make_cubes(scan, findings, count, recipe, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def healthy(training_chest: Scan) -> MadeCubes:
    return cubes_of(training_chest, CubeRecipe("remove", thicknesses=()))


@pytest.fixture(scope="module")
def file(healthy: MadeCubes) -> CubeFile:
    recipe = CubeRecipe("remove")
    return join_cubes("a.npz", [(ONE, healthy), (TWO, healthy)], recipe, "train", {"seed": 0})


@pytest.fixture(scope="module")
def nodule(training_chest: Scan) -> tuple[Scan, Finding]:
    """The chest with a nodule of 14 mm, and where."""
    volume = volumes([training_chest], ())[0]
    position = volume.position(np.random.default_rng(3))
    hu, _ = plant_nodule(
        training_chest.hu(), training_chest.spacing, position, "solid", 14, torch.Generator()
    )
    z, y, x = (float(p) for p in position)
    stored = (hu - training_chest.intercept[:, None, None]) / training_chest.slope[:, None, None]
    stored = stored.round().astype(training_chest.stored.dtype)
    return training_chest.with_stored(stored), Finding(14.0, voxel=(z, y, x))


def test_lung_without_nodules(healthy: MadeCubes) -> None:
    assert healthy.hu.shape == (6, 32, 32, 32)
    assert healthy.hu.dtype == np.int16
    assert healthy.kinds == ("healthy",) * 6
    assert healthy.diameters_mm == (0.0,) * 6
    assert np.median(healthy.hu[:, 12:20, 12:20, 12:20]) < -700


def test_synthetic_nodules_where_none_is_known(training_chest: Scan) -> None:
    recipe = CubeRecipe("inject", kinds=("solid",), synthetic_mm=(9, 11), thicknesses=())
    cubes = cubes_of(training_chest, recipe)
    assert cubes.kinds == ("solid",) * 6
    assert all(9 <= mm <= 11 for mm in cubes.diameters_mm)
    assert cubes.hu[:, 14:18, 14:18, 14:18].mean() > -150
    assert cubes.taken == 0


def test_real_nodules_lie_in_the_middle(nodule: tuple[Scan, Finding]) -> None:
    scan, finding = nodule
    cubes = cubes_of(scan, CubeRecipe("inject", shift_mm=0, thicknesses=(6.0,)), finding, count=12)
    assert cubes.kinds == ("real",) * 12
    assert cubes.diameters_mm == (14.0,) * 12
    assert cubes.taken == 1
    for cube in cubes.hu:
        core = cube[6:26, 6:26, 6:26] > -430
        np.testing.assert_allclose(np.argwhere(core).mean(0), 9.5, atol=2)  # vessels count too
    flips = {cube.tobytes() for cube in cubes.hu}
    assert len(flips) > 6


def test_shifts_move_them(nodule: tuple[Scan, Finding]) -> None:
    scan, finding = nodule
    cubes = cubes_of(scan, CubeRecipe("inject", shift_mm=4, thicknesses=()), finding, count=12)
    centres = [np.argwhere(cube[4:28, 4:28, 4:28] > -430).mean(0) - 11.5 for cube in cubes.hu]
    assert 1.5 < np.abs(centres).max() < 5.5


def test_real_nodules_of_another_size_are_left_alone(nodule: tuple[Scan, Finding]) -> None:
    scan, finding = nodule
    recipe = CubeRecipe("inject", real_mm=(3, 8), kinds=("ground-glass",), thicknesses=())
    assert cubes_of(scan, recipe, finding).kinds == ("ground-glass",) * 6


def test_healthy_lung_keeps_clear_of_nodules(nodule: tuple[Scan, Finding]) -> None:
    scan, finding = nodule
    volume = volumes([scan], ())[0]
    index = finding.index(scan.geometry)
    clear = volume.without([index], [7.0])
    rng = np.random.default_rng(0)
    apart = [np.abs(np.subtract(clear.position(rng), index)) * scan.spacing for _ in range(200)]
    assert min(float(offset.max()) for offset in apart) >= 16 + 7


def test_no_lung_left(data_volumes: list[Volume]) -> None:
    volume = data_volumes[0]
    with pytest.raises(ScanError, match="no lung position"):
        volume.without([(20, 56, 56)], [500.0]).position(np.random.default_rng(0))


def test_a_file_comes_back_as_it_was(file: CubeFile, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_cubes(file, path)
    back = read_cubes(path)
    np.testing.assert_array_equal(back.cubes, file.cubes)
    assert (back.action, back.split, back.kinds) == ("remove", "train", file.kinds)
    assert back.about["seed"] == 0
    assert [(o.patient, o.series) for o in back.origins] == [("p1", "s1"), ("p2", "s2")]
    assert back.summary() == {"cubes": {"healthy": 12}, "patients": 2, "split": "train"}


def test_samples_are_its_cubes_turned(file: CubeFile) -> None:
    sample = file.sample(5, torch.Generator().manual_seed(1))
    assert sample.shape == (5, 32, 32, 32)
    assert sample.dtype == torch.float32
    known = [np.sort(cube, axis=None) for cube in file.cubes]
    for cube in sample.numpy():
        assert any((np.sort(cube, axis=None) == one).all() for one in known)
    torch.testing.assert_close(sample, file.sample(5, torch.Generator().manual_seed(1)))


def test_one_sampler_for_all(file: CubeFile, training_chest: Scan) -> None:
    assert sampler_for([file], "remove") is file
    alone = sampler_for([training_chest], "remove")
    assert isinstance(alone, CubeSampler)
    both = sampler_for([file, training_chest], "remove")
    sample = both.sample(24, torch.Generator().manual_seed(0))
    assert sample.shape == (24, 32, 32, 32)
    whole = [bool((cube == cube.round()).all()) for cube in sample]
    assert 8 < sum(whole) < 24  # two of the three patients are in the file
    with pytest.raises(DataError, match=r"a\.npz holds cubes to remove"):
        sampler_for([file], "inject")


def test_refuses_what_is_no_file_of_cubes(file: CubeFile, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match="does not exist"):
        read_cubes(path)
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="cannot be read as cubes"):
        read_cubes(path)
    np.savez(path, cubes=file.cubes)
    with pytest.raises(DataError, match="has no patient, series, kind, diameter_mm, about"):
        read_cubes(path)
    np.savez(path, cubes=np.array([{}], object))
    with pytest.raises(DataError, match="cannot be read as cubes"):
        read_cubes(path)
    with path.open("wb") as handle:
        np.save(handle, file.cubes)
    with pytest.raises(DataError, match="one array"):
        read_cubes(path)
    write_cubes(replace(file, patients=file.patients[:3]), path)
    with pytest.raises(DataError, match="for each cube whose it is"):
        read_cubes(path)
    write_cubes(replace(file, cubes=file.cubes[:, :16]), path)
    with pytest.raises(DataError, match="expected int16"):
        read_cubes(path)
    broken: dict[str, str] = {"split": "test"}
    write_cubes(replace(file, **broken), path)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="does not say that it is"):
        read_cubes(path)
    write_cubes(file, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match="cannot be read as cubes"):
        read_cubes(path)


def test_a_damaged_file_is_told_wherever_the_damage_lies(file: CubeFile, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_cubes(file, path)
    whole = path.read_bytes()
    told = 0
    for place in range(0, len(whole), len(whole) // 200):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 6]) + whole[place + 1 :])
        try:
            read_cubes(path)  # a flipped date or attribute harms nothing
        except DataError:
            told += 1
    assert told > 190


def test_patients_are_kept_apart(file: CubeFile) -> None:
    check_apart(file.origins, [Origin("p3", "s3", "three")])
    with pytest.raises(DataError, match=r"^a\.npz \(patient p2\) and later are of one patient"):
        check_apart(file.origins, [Origin("p3", "s3", "three"), Origin("p2", "s9", "later")])
    with pytest.raises(DataError, match="one and copy are the same scan"):
        check_apart([ONE], [Origin("p9", "s1", "copy")])
    with pytest.raises(DataError, match=r"^one is of a patient that is on both sides"):
        check_apart([ONE], [ONE])
