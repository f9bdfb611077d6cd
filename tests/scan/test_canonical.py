"""Canonical order: one result for the 48 orders of a grid; oblique and sheared grids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scan.test_order import ALL

from mitsgan.scan import Geometry, Scan
from mitsgan.scan.canonical import (
    canonical,
    canonical_order,
    geometry_notes,
    in_file_order,
    reordered,
)
from mitsgan.scan.order import AxisOrder

_TURN = st.floats(-40.0, 40.0)


def _scan(geometry: Geometry | None = None) -> Scan:
    values = np.random.default_rng(5).integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    return Scan(
        stored=values,
        slope=np.ones(3),
        intercept=np.zeros(3),
        lowest=-32768,
        highest=32767,
        geometry=geometry or Geometry((2.5, 0.7, 0.8), (-10.0, -20.0, 30.0)),
    )


def _turned(*degrees: float) -> Geometry:
    """A grid turned about x, y and z, one after the other."""
    axes = np.eye(3)[::-1]
    for k, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        i, j = (n for n in range(3) if n != k)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        axes = axes @ turn.T
    return Geometry((2.5, 0.7, 0.8), (-10.0, -20.0, 30.0), tuple(map(tuple, axes.tolist())))


def _same(one: Scan, other: Scan) -> None:
    assert np.array_equal(one.stored, other.stored)
    assert one.geometry.spacing == other.geometry.spacing
    assert np.allclose(one.geometry.origin, other.geometry.origin, rtol=0, atol=1e-9)
    assert np.allclose(one.geometry.axes, other.geometry.axes, rtol=0, atol=1e-12)


def test_an_axial_scan_is_given_back_as_it_is() -> None:
    scan = _scan()
    assert canonical(scan) is scan
    assert in_file_order(scan) is scan
    assert geometry_notes(scan.geometry) == ()


@pytest.mark.parametrize("order", ALL)
def test_every_order_of_an_axial_scan_becomes_the_same(order: AxisOrder) -> None:
    scan = _scan()
    stored_so = replace(reordered(scan, order), order=AxisOrder())
    ordered = canonical(stored_so)
    _same(ordered, scan)
    _same(in_file_order(ordered), stored_so)
    assert in_file_order(ordered).order.is_identity


@given(st.sampled_from(ALL), st.tuples(_TURN, _TURN, _TURN))
def test_so_does_every_order_of_an_oblique_one(order: AxisOrder, turn: tuple[float, ...]) -> None:
    scan = _scan(_turned(*turn))
    expected = canonical(scan)
    _same(canonical(reordered(scan, order)), expected)


@pytest.mark.parametrize("order", ALL)
def test_so_does_a_grid_between_two_directions(order: AxisOrder) -> None:
    scan = _scan(_turned(45.0, 0.0, 0.0))
    _same(canonical(reordered(scan, order)), canonical(scan))


def test_voxels_stay_where_they_are_in_the_patient() -> None:
    scan = _scan()
    for order in ALL:
        other = reordered(scan, order)
        for voxel in ((0, 0, 0), (1, 1, 2)):
            there = order.in_file(voxel, other.shape)
            assert other.stored[voxel] == scan.stored[there]
            assert other.geometry.to_world(voxel) == pytest.approx(scan.geometry.to_world(there))


def test_an_oblique_grid_is_told() -> None:
    (note,) = geometry_notes(_turned(0.0, 12.0, 0.0))
    assert "oblique" in note
    assert "12.0 degrees" in note
    assert geometry_notes(_turned(0.0, 0.0, 0.4)) == ()


def test_a_tilted_gantry_is_a_sheared_grid() -> None:
    tilt = np.radians(15)
    axes = ((0.0, 0.0, 1.0), (0.0, float(np.cos(tilt)), float(np.sin(tilt))), (1.0, 0.0, 0.0))
    geometry = Geometry((5.0, 0.5, 0.5), axes=axes)
    assert geometry.shear_degrees == pytest.approx(15)
    assert geometry.layer_mm == pytest.approx(5 * np.cos(tilt))
    assert geometry.normal @ np.array(axes[1]) == pytest.approx(0)
    assert geometry.distance_mm((2, 0, 0), (0, 0, 0)) == pytest.approx(10)
    assert geometry.distance_mm((1, 10, 0), (0, 0, 0)) == pytest.approx(
        np.hypot(5 * np.cos(tilt), 5 + 5 * np.sin(tilt))
    )
    (note,) = geometry_notes(geometry)
    assert "sheared by 15.0 degrees" in note


def test_a_rescale_that_differs_per_slice_keeps_the_slices_axis() -> None:
    scan = replace(_scan(), slope=np.array([1.0, 2.0, 3.0]))
    upside_down = reordered(scan, AxisOrder((0, 1, 2), (True, False, False)))
    assert upside_down.slope.tolist() == [3, 2, 1]
    assert canonical(upside_down).slope.tolist() == [1, 2, 3]
    # The same as sagittal slices: they cannot become axial ones.
    sagittal = replace(
        scan, geometry=Geometry((0.8, 2.5, 0.7), axes=((1, 0, 0), (0, 0, 1), (0, 1, 0)))
    )
    assert canonical_order(sagittal.geometry).axes == (1, 2, 0)
    assert canonical(sagittal) is sagittal


def test_a_range_per_slice_goes_with_the_slices() -> None:
    scan = replace(_scan(), lowest=np.array([-1000.0, -1024.0, 0.0]))
    low, high = scan.stored_range(1, 3)
    assert low.ravel().tolist() == [-1024, 0]
    assert high.ravel().tolist() == [32767, 32767]
    assert low.shape == (2, 1, 1)
    turned = reordered(scan, AxisOrder(flips=(True, False, False)))
    assert turned.stored_range()[0].ravel().tolist() == [0, -1024, -1000]
