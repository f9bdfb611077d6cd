"""Protectors at the strength of the published ones: disruption, fidelity, attacks that fail.

    python benchmarks/operating_point.py SCAN --output docs/results/operating-point.json

The MITS-GAN paper prints how far its network, and TAFIM, move the square that is tampered with:
50.6 and 66.1 HU RMSE. Each protector is brought to either strength by one factor for the scan, and
attacked at random places of the lung that it does not know. Interrupted, it goes on where it was.
See docs/baselines.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from machine import load_average, machine
from measuring import add_output, exit_code, journal_beside, say
from mitsgan import __version__
from mitsgan.attack import ACTIONS, ATTACKERS, Action
from mitsgan.errors import MitsganError
from mitsgan.evaluate.benchmark.paper_tables import BLOCKS
from mitsgan.evaluate.benchmark.summary.bootstrap import Interval, ratio_interval
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.metrics.backbone import cached_backbone
from mitsgan.evaluate.result import AttackerEntry, PositionEntry
from mitsgan.files import read_scan
from mitsgan.jobs.lpips import load_lpips
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.protect import PROTECTORS
from mitsgan.result import Result, ScanEntry, WeightsEntry
from operating_bench import At, OperatingBench, Untouched
from strength import OWN_HU

NOISE = "noise"
"""The protector that all others are held against."""

PROTECTED_BY = ("mits-gan", "mits-gan-paper", "tafim", "wave", NOISE, "offset")
PAIRS = ("textured", "residual", "diffusion")
"""The first is the one whose slices are compared as the paper compares its own."""

_SQUARE = "paper-square-protected"
POINTS: dict[str, float] = {
    method: rmse
    for block in BLOCKS
    if block.id == _SQUARE
    for method, (rmse, *_) in block.published
}
"""By whose it is: RMSE in the tampered square, protected vs real, HU."""


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        protectors, pairs: by name.
        positions: how many random places of the lung are attacked.
        seed: of places, of what protectors draw, and of what healthy lung is measured at.
        own_hu: the budget at which the own perturbation of bounded protectors is taken.
    """

    protectors: tuple[str, ...]
    pairs: tuple[str, ...]
    positions: int
    seed: int
    own_hu: float = OWN_HU


@dataclass(frozen=True)
class Point:
    """All protectors at one strength.

    Attributes:
        of: whose strength it is.
        square_rmse_hu: what is wanted.
        protectors: by name.
        over_noise: median disruption over that of `NOISE`, by protector, then by pair and action
            (``textured inject``); empty where noise was not measured.
    """

    of: str
    square_rmse_hu: float
    protectors: dict[str, At]
    over_noise: dict[str, dict[str, Interval]]


@dataclass(frozen=True, kw_only=True)
class OperatingPoints(Result):
    """Protectors at the strengths of the published ones.

    Attributes:
        untouched: the scan itself, and attacks on it.
        points: one for each strength.
        weights: of protectors that have any, by name.
        attackers: by pair and action.
        lpips: the network of LPIPS; None where it was not measured.
        gaps: what could not be measured, and why.
    """

    KIND: ClassVar[str] = "operating-points"

    version: str = __version__
    machine: dict[str, Any]
    load_average: float
    threads: int
    config: Config
    scan: ScanEntry
    positions: tuple[PositionEntry, ...]
    weights: dict[str, WeightsEntry]
    attackers: dict[str, dict[Action, AttackerEntry]]
    classifier: WeightsEntry
    lpips: WeightsEntry | None
    untouched: Untouched | None = None
    points: tuple[Point, ...] = ()
    gaps: tuple[str, ...] = ()


def prepare(
    path: Path, config: Config, lpips: Path | None
) -> tuple[OperatingBench, OperatingPoints, dict[str, object]]:
    """All that measures, a result without measurements, and what tells it from any other.

    Raises:
        MitsganError: the scan cannot be read or holds too little lung, or weights are missing.
    """
    scan = read_scan(path)
    perceptual, gap = load_lpips(lpips)
    file = lpips or cached_backbone()
    layers = {
        name: PROTECTORS.get(name).load(None, "cpu", seed=config.seed) for name in config.protectors
    }
    attackers = {
        pair: {action: ATTACKERS.get(pair).make(action) for action in ACTIONS}
        for pair in config.pairs
    }
    classifier = NoduleClassifier.load()
    bench = OperatingBench(
        scan, layers, attackers, classifier, perceptual, config.positions, config.seed
    )
    head = OperatingPoints(
        machine=machine(),
        load_average=load_average(),
        threads=torch.get_num_threads(),
        config=config,
        scan=ScanEntry(scan.shape, scan.spacing, scan_name(path)),
        positions=bench.positions(),
        weights={
            name: WeightsEntry.of(layer.card, None, type(layer).SHIPPED or name)
            for name, layer in layers.items()
            if layer.card is not None
        },
        attackers={
            pair: {
                action: AttackerEntry(one.name, one.width, one.checksum)
                for action, one in both.items()
            }
            for pair, both in attackers.items()
        },
        classifier=WeightsEntry.of(classifier.card, None, "classifier"),
        lpips=None if perceptual is None or file is None else WeightsEntry(file.stem, _sha(file)),
        gaps=() if gap is None else (gap,),
    )
    kept = {key: value for key, value in head.to_tree().items() if key not in _OF_THE_RUN}
    voxels = hashlib.sha256(scan.stored.tobytes()).hexdigest()
    return bench, head, {**kept, "voxels": voxels}


def measure(
    bench: OperatingBench, head: OperatingPoints, points: int, journal: Journal
) -> OperatingPoints:
    """Bring all protectors to the first so many points, and attack them.

    Raises:
        MitsganError: a protector moves nothing where the scan is attacked.
    """
    say("the scan itself")
    untouched = journal.step("the scan itself", Untouched, bench.untouched)
    wanted = list(POINTS.items())[:points]
    found: dict[str, dict[str, At]] = {of: {} for of, _ in wanted}
    for name in head.config.protectors:
        for of, target in wanted:
            say(f"{name} at {target:g} HU")
            step = partial(bench.at, name, target)
            found[of][name] = journal.step(f"{name} at {target:g} HU", At, step)
    measured = (Point(of, target, found[of], _over_noise(found[of])) for of, target in wanted)
    return replace(head, untouched=untouched, points=tuple(measured))


_OF_THE_RUN = ("machine", "load_average", "threads")
"""What may differ where a measurement is gone on with."""


def _over_noise(found: dict[str, At]) -> dict[str, dict[str, Interval]]:
    """Medians over those of noise, at the same places."""
    if NOISE not in found:
        return {}
    noise = {struck.name: struck.disruption.positions for struck in found[NOISE].struck}
    return {
        name: {
            struck.name: ratio_interval(struck.disruption.positions, noise[struck.name])
            for struck in at.struck
        }
        for name, at in found.items()
    }


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("scan", type=Path, metavar="SCAN", help="a file or folder with one scan")
    add_output(parser)
    add("--protectors", nargs="+", default=PROTECTED_BY, metavar="NAME")
    add("--pairs", nargs="+", default=PAIRS, metavar="NAME", help="of attackers")
    add("--positions", type=int, default=48, help="attacked by each attacker")
    add("--points", type=int, default=len(POINTS), help="only the first so many")
    add("--seed", type=int, default=1)
    add("--lpips-weights", type=Path, metavar="FILE", help="by default what torch's cache holds")
    options = parser.parse_args(argv)
    return exit_code("operating_point", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output", source=options.scan)
    if min(options.positions, options.points) < 1:
        raise MitsganError("`positions` and `points` must be at least 1")
    config = Config(
        tuple(dict.fromkeys(options.protectors)),
        tuple(dict.fromkeys(options.pairs)),
        options.positions,
        options.seed,
    )
    bench, head, subject = prepare(options.scan, config, options.lpips_weights)
    with journal_beside(options.output, subject) as journal:
        result = measure(bench, head, options.points, journal)
        write_result(options.output, result, overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
