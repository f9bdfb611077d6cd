"""What the two judges of attacks are worth: on synthetic nodules, on healthy lung, on real nodules.

    python benchmarks/judges.py SCAN... --nodules LIST... --output docs/results/judges.json

Whether an attack failed is told by the nodule classifier and by measurement (docs/metrics.md). Here
both are asked where the answer is known: synthetic nodules of every kind at random places of the
lung, the same lung without them, the densest of many places, and the nodules that readers marked,
where a list tells them. The classifier's probabilities are held against how often there was a
nodule: its calibration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from measuring import add_output, exit_code, say
from mitsgan import __version__
from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.lumps import are_lumps, lumps_mm3
from mitsgan.errors import DataError
from mitsgan.evaluate.calibration import Calibration, calibrate
from mitsgan.evaluate.statistics import RateRow, rate
from mitsgan.files import read_scan
from mitsgan.files.identity import pixel_order, series_names
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.result import Result, WeightsEntry
from mitsgan.scan.scan import Scan
from mitsgan.training.classifier import dense_cube
from mitsgan.training.data.annotations import Finding, read_annotations
from mitsgan.training.data.cubes import CubeSampler, Volume, volumes
from mitsgan.training.data.nodule_kinds import KINDS
from mitsgan.training.data.nodules import Planted, add_nodule

DIAMETERS_MM = (6.0, 20.0)
"""Of synthetic nodules, uniform."""

SIZES_MM = ((6.0, 8.0), (8.0, 12.0), (12.0, 20.0))
READERS = 3
"""So many of LIDC's four readers have to have marked a nodule; what fewer marked is neither."""

RANDOM, DENSE, CANDIDATES = "lung, random places", "lung, densest of 300 places", "candidates"


@dataclass(frozen=True)
class Group:
    """Cubes of one sort, and in how many of them either judge sees a nodule."""

    cubes: str
    nodules: bool
    classifier: RateRow
    lump: RateRow


@dataclass(frozen=True)
class RealNodule:
    """A nodule that readers marked, and what the judges say of it."""

    lps_mm: tuple[float, float, float]
    diameter_mm: float
    probability: float
    called: bool
    lump_mm3: float
    lump: bool


@dataclass(frozen=True)
class Judged:
    """One scan.

    Attributes:
        scan, spacing_mm: which.
        in_training: whether the classifier was trained on it, all of its lung taken for healthy.
        groups: what the judges say where the answer is known.
        calibration: of the classifier, on all synthetic nodules and as many places without one,
            half of them the densest of many.
        real: nodules that `READERS` readers marked; None where no list was given of the scan.
    """

    scan: str
    spacing_mm: tuple[float, float, float]
    in_training: bool
    groups: tuple[Group, ...]
    calibration: Calibration
    real: tuple[RealNodule, ...] | None


@dataclass(frozen=True, kw_only=True)
class Judges(Result):
    """What the judges are worth, scan by scan."""

    KIND: ClassVar[str] = "judges"

    version: str = __version__
    classifier: WeightsEntry
    threshold: float
    seed: int
    scans: tuple[Judged, ...]


@dataclass(frozen=True)
class _Answers:
    """What the judges say of some cubes."""

    probability: tuple[float, ...]
    called: tuple[bool, ...]
    lump_mm3: tuple[float, ...]

    @classmethod
    def of(cls, cubes: Tensor, classifier: NoduleClassifier) -> _Answers:
        probability = tuple(classifier.probability(cubes).tolist())
        called = tuple(p >= classifier.threshold for p in probability)
        return cls(probability, called, lumps_mm3(cubes.numpy()))

    def group(self, name: str, nodules: bool, where: Sequence[bool] | None = None) -> Group:
        """Of all, or of those where it says so."""
        chosen = [True] * len(self.called) if where is None else where
        lumps = are_lumps(self.lump_mm3)
        called, lump = (
            [answer for answer, kept in zip(answers, chosen, strict=True) if kept]
            for answers in (self.called, lumps)
        )
        return Group(name, nodules, rate(sum(called), len(called)), rate(sum(lump), len(lump)))


def measure(
    path: Path, lists: Sequence[Path], classifier: NoduleClassifier, count: int, seed: int
) -> Judged:
    """Ask both judges on one scan.

    Raises:
        ScanError: it cannot be read, or has no lung.
        DataError: a list of nodules cannot be read.
    """
    scan, name = read_scan(path), scan_name(path)
    marked, doubtful = _marked(scan, lists)
    (whole,) = volumes([scan], thicknesses=())
    others = [*(marked or ()), *doubtful]
    volume = whole.without(
        [f.index(scan.geometry) for f in others], [f.diameter_mm / 2 for f in others]
    )
    generator = torch.Generator().manual_seed(seed)
    lung = CubeSampler([volume], "remove").sample(len(KINDS) * count // 2, generator)
    dense = torch.stack([dense_cube([volume], generator) for _ in lung])
    healthy = {RANDOM: _Answers.of(lung, classifier), DENSE: _Answers.of(dense, classifier)}
    planted = _planted(volume, count, generator)
    answers = _Answers.of(planted.cubes, classifier)
    without = [p for places in healthy.values() for p in places.probability]
    near = _away_from(scan, others)
    candidates = [whole.cube(place) for place in near if whole.holds(place)]
    if candidates:
        healthy[CANDIDATES] = _Answers.of(torch.stack(candidates), classifier)
    return Judged(
        scan=name,
        spacing_mm=scan.spacing,
        in_training=name in {entry["name"] for entry in classifier.card.get("data", ())},
        groups=(
            *_groups(planted, answers),
            *(places.group(title, nodules=False) for title, places in healthy.items()),
        ),
        calibration=calibrate(answers.probability, without),
        real=None
        if marked is None
        else tuple(_real(f, whole, scan, classifier) for f in marked if _holds(f, whole, scan)),
    )


def _planted(volume: Volume, count: int, generator: torch.Generator) -> Planted:
    """So many nodules of every kind, at random places."""
    sampler = CubeSampler([volume], "remove")
    parts = [
        add_nodule(sampler.sample(count, generator), generator, (kind,), DIAMETERS_MM)
        for kind in KINDS
    ]
    return Planted(
        torch.cat([part.cubes for part in parts]),
        torch.cat([part.masks for part in parts]),
        tuple(kind for part in parts for kind in part.kinds),
        tuple(size for part in parts for size in part.diameters_mm),
    )


def _groups(planted: Planted, answers: _Answers) -> Iterator[Group]:
    """The same nodules by kind, and by size."""
    for kind in KINDS:
        where = [one == kind for one in planted.kinds]
        yield answers.group(f"nodules, {kind}", nodules=True, where=where)
    for low, high in SIZES_MM:
        where = [low <= size < high for size in planted.diameters_mm]
        yield answers.group(f"nodules of {low:g} to {high:g} mm", nodules=True, where=where)


def _marked(scan: Scan, lists: Sequence[Path]) -> tuple[list[Finding] | None, list[Finding]]:
    """Nodules that enough readers marked, None without a list of the scan; and doubtful ones."""
    names, pixels = series_names(scan), pixel_order(scan)
    sure: list[Finding] = []
    doubtful: list[Finding] = []
    for listed in map(read_annotations, lists):
        sure += listed.of(scan, names, READERS, pixels=pixels)
        doubtful += listed.of(scan, names, 1, pixels=pixels)
    return (sure if doubtful else None), doubtful


def _away_from(scan: Scan, nodules: Sequence[Finding]) -> list[tuple[int, int, int]]:
    """Candidates whose cube holds the middle of no known nodule."""
    known = np.array([f.index(scan.geometry) for f in nodules]).reshape(-1, 3)
    places = [candidate.position for candidate in find_candidates(scan)]
    return [
        place for place in places if not (np.abs((known - place) * scan.spacing) < 16).all(1).any()
    ]


def _holds(finding: Finding, volume: Volume, scan: Scan) -> bool:
    return volume.holds(finding.index(scan.geometry))


def _real(finding: Finding, volume: Volume, scan: Scan, classifier: NoduleClassifier) -> RealNodule:
    place = finding.index(scan.geometry)
    answers = _Answers.of(volume.cube(place)[None], classifier)
    x, y, z = (round(float(v), 2) for v in scan.geometry.to_world(place))
    return RealNodule(
        (x, y, z),
        round(finding.diameter_mm, 2),
        answers.probability[0],
        answers.called[0],
        answers.lump_mm3[0],
        are_lumps(answers.lump_mm3)[0],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("scans", type=Path, nargs="+", metavar="SCAN")
    add("--nodules", type=Path, nargs="*", default=[], metavar="LIST")
    add("--count", type=int, default=100, help="synthetic nodules of each kind")
    add("--seed", type=int, default=1)
    add_output(parser)
    options = parser.parse_args(argv)
    return exit_code("judges", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    if options.count < 2:
        raise DataError("`count` must be at least 2: there are two sorts of places without nodules")
    classifier = NoduleClassifier.load()
    judged = []
    for path in options.scans:
        judged.append(measure(path, options.nodules, classifier, options.count, options.seed))
        say(f"{judged[-1]}")
    result = Judges(
        classifier=WeightsEntry.of(classifier.card, None, "classifier"),
        threshold=classifier.threshold,
        seed=options.seed,
        scans=tuple(judged),
    )
    write_result(options.output, result, overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
