"""The series that is sealed in several tests, and ways to change it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom import dcmread

from mitsgan.seal.report import SealReport

DEPTH, HEIGHT, WIDTH = 6, 150, 130
"""Neither side is a multiple of 64, so the blocks at the far edges are smaller."""

Check = Callable[[Path], SealReport]


def ordered(folder: Path) -> list[Path]:
    """The files of a series, z ascending."""
    return sorted(folder.iterdir(), key=lambda file: dcmread(file).ImagePositionPatient[2])


def change(file: Path, **attributes: object) -> None:
    ds = dcmread(file)
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.save_as(file)


def flip(file: Path, row: int, column: int, bit: int) -> None:
    """Change one bit of one stored value."""
    ds = dcmread(file)
    data = bytearray(ds.PixelData)
    data[2 * (row * WIDTH + column) + bit // 8] ^= 1 << bit % 8
    ds.PixelData = bytes(data)
    ds.save_as(file)
