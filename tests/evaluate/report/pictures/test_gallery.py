"""Galleries: what is kept of an attack, that it is marked, and that files come back whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluate.untrained import attacker

from mitsgan.attack import plan_attack, tamper
from mitsgan.errors import OutputError, ResultError, ScanError
from mitsgan.evaluate.report.pictures.gallery import ORIGINAL, Gallery, make_gallery
from mitsgan.phantom.chest import NODULE_LPS, chest
from mitsgan.scan.scan import Scan

SHAPE = (21, 128, 104)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest(SHAPE, (4.0, 2.0, 2.0), seed=2, centre=(NODULE_LPS[0], 0, NODULE_LPS[2]))


@pytest.fixture(scope="module")
def gallery(scan: Scan) -> Gallery:
    plan = plan_attack(scan.hu(), scan.spacing, scan.geometry.to_voxel(NODULE_LPS), "remove")
    other = scan.with_stored(scan.stored + np.int16(3) * ~scan.is_padding())
    return make_gallery(scan, {"three": other}, attacker("remove"), plan, scan="chest")


def test_holds_the_scan_around_the_attack(scan: Scan, gallery: Gallery) -> None:
    attack = gallery.attack
    assert attack.names == (ORIGINAL, "three")
    assert attack.position == scan.geometry.to_voxel(NODULE_LPS)
    z, y, x = attack.start
    depth, height, width = gallery.voxels.shape[2:]
    assert (depth, height, width) == (21, 97, 97)
    box = (slice(z, z + depth), slice(y, y + height), slice(x, x + width))
    kept = scan.hu()[box].clip(-1024)
    np.testing.assert_array_equal(gallery.voxels[0, 0], kept)
    moved = gallery.voxels[0, 1] - gallery.voxels[0, 0]
    np.testing.assert_array_equal(moved, 3 * ~scan.is_padding()[box])
    np.testing.assert_array_equal(gallery.plane[0, 0], scan.hu()[attack.position[0]].clip(-1024))


def test_tampering_is_that_of_a_whole_scan_and_is_marked(scan: Scan, gallery: Gallery) -> None:
    attack = gallery.attack
    volume = torch.from_numpy(scan.hu().clip(-1024))
    plan = plan_attack(scan.hu(), scan.spacing, attack.position, "remove")
    whole = tamper(volume, plan, attacker("remove")).numpy()
    plane = gallery.plane[1, 0]
    band = round(1.9 * 9)  # rows of the letters
    np.testing.assert_allclose(plane[:-band], whole[attack.position[0], :-band], atol=0.5)
    assert not np.array_equal(plane[:-band], gallery.plane[0, 0, :-band])
    for slices in (gallery.voxels[1].reshape(-1, *gallery.voxels.shape[3:]), gallery.plane[1]):
        for one in slices:
            assert one[-band:].min() == -1000, "letters stand on black"
            assert one[-band:].max() > 900, "and are white"


def test_says_how_far_results_are_apart(scan: Scan, gallery: Gallery) -> None:
    attack = gallery.attack
    assert attack.perturbation_hu == pytest.approx([0, 3])
    assert attack.disruption_hu[0] == 0
    plan = plan_attack(scan.hu(), scan.spacing, attack.position, "remove")
    z, y, x = (
        slice(start - first + part.start, start - first + part.stop)
        for start, first, part in zip(plan.start, attack.start, plan.core_in_block, strict=True)
    )
    apart = (gallery.voxels[1, 1] - gallery.voxels[1, 0])[z, y, x].astype(float)
    assert attack.disruption_hu[1] == pytest.approx(np.sqrt((apart**2).mean()), abs=0.6)


def test_comes_back_as_it_went(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery-remove.npz"
    gallery.save(path)
    back = Gallery.load(path)
    assert back.attack == gallery.attack
    np.testing.assert_array_equal(back.voxels, gallery.voxels)
    np.testing.assert_array_equal(back.plane, gallery.plane)
    with pytest.raises(OutputError, match="exists"):
        gallery.save(path)
    gallery.save(path, overwrite=True)


def test_refuses_what_is_no_gallery(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery-remove.npz"
    path.write_bytes(b"no zip")
    with pytest.raises(ResultError, match="no gallery"):
        Gallery.load(path)
    np.savez(path, region=gallery.voxels)
    with pytest.raises(ResultError, match="place"):
        Gallery.load(path)
    path.unlink()
    replace(gallery, voxels=gallery.voxels[:, :1]).save(path)
    with pytest.raises(ResultError, match="region is int16 of shape"):
        Gallery.load(path)


def test_refuses_what_does_not_belong_together(scan: Scan, gallery: Gallery) -> None:
    plan = plan_attack(scan.hu(), scan.spacing, gallery.attack.position, "remove")
    smaller = scan.with_slices(scan.stored[:9], 0, 9)
    with pytest.raises(ScanError, match="shape"):
        make_gallery(scan, {"cut": smaller}, attacker("remove"), plan)
    with pytest.raises(ScanError, match="another name"):
        make_gallery(scan, {ORIGINAL: scan}, attacker("remove"), plan)
