"""Where protection moves voxels: in the lung, near it, or farther away.

    python benchmarks/moved_voxels.py SCAN... --output docs/results/moved-voxels.json

The network works on the block of slices, rows and columns that holds the lungs and 24 mm around
them; how much of what moves lies how far from the lungs is counted here, voxel by voxel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from measuring import exit_code, say
from mitsgan import __version__
from mitsgan.anatomy.lung import find_lung
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.perturb.apply import apply_perturbations
from mitsgan.perturb.budget import Budget
from mitsgan.protect.mitsgan import MitsGan, where_it_acts
from mitsgan.result import Result
from mitsgan.scan.canonical import canonical

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
    """

    scan: str
    max_hu: float
    voxels: int
    moved: int
    block_share: float
    in_lung: float
    near: float
    beyond: float


@dataclass(frozen=True, kw_only=True)
class MovedVoxels(Result):
    """Where protection moves voxels, of several scans."""

    KIND: ClassVar[str] = "moved voxels"

    version: str = __version__
    near_mm: float = NEAR_MM
    scans: tuple[Moved, ...]


def measure(path: Path, max_hu: float) -> Moved:
    """Protect a scan as it ships, and count."""
    scan = canonical(read_scan(path))
    protected = apply_perturbations(scan, [MitsGan.load()], Budget(max_hu)).scan
    lung = find_lung(scan)
    near_lung = lung.within(-NEAR_MM, scan.spacing)
    counts = np.zeros(3, np.int64)
    for z in range(scan.shape[0]):
        moved = protected.hu(z, z + 1)[0] - scan.hu(z, z + 1)[0]
        inside = lung.slice(z, scan.shape[1:])
        near = near_lung.slice(z, scan.shape[1:])
        where = (inside, ~inside & near, ~inside & ~near)
        counts += [np.count_nonzero(moved[part]) for part in where]
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
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("scans", type=Path, nargs="+", metavar="SCAN")
    add("--max-hu", type=float, default=10.0)
    add("--output", type=Path, required=True)
    arguments = parser.parse_args(argv)

    def work() -> int:
        check_file(arguments.output, True, "output")
        measured = []
        for path in arguments.scans:
            measured.append(measure(path, arguments.max_hu))
            say(f"{measured[-1]}")
        result = MovedVoxels(scans=tuple(measured))
        write_result(arguments.output, result, overwrite=True)
        return 0

    return exit_code("moved_voxels", work)


if __name__ == "__main__":
    sys.exit(main())
