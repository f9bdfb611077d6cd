"""M3Dsynth (arXiv 2309.07973): LIDC-IDRI scans with nodules injected or removed by three models.

As github.com/grip-unina/M3Dsynth reads and writes it: ``METHOD/scan/IMAGE/slide0000.tiff`` and
``METHOD/label/IMAGE/slide0000.tiff``, with ``METHOD`` one of real, cycle, pix2pix and diffusion,
and three tables, ``data.csv``, ``LIDC.csv`` and ``sets.csv``, which are part of the code and are
looked for in ``data/`` of the folder. The first slice is the one nearest to the head. Values are
16 bits above an offset that is not recorded; it is taken from where the air and the soft tissue of
the scan lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mitsgan.errors import DataError
from mitsgan.jobs.tampered_sets.labelled import (
    Box,
    Label,
    LabelledPlace,
    LabelledScan,
    table_rows,
    whole_number,
)
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan

REAL = "real"
METHODS = (REAL, "cycle", "pix2pix", "diffusion")
SPLITS = ("train", "valid", "test")

_KINDS: dict[str, Label] = {"inj": "injected", "rem": "removed"}

_ADDED = (0, 512, 1024, 2000, 2048)
"""What the makers add to stored values so that none is negative."""

_STORED_AS = (0, 1024)
"""HU were stored as they are, or with so much more."""

_AIR_HU = (-1015, -960)
_TISSUE_HU = (0, 80)


def m3dsynth(folder: Path, split: str = "test") -> Iterator[LabelledScan]:
    """The scans of one part of the set, one by one; those that are not there are left out.

    Args:
        folder: of the set.
        split: its makers' part: train, valid or test.

    Raises:
        DataError: the tables are not there, say something else than expected, or no scan is there.
    """
    tables = folder / "data"
    parts = table_rows(tables / "sets.csv", ("orig_id", "set"))
    chosen = {row["orig_id"] for row in parts if row["set"] == split}
    spacings = _spacings(tables / "LIDC.csv")
    path = tables / "data.csv"
    columns = ("img_id", "ty", "mod", "orig_id", "sdir_id", "coord_z", "coord_y", "coord_x")
    found = 0
    for row in table_rows(path, columns):
        slices = folder / row["mod"] / "scan" / row["img_id"]
        if row["orig_id"] not in chosen or not slices.is_dir():
            continue
        if row["ty"] not in _KINDS or row["mod"] not in METHODS:
            raise DataError(f"{path}: unknown kind {row['ty']!r} or method {row['mod']!r}")
        series = row["orig_id"], row["sdir_id"]
        if series not in spacings:
            raise DataError(f"{tables / 'LIDC.csv'} names no spacing of series {series}")
        found += 1
        z, y, x = (whole_number(row[f"coord_{axis}"], path) for axis in "zyx")
        place = (_depth(slices) - 1 - z, y, x)
        kind, real = _KINDS[row["ty"]], row["mod"] == REAL
        masks = folder / row["mod"] / "label" / row["img_id"]
        yield LabelledScan(
            name=f"{row['mod']}/{row['img_id']}",
            method=row["mod"],
            places=(LabelledPlace(place, "untouched" if real else kind, kind),),
            read=partial(read_slices, slices, spacings[series]),
            tampered=partial(_box, masks) if masks.is_dir() else None,
        )
    if not found:
        raise DataError(
            f"{folder} holds no scan of the part {split!r}; expected slices as in "
            f"METHOD/scan/IMAGE/slide0000.tiff, with METHOD one of {', '.join(METHODS)}"
        )


def read_slices(folder: Path, spacing_mm: tuple[float, float, float]) -> Scan:
    """A scan of the set, in HU, its slices put in order from the feet to the head.

    Raises:
        DataError: a slice cannot be read, or is of another size.
    """
    stored = _stack(folder)[::-1].astype(np.int32)
    hu = (stored - hu_offset(stored)).clip(-1024, 3071).astype(np.int16)
    return Scan.of_image(hu, Geometry(spacing_mm), None)


def hu_offset(stored: NDArray[np.int32]) -> int:
    """What is to be taken off stored values ``[z, y, x]`` to have HU.

    Of all offsets that there can be, the one with which both air and soft tissue are plentiful; two
    of them lie only 48 HU apart.
    """
    counts = np.bincount(stored.ravel().clip(0, 2**16 - 1), minlength=2**16)
    counts[0] = 0  # what was never measured
    offsets = sorted({added + held for added in _ADDED for held in _STORED_AS})

    def fitting(offset: int) -> int:
        both = (
            int(counts[max(low + offset, 0) : max(high + offset, 0)].sum())
            for low, high in (_AIR_HU, _TISSUE_HU)
        )
        return min(both)

    return max(offsets, key=fitting)


def _spacings(path: Path) -> dict[tuple[str, str], tuple[float, float, float]]:
    columns = ("orig_id", "sdir_id", "spacing_z", "spacing_y", "spacing_x")
    try:
        return {
            (row["orig_id"], row["sdir_id"]): (
                float(row["spacing_z"]),
                float(row["spacing_y"]),
                float(row["spacing_x"]),
            )
            for row in table_rows(path, columns)
        }
    except ValueError as error:
        raise DataError(f"{path}: a spacing is no number: {error}") from error


def _depth(folder: Path) -> int:
    return len(list(folder.glob("slide*.tiff")))


def _stack(folder: Path) -> NDArray[np.uint16]:
    """``[z, y, x]``, as the files are numbered."""
    planes = []
    for number in range(_depth(folder)):
        path = folder / f"slide{number:04d}.tiff"
        try:
            with Image.open(path) as image:
                planes.append(np.asarray(image).astype(np.uint16))
        except (OSError, UnidentifiedImageError) as error:
            raise DataError(f"{path} cannot be read as a picture: {error}") from error
    if len({plane.shape for plane in planes}) != 1:
        raise DataError(f"{folder}: slices of one size are expected")
    return np.stack(planes)


def _box(folder: Path) -> Box | None:
    """What the labels mark, in the scan's own order; None where they mark nothing."""
    marked = np.argwhere(_stack(folder)[::-1])
    if not len(marked):
        return None
    z, y, x = (
        slice(int(low), int(high) + 1)
        for low, high in zip(marked.min(0), marked.max(0), strict=True)
    )
    return z, y, x
