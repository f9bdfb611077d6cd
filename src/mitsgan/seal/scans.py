"""The scan, or the pieces of one, that slices make which were read for a seal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mitsgan.errors import ScanError
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.read import build_scan
from mitsgan.files.dicom.series import place_slices
from mitsgan.reading import Reading
from mitsgan.scan.canonical import canonical
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.plausible import check_plausible
from mitsgan.scan.scan import Scan
from mitsgan.seal.content import Part
from mitsgan.seal.format import Seal
from mitsgan.seal.sketch.cells import DENSER_HU

_GAP = 1.5
"""Distances of neighbouring slices above so many of the usual one mean that one is missing."""


def whole_scan(parts: Sequence[Part], path: Path) -> Scan:
    """The scan that slices make, in canonical order.

    Raises:
        ScanError: no whole CT scan, or values that are not HU.
    """
    scan = _build(parts, path)
    check_plausible(scan, str(path))
    return canonical(scan)


def pieces(parts: Sequence[Part], path: Path, sealed: Geometry | None = None) -> list[Scan]:
    """The scan that slices make; several pieces where some of it is missing.

    What the values mean is not asked: whoever verifies will see whether they are as sealed.

    Args:
        parts: the slices.
        path: what they were read from.
        sealed: of the scan that was sealed, if the slices are some of its own: how far they lay
            apart says which are missing, however many these are.

    Raises:
        ScanError: there is a slice that is no CT, or cannot be read.
    """
    frames = [part.frame for part in parts if part.frame is not None]
    runs = [] if sealed is None else _runs(frames, sealed)
    if len(runs) < 2:
        try:
            return [_build(parts, path)]
        except ScanError:
            runs = _runs(frames)
            if len(runs) < 2:
                raise
    return [
        _on_grid(build_scan(frames, path, Reading(assume_hu=True)), step) for frames, step in runs
    ]


def pads_tissue(seal: Seal) -> bool:
    """Whether a scan said of what is denser than air that it is no data when it was sealed."""
    for z in range(len(seal.slices)):
        sealed = seal.expected(z)
        names = ("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept")
        value, limit, slope, intercept = (sealed.get(name, "") for name in names)
        signed = sealed.get("PixelRepresentation") == "1"
        try:
            bits = [int(text) for text in (value, limit) if text]
            stored = [n - 0x10000 if signed and n >= 0x8000 else n for n in bits]
            dense = [n * float(slope or 1) + float(intercept or 0) > DENSER_HU for n in stored]
        except ValueError:
            continue
        if any(dense):
            return True
    return False


def _build(parts: Sequence[Part], path: Path) -> Scan:
    image = parts[0].image
    if image is not None:
        return image
    frames = [part.frame for part in parts if part.frame is not None]
    return build_scan(frames, path, Reading(assume_hu=True))


def _runs(
    frames: Sequence[Frame], sealed: Geometry | None = None
) -> list[tuple[list[Frame], float]]:
    """Slices without a gap between them, and how far they lie apart, mm."""
    if not frames:  # an image
        return []
    placed = place_slices(frames)
    gaps = np.diff(placed.along)
    if not len(gaps) or gaps.min() <= 0:
        return []
    step = float(np.median(gaps))
    if sealed is not None:
        along = np.abs(np.asarray(sealed.axes) @ placed.normal)
        step = sealed.spacing[int(along.argmax())]
    runs: list[list[Frame]] = [[placed.frames[0]]]
    for frame, gap in zip(placed.frames[1:], gaps, strict=True):
        if gap > _GAP * step:
            runs.append([])
        runs[-1].append(frame)
    return [(run, step) for run in runs]


def _on_grid(scan: Scan, step: float) -> Scan:
    """A piece on its own tells the distance of slices roughly, or not at all: as in the others."""
    geometry = scan.geometry
    if scan.shape[0] == 1:
        scan = replace(scan, geometry=replace(geometry, spacing=(step, *geometry.spacing[1:])))
    return canonical(scan)
