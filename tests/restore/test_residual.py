"""Whatever voxels are, their difference gives every bit back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.restore.errors import RestoreError
from mitsgan.restore.residual import SLAB, added, difference, pack, unpack

_DTYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", ">i2", ">f4")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(_DTYPES),
    st.tuples(st.integers(1, SLAB + 2), st.integers(1, 5), st.integers(1, 5)),
    st.integers(0, 2**32),
)
def test_any_bits_come_back(kind: str, shape: tuple[int, int, int], seed: int) -> None:
    """Integers, floats with NaN among them, either byte order."""
    generator, dtype = np.random.default_rng(seed), np.dtype(kind)
    size = int(np.prod(shape)) * dtype.itemsize
    original, protected = (
        np.frombuffer(generator.bytes(size), dtype).reshape(shape) for _ in range(2)
    )
    changes = [difference(a, b) for a, b in zip(original, protected, strict=True)]
    back = unpack(list(pack(changes)), shape, dtype.itemsize)
    again = np.stack([added(a, b) for a, b in zip(protected, back, strict=True)])
    assert again.dtype == dtype.newbyteorder("=")
    assert again.astype(dtype).tobytes() == original.tobytes()


def test_numbers_of_another_type_are_refused() -> None:
    with pytest.raises(RestoreError, match="float32 voxels, the original int16"):
        difference(np.zeros((2, 2), np.int16), np.zeros((2, 2), np.float32))


def test_a_difference_within_10_takes_little_more_than_its_entropy() -> None:
    """21 values, equally often: 4.4 bits."""
    generator = np.random.default_rng(0)
    original = generator.integers(-2000, 2000, (SLAB, 64, 64)).astype(np.int16)
    noise = generator.integers(-10, 11, original.shape).astype(np.int16)
    slabs = list(pack(difference(a, b) for a, b in zip(original, original + noise, strict=True)))
    assert len(slabs) == 1
    assert 4.39 < 8 * len(slabs[0]) / original.size < 4.8


@pytest.mark.parametrize("damage", ["flip", "cut", "other size", "fewer"])
def test_a_damaged_difference_is_refused(damage: str) -> None:
    changes = np.random.default_rng(1).integers(0, 4, (3, 9, 9)).astype(np.uint16)
    slabs, shape = list(pack(iter(changes))), (3, 9, 9)
    if damage == "flip":
        slabs[0] = slabs[0][:40] + bytes([slabs[0][40] ^ 1]) + slabs[0][41:]
    elif damage == "cut":
        slabs[0] = slabs[0][:-9]
    elif damage == "other size":
        shape = (3, 9, 8)
    else:
        slabs = []
    with pytest.raises(RestoreError, match="difference"):
        list(unpack(slabs, shape, 2))
