"""What a sketch is made of, and its way into a seal and back."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from mitsgan.scan.scan import Scan
from mitsgan.seal.sketch.cells import CellGrid
from mitsgan.seal.sketch.encoding import SketchError, from_fields, to_fields
from mitsgan.seal.sketch.measure import measure_cells
from mitsgan.seal.sketch.sketch import Sketch, make_sketch

ODD = (5, 50, 47)
"""A scan of which no side is a multiple of a cell's."""


@pytest.fixture(scope="module")
def small() -> Scan:
    rng = np.random.default_rng(1)
    return Scan.from_hu(
        rng.integers(-1000, 1000, ODD).astype(np.int16), (2.0, 1.3, 1.4), plausible=False
    )


def cell_means(values: np.ndarray[Any, Any], grid: CellGrid) -> np.ndarray[Any, Any]:
    """Straight: one cell after the other."""
    result = np.zeros(grid.cells)
    for place in np.ndindex(grid.cells):
        box = grid.voxels(tuple(slice(i, i + 1) for i in place))  # type: ignore[arg-type]
        result[place] = values[box].mean()
    return result


def test_cells_are_about_4_mm(small: Scan) -> None:
    grid = CellGrid.of(small)
    assert grid.cell == (2, 3, 3)
    assert grid.cells == (3, 17, 16)


def test_means_and_changes_are_those_of_the_plain_filters(small: Scan) -> None:
    grid, hu = CellGrid.of(small), small.hu().astype(np.float64)
    values = measure_cells(small, grid)
    means = cell_means(hu, grid)
    np.testing.assert_allclose(values.means, means, atol=0.01)
    smooth = hu
    for axis in (1, 2):
        smooth = ndimage.correlate1d(smooth, [0.25, 0.5, 0.25], axis, mode="nearest")
    np.testing.assert_allclose(values.smoothing, cell_means(smooth, grid) - means, atol=0.01)
    across = ndimage.correlate1d(hu, [0.25, 0.5, 0.25], 0, mode="nearest")
    np.testing.assert_allclose(values.across, cell_means(across, grid) - means, atol=0.01)
    median = ndimage.median_filter(hu, (1, 3, 3), mode="nearest")
    np.testing.assert_allclose(values.median, cell_means(median, grid) - means, atol=0.01)


def test_a_sketch_comes_back_from_a_seal_as_it_was(sketch: Sketch) -> None:
    again = from_fields(json.loads(json.dumps(to_fields(sketch))))
    for field in fields(Sketch):
        before, after = getattr(sketch, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after, field.name


@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 5, 40), (5, 8, 89)])
def test_so_does_a_tiny_one(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(3).integers(-1000, 3000, shape).astype(np.int16)
    sketch = make_sketch(Scan.from_hu(noise, (4.0, 4.0, 0.35), plausible=False))
    np.testing.assert_array_equal(from_fields(to_fields(sketch)).means, sketch.means)


def test_a_sketch_is_small(patient: Scan, sketch: Sketch) -> None:
    size = len(json.dumps(to_fields(sketch)))
    assert size < 0.08 * 2 * patient.stored.size, "pixels of 1.4 mm, four times as large as usual"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"code": "PNG"}, "coded as"),
        ({"shape": [1, 2]}, "shape"),
        ({"shape": [True, 2, 3]}, "shape"),
        ({"cell": [0, 3, 3]}, "cell"),
        ({"spacing": "1\\2"}, "spacing"),
        ({"spacing": "nan\\1\\1"}, "spacing"),
        ({"axes": "\\".join("0" * 9)}, "nowhere"),
        ({"means": "AAAA"}, "cannot be decoded"),
        ({"means": 7}, "no text"),
        ({"more": 1}, "one too many"),
        ({"grain": [1, 2]}, "grain"),
    ],
)
def test_a_wrong_sketch_is_refused(sketch: Sketch, change: dict[str, object], message: str) -> None:
    with pytest.raises(SketchError, match=message):
        from_fields({**to_fields(sketch), **change})


def test_an_image_of_another_size_is_refused(sketch: Sketch, small: Scan) -> None:
    other = to_fields(make_sketch(small))
    with pytest.raises(SketchError, match="not of"):
        from_fields({**to_fields(sketch), "median": other["median"]})


def test_one_of_gigabytes_is_not_even_decoded(
    sketch: Sketch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(code: bytes) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("mitsgan.seal.sketch.encoding.decode_buffer", decode)
    fields = to_fields(sketch)
    with pytest.raises(AssertionError, match="decoded"):
        from_fields(fields)
    code = bytearray(base64.b64decode(str(fields["means"])))
    code[7:11] = b"\xff" * 4
    claimed = base64.b64encode(code).decode()
    with pytest.raises(SketchError, match=r"an image of \(65535, 65535, 16, 1\), not of"):
        from_fields({**fields, "means": claimed})
    odd = base64.b64encode(b"\xff\xd8\xff\xe8" + code[2:]).decode()
    with pytest.raises(SketchError, match="frame header"):
        from_fields({**fields, "means": odd})
    with pytest.raises(SketchError, match="more than any scan needs"):
        from_fields({**fields, "shape": [4000, 4000, 4000], "cell": [1, 1, 1]})
