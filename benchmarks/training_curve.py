"""A baseline trained stop by stop, and what it is worth at each: both tables of the MITS-GAN paper.

    python benchmarks/training_curve.py mits-gan-paper SCAN [SCAN ...] --measured SCAN \
        --stops 1 2 4 8 --config benchmarks/train/mits-gan-paper-long.toml --run FOLDER \
        --output docs/results/curve-mits-gan-paper.json

Stops are epochs of the released network, and steps of TAFIM. The folder keeps the weights of each,
and the training's checkpoint: interrupted, it goes on where it was, and with more stops it goes on
from the last. What was measured are whole slices and tampered squares of a scan that the training
did not see, as `mitsgan benchmark` measures them. See docs/baselines.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from machine import machine
from measuring import add_output, exit_code, journal_beside, say
from mitsgan import __version__
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, ATTACKERS, Action, plan_attack
from mitsgan.errors import MitsganError
from mitsgan.evaluate.benchmark.paper_tables import compare_blocks
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import Comparison
from mitsgan.files import read_scan
from mitsgan.jobs.lpips import load_lpips
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.jobs.train.config_file import read_settings
from mitsgan.jobs.train.job import train
from mitsgan.jobs.train.settings import PaperTraining, TafimTraining
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import PROTECTORS, Protector
from mitsgan.protect.registry import NATIVE_HU
from mitsgan.result import Result, ScanEntry, WeightsEntry
from mitsgan.scan.scan import Scan
from mitsgan.terminal.console import Console

PAIR = "textured"
LENGTHS: Mapping[str, tuple[type[PaperTraining | TafimTraining], str]] = {
    "mits-gan-paper": (PaperTraining, "epochs"),
    "tafim": (TafimTraining, "steps"),
}
"""What is trained, by name, and which of its settings says for how long."""


@dataclass(frozen=True)
class Stop:
    """One set of weights.

    Attributes:
        steps: that the weights were trained for; None where their card does not say.
        width: of the network.
        weights: its name and checksum.
        losses: means over the last hundred steps.
        blocks: slices and squares, by action of the attacker.
    """

    steps: int | None
    width: int
    weights: WeightsEntry
    losses: dict[str, float]
    blocks: dict[Action, tuple[Comparison, ...]]


@dataclass(frozen=True, kw_only=True)
class TrainingCurve(Result):
    """What a baseline adds, and what that does to attacks, by how long it was trained.

    Attributes:
        protector: which one.
        config: how it was trained, and on which scans.
        scan: that was measured, which the training did not see.
        positions, seed: how many places were attacked in it, and which.
        pair: who attacked.
        lpips: whether its weights were there.
        shipped: the weights that ship.
        stops: those of this training, from short to long.
    """

    KIND: ClassVar[str] = "training curve"

    version: str = __version__
    machine: dict[str, Any]
    protector: str
    config: dict[str, Any]
    scan: ScanEntry
    positions: int
    seed: int
    pair: str = PAIR
    lpips: bool
    shipped: Stop
    stops: tuple[Stop, ...]


@dataclass(frozen=True)
class Bench:
    """One scan in canonical order, where it is attacked, and how slices are compared."""

    scan: Scan
    places: tuple[tuple[int, int, int], ...]
    lpips: Lpips | None

    def measured(self, layer: Protector, name: str) -> Stop:
        """What weights are worth, as their network paints, clipped to nothing."""
        protected = apply_perturbations(self.scan, [layer], Budget(NATIVE_HU)).scan
        hu, blocks = self.scan.hu(), {}
        for action in ACTIONS:
            plans = [plan_attack(hu, self.scan.spacing, place, action) for place in self.places]
            attacker = ATTACKERS.get(PAIR).make(action)
            rows = compare_blocks(self.scan, protected, plans, attacker, self.lpips)
            blocks[action] = tuple(rows)
        card = cast(Mapping[str, Any], layer.card)
        return Stop(
            steps=card.get("steps"),
            width=int(card["config"]["width"]),
            weights=WeightsEntry.of(card, None, name),
            losses=dict(card["losses"]),
            blocks=blocks,
        )


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    if sorted(set(options.stops)) != options.stops or options.stops[0] < 1:
        raise MitsganError("`stops`: give whole numbers from 1 on, each larger than the one before")
    if options.positions < 1:
        raise MitsganError("`positions` must be at least 1")
    kind, length = LENGTHS[options.protector]
    run = options.run / "run"

    def settings(stop: int) -> PaperTraining | TafimTraining:
        return read_settings(
            options.config,
            kind,
            scans=tuple(options.scans),
            output=options.run / f"{options.protector}-{stop}.safetensors",
            run=run,
            resume=(run / "config.toml").exists(),
            **{length: stop},
        )

    config = settings(options.stops[0])
    scan = read_scan(options.measured)
    lpips, gap = load_lpips(options.lpips_weights)
    if gap:
        say(gap)
    places = tuple(lung_positions(scan, options.positions, options.seed))
    bench, layers = Bench(scan, places, lpips), PROTECTORS.get(options.protector)
    about: dict[str, Any] = {
        "protector": options.protector,
        "config": {
            **{name: getattr(config, name) for name in _DESCRIBED if hasattr(config, name)},
            "scans": [scan_name(path) for path in options.scans],
            "attackers": [path.stem for path in config.attackers],
        },
        "positions": options.positions,
        "seed": options.seed,
        "lpips": lpips is not None,
    }
    options.run.mkdir(parents=True, exist_ok=True)
    voxels = hashlib.sha256(scan.stored.tobytes()).hexdigest()
    with journal_beside(options.output, {**about, "voxels": voxels}) as journal:
        say(f"{options.protector} as it ships")
        shipped = layers.load(None, "cpu", seed=config.seed)
        step = partial(bench.measured, shipped, options.protector)
        first, stops = journal.step("shipped", Stop, step), []
        for stop in options.stops:
            output = settings(stop).output
            if not output.exists():
                say(f"training {length} up to {stop}")
                with Console() as console:
                    train(settings(stop), progress=console)
            say(f"measuring after {length} {stop}")
            layer = layers.load(output, "cpu", seed=config.seed)
            step = partial(bench.measured, layer, output.stem)
            stops.append(journal.step(str(stop), Stop, step))
        entry = ScanEntry(scan.shape, scan.spacing, scan_name(options.measured))
        result = TrainingCurve(
            machine=machine(), scan=entry, shipped=first, stops=tuple(stops), **about
        )
        write_result(options.output, result, overwrite=options.overwrite)
    return 0


_DESCRIBED = (
    *("width", "rate", "crop", "whole_every", "precision", "manipulation_weight"),
    *("perturbation_weight", "target_hu"),
)
"""Of the settings of a training, what the result says."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("protector", choices=LENGTHS, help="what is trained")
    add("scans", type=Path, nargs="+", metavar="SCAN", help="to train on")
    add("--measured", type=Path, required=True, metavar="SCAN", help="of another patient")
    add("--config", type=Path, required=True, metavar="FILE.toml", help="of the training")
    add("--stops", type=int, nargs="+", required=True, metavar="N", help="epochs, or steps")
    add("--run", type=Path, required=True, metavar="FOLDER", help="keeps weights and checkpoint")
    add_output(parser)
    add("--positions", type=int, default=16, help="attacked in the measured scan")
    add("--seed", type=int, default=1, help="of the positions")
    add("--lpips-weights", type=Path, metavar="FILE", help="by default what torch's cache holds")
    options = parser.parse_args(argv)
    return exit_code("training_curve", lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())
