"""The scans of a benchmark, read and made ready for it."""

from __future__ import annotations

import numpy as np

from mitsgan.anatomy.places import lung_positions
from mitsgan.errors import PositionError
from mitsgan.evaluate.benchmark.bench import Subject
from mitsgan.evaluate.benchmark.cells import all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig, BenchmarkError, BenchmarkScan
from mitsgan.evaluate.tampering.paste import paste
from mitsgan.files import read_scan
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

DIAMETERS_MM = (8.0, 16.0)
"""Of planted nodules, uniform; the published remover was trained on up to 16 mm."""

_APART_MM = 45.0
_DRAWN = 40


def check_scans(config: BenchmarkConfig) -> None:
    """Look whether the scans that are measured are there: one would be missed hours later.

    Raises:
        BenchmarkError: one does not exist.
    """
    used = {task.scan for task in all_tasks(config)}
    for entry in config.scans:
        if entry.name in used and entry.path is not None and not entry.path.exists():
            raise BenchmarkError(
                f"scans.{entry.name}.path: {entry.path} does not exist; name a DICOM folder or an "
                "image file"
            )


def load_subject(entry: BenchmarkScan, seed: int) -> Subject:
    """The scan that an entry describes, and the places in it that attacks go to.

    Raises:
        ScanError: see `mitsgan.scan.read_scan`.
        PositionError: there is no room for so many nodules.
    """
    if entry.phantom is not None:
        phantom = entry.phantom
        scan = chest(phantom.shape, phantom.spacing_mm, phantom.seed)
    elif entry.path is not None:
        scan = read_scan(entry.path)
    if entry.planted:
        return _planted(scan, entry.planted, seed)
    return Subject(scan, tuple(scan.geometry.to_voxel(place) for place in entry.nodules))


def _planted(scan: Scan, count: int, seed: int) -> Subject:
    """The scan with synthetic nodules that no attack on one reaches another of."""
    import torch

    from mitsgan.training.data.nodule_kinds import KINDS
    from mitsgan.training.data.nodules import plant_nodule

    generator = torch.Generator().manual_seed(seed)
    low, high = DIAMETERS_MM
    hu = scan.hu()
    places: list[tuple[int, int, int]] = []
    for place in lung_positions(scan, _DRAWN * count, seed):
        offsets = [np.multiply(np.subtract(place, other), scan.spacing) for other in places]
        if any(np.abs(offset).max() < _APART_MM for offset in offsets):
            continue
        share = float(torch.rand((), generator=generator))
        kind = KINDS[len(places) % len(KINDS)]
        hu, _ = plant_nodule(hu, scan.spacing, place, kind, low + share * (high - low), generator)
        places.append(place)
        if len(places) == count:
            return Subject(paste(scan, hu, (0, 0, 0)), tuple(places))
    raise PositionError(
        f"only {len(places)} of {count} nodules can be planted {_APART_MM:g} mm apart in the lung; "
        "give a smaller `planted`, or a scan with more of it"
    )
