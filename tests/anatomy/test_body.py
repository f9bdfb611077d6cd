from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.anatomy.body import body_box, find_body, grown, is_outside_body
from mitsgan.anatomy.lung import find_lung
from mitsgan.attack import plan_attack
from mitsgan.errors import PositionError, ScanError
from mitsgan.files.io import read_scan
from mitsgan.scan.scan import Geometry, Scan

_SPACING = (2.5, 1.1, 0.9)
_LUNG, _AIR, _SOFT = -870.0, -1000.0, 40.0


def _torso(lung: float = _LUNG) -> NDArray[np.float32]:
    """A wall of tissue around lung, in air, all of it rough."""
    hu = np.full((24, 100, 110), _AIR)
    hu[:, 20:80, 20:90] = _SOFT
    hu[:, 30:70, 30:80] = lung
    return (hu + np.random.default_rng(0).normal(0, 30, hu.shape)).astype(np.float32)


@pytest.mark.parametrize("y, x", [(10, 50), (90, 50), (50, 5), (50, 100), (0, 0), (99, 109)])
def test_air_around_the_body_is_outside(y: int, x: int) -> None:
    assert is_outside_body(_torso(), _SPACING, (12, y, x))


@pytest.mark.parametrize("y, x", [(25, 50), (50, 50), (35, 75)])
@pytest.mark.parametrize("lung", [_LUNG, _AIR])
def test_whatever_lies_behind_the_chest_wall_is_inside(lung: float, y: int, x: int) -> None:
    """Air too: a bulla, or the windpipe."""
    assert not is_outside_body(_torso(lung), _SPACING, (12, y, x))


def test_lung_that_is_cut_off_at_the_edge_is_inside() -> None:
    assert not is_outside_body(_torso()[:, 40:60, 40:70], _SPACING, (12, 10, 15))


def test_padding_is_outside() -> None:
    hu = np.where(_torso() < -900, -2000, _torso())
    assert is_outside_body(hu, _SPACING, (12, 10, 50))


def test_air_that_a_corner_hides_from_the_edges_is_outside() -> None:
    """No straight way leads out from under a bent couch; the air is one all the same."""
    hu = _torso()
    hu[:, 5:7, 2:20] = hu[:, 5:25, 2:4] = hu[:, 25:27, 2:15] = _SOFT
    assert is_outside_body(hu, _SPACING, (12, 15, 10))


def test_a_position_outside_the_body_is_refused_with_the_reason() -> None:
    with pytest.raises(PositionError, match=r"\(12, 16, 50\).*outside the body.*inside the body"):
        plan_attack(_torso(), _SPACING, (12, 16, 50), "inject")


def test_no_lung_of_the_phantom_is_outside_and_its_corners_are(small_chest: Scan) -> None:
    hu, spacing = small_chest.hu(), small_chest.spacing
    lung = find_lung(small_chest).positions(100, np.random.default_rng(0)).tolist()
    assert not any(is_outside_body(hu, spacing, position) for position in lung)
    assert all(is_outside_body(hu, spacing, (16, y, x)) for y in (1, 62) for x in (1, 62))


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["lidc-0001", "lungfcp-0001", "lungdx-a0001"])
def test_no_lung_of_a_real_scan_is_outside_and_its_upper_corners_are(data: Path, name: str) -> None:
    scan = read_scan(data / "ct" / name)
    hu = scan.hu()
    lung = find_lung(scan).positions(300, np.random.default_rng(0)).tolist()
    assert not any(is_outside_body(hu, scan.spacing, position) for position in lung)
    for z in (0, len(hu) // 2, len(hu) - 1):
        assert all(is_outside_body(hu, scan.spacing, (z, 8, x)) for x in (8, 503))


def test_the_box_holds_the_body_and_no_air_around_it() -> None:
    """To the four voxels that are looked at; a thin edge of a table beside it does not count."""
    hu = np.rint(_torso())
    hu[0, 90, :] = _SOFT
    scan = _scan(hu)
    rows, columns = body_box(scan)
    assert (rows, columns) == (slice(20, 80), slice(20, 92))
    assert body_box(scan) is body_box(scan)
    assert body_box(_scan(np.full((3, 10, 11), _AIR))) == (slice(0, 10), slice(0, 11))


def test_a_box_grows_to_whole_tiles_inside_the_scan() -> None:
    assert grown(slice(20, 80), 4, 8, 100) == slice(16, 88)
    assert grown(slice(20, 80), 0, 4, 100) == slice(20, 80)
    assert grown(slice(2, 97), 4, 8, 99) == slice(0, 99)


def test_the_body_is_tissue_and_what_it_holds_without_the_table() -> None:
    hu = np.rint(_torso())
    hu[:, 88:90] = 200
    body = find_body(_scan(hu))
    assert body.contains((12, 50, 55))
    assert body.contains((12, 25, 55))
    assert not body.contains((12, 89, 55))
    assert not body.contains((12, 10, 55))
    with pytest.raises(ScanError, match="no body"):
        find_body(_scan(np.full((20, 50, 50), _AIR)))


def _scan(hu: NDArray[np.float64] | NDArray[np.float32]) -> Scan:
    ones = np.ones(len(hu))
    return Scan(hu.astype(np.int16), ones, 0 * ones, -2048, 4095, Geometry((5.0, 2.0, 2.0)))
