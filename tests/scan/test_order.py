"""Orders of axes: they compose, and undo each other."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.scan.order import AxisOrder

ALL = [AxisOrder(a, f) for a in permutations(range(3)) for f in product((False, True), repeat=3)]  # type: ignore[arg-type]
_order = st.sampled_from(ALL)
_VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def test_there_are_48_orders_and_one_changes_nothing() -> None:
    assert len({order.arrange(_VALUES).tobytes() for order in ALL}) == 48
    assert [order for order in ALL if order.is_identity] == [AxisOrder()]


@given(_order)
def test_the_inverse_undoes_it(order: AxisOrder) -> None:
    there = order.arrange(_VALUES)
    assert np.array_equal(order.inverse().arrange(there), _VALUES)
    assert order.then(order.inverse()).is_identity


@given(_order, _order)
def test_two_in_one(first: AxisOrder, second: AxisOrder) -> None:
    apart = second.arrange(first.arrange(_VALUES))
    assert np.array_equal(first.then(second).arrange(_VALUES), apart)


@given(_order, st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1)))
def test_a_voxel_is_named_as_the_file_has_it(order: AxisOrder, voxel: tuple[int, int, int]) -> None:
    arranged = order.arrange(_VALUES)
    assert _VALUES[order.in_file(voxel, arranged.shape)] == arranged[voxel]


@given(_order, st.tuples(*(st.floats(0, 1) for _ in range(3))))
def test_a_point_between_voxels_comes_back(
    order: AxisOrder, point: tuple[float, float, float]
) -> None:
    arranged = order.arrange(_VALUES)
    there = order.point_in_file(point, arranged.shape)
    assert order.inverse().point_in_file(there, _VALUES.shape) == pytest.approx(point)


@given(_order)
def test_a_box_holds_the_same_voxels(order: AxisOrder) -> None:
    arranged = order.arrange(_VALUES)
    start, stop = order.box_in_file((0, 1, 0), (1, 2, 2), arranged.shape)
    here = arranged[0:1, 1:2, 0:2]
    there = _VALUES[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    assert sorted(here.ravel()) == sorted(there.ravel())


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(ValueError, match="each once"):
        AxisOrder((0, 0, 1))
