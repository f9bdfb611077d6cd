"""What is left of a perturbation that is computed again from the protected scan and taken away.

    python benchmarks/recomputed.py SCAN... --output docs/results/recomputed.json

Code and weights are public: whoever holds a protected scan can run the same protector on it, which
sees nearly what it saw before, and subtract what comes out. Once with the seed that was used, once
with another. See docs/decisions/field.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from measuring import add_output, exit_code, say
from mitsgan import __version__
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect.registry import load_protector
from mitsgan.result import Result
from mitsgan.scan.scan import Scan

PROTECTORS = ("mits-gan", "mits-gan-waves", "wave", "bias-field", "keyed-wave")
BUDGET = Budget(10.0)
SEED, ANOTHER = 0, 1


@dataclass(frozen=True)
class Left:
    """One protector on one scan; RMS over the voxels that it moved, HU.

    Attributes:
        scan, protector: by name.
        added_hu: what protection added.
        seed_known_hu: what is left of it where the seed is known.
        seed_unknown_hu: the same where another seed was tried.
    """

    scan: str
    protector: str
    added_hu: float
    seed_known_hu: float
    seed_unknown_hu: float


@dataclass(frozen=True, kw_only=True)
class Recomputed(Result):
    """What is left of perturbations that were computed again, of several scans."""

    KIND: ClassVar[str] = "recomputed"

    version: str = __version__
    budget: str = str(BUDGET)
    seed: int = SEED
    another_seed: int = ANOTHER
    rows: tuple[Left, ...]


def left(name: str, scan: Scan, protector: str) -> Left:
    """Protect, and take away what the same protector says of the result.

    Args:
        name: of the scan.
        scan: the original.
        protector: by name.
    """
    protected = _moved(scan, protector, SEED)
    added = protected.hu() - scan.hu()
    where = added != 0

    def without(seed: int) -> float:
        again = _moved(protected, protector, seed).hu() - protected.hu()
        return _rms((added - again)[where])

    return Left(name, protector, _rms(added[where]), without(SEED), without(ANOTHER))


def _moved(scan: Scan, protector: str, seed: int) -> Scan:
    return apply_perturbations(scan, [load_protector(protector, seed=seed)], BUDGET).scan


def _rms(values: np.ndarray) -> float:
    return round(float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))), 4)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN")
    add_output(parser)
    options = parser.parse_args(argv)

    def work() -> int:
        check_file(options.output, options.overwrite, "output")
        rows = []
        for path in options.scans:
            scan, name = read_scan(path), scan_name(path)
            for protector in PROTECTORS:
                say(f"{name}, {protector}")
                rows.append(left(name, scan, protector))
        write_result(options.output, Recomputed(rows=tuple(rows)), overwrite=options.overwrite)
        return 0

    return exit_code("recomputed", work)


if __name__ == "__main__":
    sys.exit(main())
