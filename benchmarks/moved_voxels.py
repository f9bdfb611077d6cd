"""Where protection moves voxels: in the lung, near it, or farther away.

    python benchmarks/moved_voxels.py SCAN... --output docs/results/moved-voxels.json

How much of what moves lies how far from the lungs is counted here, voxel by voxel, with distances
that are measured on the scan's own grid: protection finds its region by other means.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from measuring import add_output, exit_code, say
from mitsgan import __version__
from mitsgan.anatomy.lung import Lung, find_lung
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.jobs.protect.default import load_default
from mitsgan.perturb.apply import apply_perturbations
from mitsgan.perturb.budget import Budget
from mitsgan.protect.protector import Protector
from mitsgan.protect.region import where_it_acts
from mitsgan.result import Result, WeightsEntry

NEAR_MM = 24.0


@dataclass(frozen=True)
class Moved:
    """What moved in one scan.

    Attributes:
        scan: its name.
        max_hu: the budget.
        voxels, moved: of the scan, and how many of them moved.
        block_share: the part of the scan that the block is in which the network works.
        in_lung, near, beyond: parts of the moved voxels: in the lung, at most `NEAR_MM` around
            it, and farther.
        farthest_mm: distance from the lung of the voxel that lies farthest of those that moved.
        rms_hu: of the change, over the whole scan, padding apart.
    """

    scan: str
    max_hu: float
    voxels: int
    moved: int
    block_share: float
    in_lung: float
    near: float
    beyond: float
    farthest_mm: float
    rms_hu: float


@dataclass(frozen=True, kw_only=True)
class MovedVoxels(Result):
    """Where protection moves voxels, of several scans.

    Attributes:
        protector: the weights of what protects by default.
        near_mm: around the lungs, within which it perturbs.
    """

    KIND: ClassVar[str] = "moved voxels"

    version: str = __version__
    protector: WeightsEntry
    near_mm: float = NEAR_MM
    scans: tuple[Moved, ...]


def measure(path: Path, protector: Protector, max_hu: float) -> Moved:
    """Protect a scan, and count."""
    scan = read_scan(path)
    protected = apply_perturbations(scan, [protector], Budget(max_hu))
    distance = _distance_mm(find_lung(scan), scan.shape, scan.spacing)
    counts, farthest = np.zeros(3, np.int64), 0.0
    for z in range(scan.shape[0]):
        moved = distance[z][protected.scan.stored[z] != scan.stored[z]]
        counts += np.bincount(np.digitize(moved, (1e-6, NEAR_MM + 1e-6)), minlength=3)
        farthest = max(farthest, float(moved.max(initial=0.0)))
    total, voxels = int(counts.sum()), int(np.prod(scan.shape))
    block = np.prod([part.stop - part.start for part in where_it_acts(scan)])
    in_lung, around, beyond = (round(float(count) / total, 4) for count in counts)
    return Moved(
        scan=scan_name(path),
        max_hu=max_hu,
        voxels=voxels,
        moved=total,
        block_share=round(float(block) / voxels, 4),
        in_lung=in_lung,
        near=around,
        beyond=beyond,
        farthest_mm=round(farthest, 2),
        rms_hu=round(protected.rms_hu, 4),
    )


def _distance_mm(
    lung: Lung, shape: Sequence[int], spacing: tuple[float, float, float]
) -> NDArray[np.float32]:
    """``[z, y, x]``: of every voxel from the nearest of the lung, on the scan's own grid."""
    inside = np.stack([lung.slice(z, shape[1:]) for z in range(shape[0])])
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    signed = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.asarray(np.maximum(sitk.GetArrayFromImage(signed), np.float32(0)))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("scans", type=Path, nargs="+", metavar="SCAN")
    add("--max-hu", type=float, default=10.0)
    add_output(parser)
    arguments = parser.parse_args(argv)

    def work() -> int:
        check_file(arguments.output, arguments.overwrite, "output")
        protector, weights = load_default(None, seed=0)
        measured = []
        for path in arguments.scans:
            measured.append(measure(path, protector, arguments.max_hu))
            say(f"{measured[-1]}")
        result = MovedVoxels(protector=weights, scans=tuple(measured))
        write_result(arguments.output, result, overwrite=arguments.overwrite)
        return 0

    return exit_code("moved_voxels", work)


if __name__ == "__main__":
    sys.exit(main())
