"""Nodules for the finder of candidates to find: those that a list tells, and planted ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydicom.misc import is_dicom

from mitsgan.errors import DataError, PositionError
from mitsgan.evaluate.candidate_recall import KnownNodule, Plant, Voxel
from mitsgan.files.dicom.nodules import marked_nodules
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.identity import frames_of_reference, pixel_order, series_names
from mitsgan.scan.scan import Scan
from mitsgan.training.data.annotations import read_annotations
from mitsgan.training.data.nodule_kinds import KINDS
from mitsgan.training.data.nodules import plant_nodule


def nodules_of(scan: Scan, lists: Sequence[Path], readers: int) -> list[KnownNodule]:
    """The nodules of a scan in lists of them, DICOM reports and segmentations among these.

    Raises:
        DataError: see `read_annotations` and `marked_nodules`; or a list holds none of this scan.
        PositionError: a nodule lies outside the scan.
    """
    nodules: list[KnownNodule] = []
    for path in lists:
        if not path.is_file():
            raise DataError(
                f"{path} does not exist, or is no file; name lists of nodules as .csv, .json or "
                ".xml (LIDC), or DICOM reports and segmentations one by one"
            )
        if is_dicom(path):
            nodules += _marked(path, scan)
            continue
        listed, names = read_annotations(path), series_names(scan)
        findings = listed.of(scan, names, readers, pixels=pixel_order(scan))
        if not findings:
            raise DataError(_none_listed(path, listed.most_readers(scan, names), readers))
        nodules += [KnownNodule(f.index(scan.geometry), f.diameter_mm) for f in findings]
    return nodules


def _marked(path: Path, scan: Scan) -> list[KnownNodule]:
    """Those that a DICOM object tells of."""
    names, frames, nodules = series_names(scan), frames_of_reference(scan), []
    planes = scan.source.planes if isinstance(scan.source, DicomSource) else None
    for one in marked_nodules(path, planes):
        # A report of two examinations names the series of both, each with positions of its own.
        elsewhere = frames and one.frame and one.frame not in frames
        if elsewhere or not one.series & names:
            continue
        voxel = scan.geometry.to_index(one.world)
        if not all(-0.5 <= i < n - 0.5 for i, n in zip(voxel, scan.shape, strict=True)):
            raise PositionError(
                f"{path}: the nodule at world {one.world} mm (LPS) lies outside the scan; name the "
                "list of this scan"
            )
        nodules.append(KnownNodule(voxel, one.diameter_mm))
    if not nodules:
        raise DataError(_none_listed(path, 0, 1))
    return nodules


def _none_listed(path: Path, most: int, readers: int) -> str:
    """Why a list tells no nodule of a scan."""
    if most == 0:
        return f"{path} lists no nodule of this scan; name a list that does"
    return (
        f"{path} lists nodules of this scan, but none that {readers} readers marked: at most "
        f"{most} agree; give `readers={most}`"
    )


def planter(scan: Scan, seed: int) -> Plant:
    """Plants the kinds of nodules in turn, each one of its own shape."""
    generator = torch.Generator().manual_seed(seed)
    kinds = (*KINDS, *KINDS[1:], KINDS[0])  # places take turns too, by twos
    done = 0

    def plant(
        hu: NDArray[np.float32], place: Voxel, diameter_mm: float
    ) -> tuple[NDArray[np.float32], str]:
        nonlocal done
        kind = kinds[done % len(kinds)]
        planted, _ = plant_nodule(hu, scan.spacing, place, kind, diameter_mm, generator)
        done += 1
        return planted, kind

    return plant
