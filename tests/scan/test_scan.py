"""Geometry round trip and padding, for any geometry and any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.errors import ScanError
from mitsgan.scan import Geometry, Scan

_mm = st.floats(0.1, 10.0)
_place = st.floats(-2000.0, 2000.0)


@given(
    spacing=st.tuples(_mm, _mm, _mm),
    origin=st.tuples(_place, _place, _place),
    quaternion=st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: sum(v * v for v in q) > 0.1),
    index=st.tuples(*[st.floats(-10.0, 600.0)] * 3),
)
def test_world_and_index_undo_each_other(
    spacing: tuple[float, float, float],
    origin: tuple[float, float, float],
    quaternion: tuple[float, ...],
    index: tuple[float, float, float],
) -> None:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    axes = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    geometry = Geometry(spacing, origin, axes)
    assert geometry.to_index(geometry.to_world(index)) == pytest.approx(index, abs=1e-6)


def test_world_is_lps_and_index_is_zyx() -> None:
    geometry = Geometry((2.0, 0.5, 0.75), (-10.0, -20.0, 100.0))
    assert geometry.to_world((3, 4, 8)) == pytest.approx((-4.0, -18.0, 106.0))


def test_the_nearest_voxel_of_a_place_in_mm() -> None:
    geometry = Geometry((2.0, 0.5, 0.75), (-10.0, -20.0, 100.0))
    assert geometry.to_voxel((-3.7, -18.2, 106.9)) == (3, 4, 8)
    assert geometry.to_voxel((-11.0, -20.0, 96.0)) == (-2, 0, -1)


@given(
    values=st.lists(st.integers(-4000, 3000), min_size=8, max_size=8),
    low=st.integers(-3000, 0),
    width=st.integers(0, 50),
    intercept=st.integers(-1100, 0),
)
def test_padding_is_below_air_or_in_the_declared_range(
    values: list[int], low: int, width: int, intercept: int
) -> None:
    stored = np.array(values, np.int16).reshape(2, 2, 2)
    scan = Scan(
        stored=stored,
        slope=np.ones(2),
        intercept=np.full(2, float(intercept)),
        lowest=-32768,
        highest=32767,
        geometry=Geometry((1.0, 1.0, 1.0)),
        padding=(low, low + width),
    )
    expected = [v + intercept < -1024 or low <= v <= low + width for v in values]
    assert scan.is_padding().ravel().tolist() == expected


def test_not_a_volume_is_refused() -> None:
    with pytest.raises(ScanError, match=r"a scan is \[z, y, x\]"):
        Scan(np.zeros((4, 4), np.int16), np.ones(4), np.zeros(4), 0, 1, Geometry((1, 1, 1)))


def test_a_masked_array_is_refused_where_voxels_are_masked() -> None:
    """What lay under the mask became voxels of the scan."""
    hu = np.linspace(-1000, 400, 64).reshape(4, 4, 4)
    assert (Scan.from_hu(np.ma.array(hu), (1, 1, 1)).hu() == hu.astype(np.float32)).all()
    masked = np.ma.array(hu, mask=hu > 300)
    with pytest.raises(ScanError, match=r"5 voxels of the array are masked.*`array.filled\(-1000"):
        Scan.from_hu(masked, (1, 1, 1))
    Scan.from_hu(masked.filled(-1000), (1, 1, 1))
