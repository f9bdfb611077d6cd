"""A sketch as the fields of a seal, and back: whole numbers and text alone, and strictly read.

Each array is an image of 16-bit levels, its layers one below the other, in JPEG-LS (ITU-T T.87)
without loss: smaller than LZMA makes it, in a tenth of the time.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import astuple

import numpy as np
from jpeg_ls import decode_buffer, encode_buffer

from mitsgan.errors import MitsganError, ScanError
from mitsgan.scan.geometry import Geometry, Vector
from mitsgan.seal.sketch.cells import HIGHEST_HU, LOWEST_HU, CellGrid, Triple
from mitsgan.seal.sketch.grain import Grain
from mitsgan.seal.sketch.sketch import Array, Sketch, Steps

CODE = "JPEG-LS"
_CHANGES = ("smoothing", "across", "median")
_ARRAYS = ("means", *_CHANGES, "flags")
_BORDER, _METAL = 1, 2
_FIELDS = frozenset({"axes", "cell", "code", "grain", "origin", "shape", "spacing", "steps"})
_BITS = 16
_ZERO = np.float32(1 << (_BITS - 1))
"""The level of a change of 0 HU, so that levels are never negative."""

_FLAT = 1e-3
"""Axes that span less of a unit cube than this are none."""

_LEAST_PIXELS = 64
"""The coder finds no room for the result of some images of at most 36."""

_LONGEST, _MOST_CELLS = 1 << 16, 1 << 25
"""So many cells of 4 mm hold two cubic metres; a sketch of them takes a gigabyte of memory."""

_FRAME_HEADER = bytes.fromhex("ffd8fff7000b")
"""How the coder begins: start of image, then the marker and the length of the frame header."""


class SketchError(MitsganError):
    """A sketch that is none, or damaged."""


def to_fields(sketch: Sketch) -> dict[str, object]:
    """The fields of a seal; `from_fields` gives the sketch back."""
    grid, geometry = sketch.grid, sketch.grid.geometry
    return {
        "shape": list(grid.shape),
        "cell": list(grid.cell),
        "spacing": _decimals(geometry.spacing),
        "origin": _decimals(geometry.origin),
        "axes": _decimals([number for axis in geometry.axes for number in axis]),
        "grain": [-1 if one is None else round(10 * one) for one in astuple(sketch.grain)],
        "steps": [sketch.steps.mean, sketch.steps.change],
        "code": CODE,
        "means": _encode((sketch.means - np.float32(LOWEST_HU)) / np.float32(sketch.steps.mean)),
        **{
            name: _encode(getattr(sketch, name) / np.float32(sketch.steps.change) + _ZERO)
            for name in _CHANGES
        },
        "flags": _encode((_BORDER * sketch.border + _METAL * sketch.metal).astype(np.float32)),
    }


def from_fields(fields: Mapping[str, object]) -> Sketch:
    """The sketch in the fields of a seal.

    Only to be called on what is signed by a genuine signature: images are decoded by a library.

    Raises:
        SketchError: a field is missing, too many, or not what it has to be.
    """
    if set(fields) != _FIELDS | set(_ARRAYS):
        wrong = sorted(set(fields) ^ (_FIELDS | set(_ARRAYS)))
        raise SketchError(f"lacks a field or has one too many: {wrong}")
    if fields["code"] != CODE:
        raise SketchError(f"is coded as {fields['code']!r}, expected {CODE!r}")
    shape, cell = _triple(fields["shape"], "shape"), _triple(fields["cell"], "cell")
    grid = CellGrid(_geometry(fields), shape, cell)
    if np.prod(grid.cells, dtype=float) > _MOST_CELLS:
        raise SketchError(f"has {grid.cells} cells, more than any scan needs")
    mean_step, change_step = _numbers(fields["steps"], "steps", 2, least=1)
    grain = _numbers(fields["grain"], "grain", 3, least=-1)
    means = _decode(fields["means"], grid.cells, "means") * np.float32(mean_step) + LOWEST_HU
    changes = {
        name: (_decode(fields[name], grid.cells, name) - _ZERO) * np.float32(change_step)
        for name in _CHANGES
    }
    if means.max() > HIGHEST_HU + mean_step:
        raise SketchError(f"holds a mean of {means.max():g} HU, which no CT has")
    flags = _decode(fields["flags"], grid.cells, "flags").astype(np.uint16)
    return Sketch(
        grid=grid,
        means=means.astype(np.float32),
        smoothing=changes["smoothing"],
        across=changes["across"],
        median=changes["median"],
        steps=Steps(mean_step, change_step),
        border=(flags & _BORDER) > 0,
        metal=(flags & _METAL) > 0,
        grain=Grain(*(None if one < 0 else one / 10 for one in grain)),
    )


def _encode(levels: Array) -> str:
    image = np.rint(levels).astype("<u2").reshape(-1, levels.shape[2])
    image = np.pad(image, ((0, _rows(image.shape) - len(image)), (0, 0)))
    code = encode_buffer(image.tobytes(), *image.shape, samples_per_pixel=1, bits_stored=_BITS)
    return base64.b64encode(code).decode("ascii")


def _decode(value: object, cells: Triple, name: str) -> Array:
    if not isinstance(value, str):
        raise SketchError(f"{name} is no text")
    layers, rows, columns = cells
    shape = (layers * rows, columns)
    heights = (layers * rows, _rows(shape))  # tiny ones that fitted were once not padded
    try:
        code = base64.b64decode(value, validate=True)
        # Before it is decoded: a few kilobytes can hold gigabytes of one level.
        size = _size(code)
        if size not in [(height, columns, _BITS, 1) for height in heights]:
            raise SketchError(f"{name} holds an image of {size}, not of {cells} cells")
        data, _ = decode_buffer(code)
    except (binascii.Error, ValueError, RuntimeError) as error:
        raise SketchError(f"{name} cannot be decoded ({error})") from error
    levels = np.frombuffer(bytes(data), "<u2")[: layers * rows * columns].reshape(cells)
    return levels.astype(np.float32)


def _size(code: bytes) -> tuple[int, int, int, int]:
    """Rows, columns, bits and components, as a frame header says (ITU-T T.87, C.2.2).

    Raises:
        ValueError: the code does not begin with one.
    """
    header = code[len(_FRAME_HEADER) :][:6]
    if not code.startswith(_FRAME_HEADER) or len(header) < 6:
        raise ValueError("it does not begin with a frame header")
    bits, rows, columns, components = struct.unpack(">BHHB", header)
    return rows, columns, bits, components


def _rows(shape: tuple[int, int]) -> int:
    """Rows of an image once it is padded for the coder."""
    rows, columns = shape
    return max(rows, -(-_LEAST_PIXELS // columns))


def _geometry(fields: Mapping[str, object]) -> Geometry:
    axes = _floats(fields["axes"], "axes", 9)
    try:
        geometry = Geometry(
            spacing=_vector(_floats(fields["spacing"], "spacing", 3)),
            origin=_vector(_floats(fields["origin"], "origin", 3)),
            axes=tuple(_vector(axes[k : k + 3]) for k in (0, 3, 6)),
        )
    except ScanError as error:
        raise SketchError(f"lies nowhere: {error}") from error
    if abs(np.linalg.det(geometry.axes)) < _FLAT:
        raise SketchError(f"lies nowhere: its axes {geometry.axes} span no space")
    return geometry


def _vector(values: list[float]) -> Vector:
    a, b, c = values
    return a, b, c


def _triple(value: object, name: str) -> Triple:
    z, y, x = _numbers(value, name, 3, least=1)
    return z, y, x


def _numbers(value: object, name: str, count: int, least: int) -> list[int]:
    numbers = value if isinstance(value, list) else []
    whole = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool)]
    if not len(whole) == len(numbers) == count or not all(least <= n < _LONGEST for n in whole):
        raise SketchError(f"{name} is not {count} whole numbers from {least} on")
    return whole


def _floats(value: object, name: str, count: int) -> list[float]:
    parts = value.split("\\") if isinstance(value, str) else []
    if len(parts) != count or not all(
        re.fullmatch(r"-?\d{1,12}(\.\d{1,20})?(e-\d{2,3})?", part) for part in parts
    ):
        raise SketchError(f"{name} is not {count} decimal numbers")
    return [float(part) for part in parts]


def _decimals(numbers: Vector | list[float]) -> str:
    # Adding zero turns -0.0, which means the same, into 0.0.
    return "\\".join(repr(float(number) + 0.0) for number in numbers)
