"""Scans as layers of napari, and a reader for it; napari itself is not imported.

A layer is what napari takes from a plugin: data, how to show them, and the kind of layer. Arrays
are ``[z, y, x]`` in canonical order, and the world is LPS in mm, its axes in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.evaluate.metrics.budget_check import check_geometry
from mitsgan.evaluate.metrics.windows import LUNG
from mitsgan.jobs.protect.protected import Protected
from mitsgan.jobs.scans import read
from mitsgan.jobs.verify.verify import Verified
from mitsgan.scan.canonical import canonical
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan

__all__ = ["Layer", "layers_of", "reader"]

Layer = tuple[NDArray[Any], dict[str, Any], str]
"""Data, how to show them, kind of layer."""

_IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")


def layers_of(
    scan: Scan | Protected,
    *,
    original: Scan | None = None,
    verified: Verified | None = None,
    name: str | None = None,
) -> list[Layer]:
    """A scan as layers: its voxels, what was added to them, where it was tampered with.

    Args:
        scan: as it is, or protected.
        original: of a protected scan, on the same grid: adds a layer of what was added.
        verified: of the scan by its mark: adds a layer of the probability that voxels were
            repainted.
        name: of the first layer; by default what the scan is.

    Raises:
        ScanError: the original has another grid.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((16, 64, 64), (6.0, 5.6, 5.6))
        >>> protected = mg.protect(scan, max_hu=5, protector="noise")
        >>> [(kind, look["name"]) for _, look, kind in layers_of(protected, original=scan)]
        [('image', 'protected'), ('image', 'added, HU')]
    """
    said = name or ("protected" if isinstance(scan, Protected) else "scan")
    limit = scan.budget.max_hu if isinstance(scan, Protected) else None
    axial = canonical(scan.scan if isinstance(scan, Protected) else scan)
    affine = world_of(axial.geometry)
    look = {
        "name": said,
        "colormap": "gray",
        "contrast_limits": (LUNG.low, LUNG.high),
        "affine": affine,
    }
    layers: list[Layer] = [(axial.hu(), look, "image")]
    if original is not None:
        layers.append(_added(axial, canonical(original), limit))
    if verified is not None and verified.detection is not None:
        look = {
            "name": "tampered, probability",
            "colormap": "red",
            "contrast_limits": (0.0, 1.0),
            "blending": "additive",
            "affine": affine,
        }
        layers.append((verified.detection.probability(), look, "image"))
    return layers


def reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Layer]] | None:
    """What napari asks of a plugin: a function that reads a path, or None where it is not ours.

    Args:
        path: an image file or a folder; napari hands several on as a list, which is not read.
    """
    if not isinstance(path, str):
        return None
    place = Path(path)
    if not place.is_dir() and not place.name.lower().endswith(_IMAGES):
        return None
    return _read


def world_of(geometry: Geometry) -> NDArray[np.float64]:
    """4 x 4, from a voxel ``[z, y, x]`` to its centre ``[z, y, x]``, LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = geometry.matrix.T[::-1]
    affine[:3, 3] = geometry.origin[::-1]
    return affine


def _read(path: str | Sequence[str]) -> list[Layer]:
    if not isinstance(path, str):
        raise ScanError(f"expected one folder or file, found {len(path)}; open them one by one")
    return layers_of(read(path), name=Path(path).name)


def _added(scan: Scan, original: Scan, limit: float | None) -> Layer:
    """A layer of what a scan differs by from its original."""
    check_geometry(original, scan)
    added = scan.hu() - original.hu()
    most = float(limit or max(float(np.abs(added).max()), 1.0))
    look = {
        "name": "added, HU",
        "colormap": "PiYG",  # both signs apart, for the colour-blind, too
        "contrast_limits": (-most, most),
        "visible": False,
        "affine": world_of(scan.geometry),
    }
    return added, look, "image"
