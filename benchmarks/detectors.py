"""What detectors find that know nothing but the scan: no seal, no key, no original.

    python benchmarks/detectors.py SCAN [SCAN ...] --calibrate SCAN [SCAN ...] \
        --detector detector.safetensors --output docs/results/detectors.json
    python benchmarks/detectors.py --set m3dsynth FOLDER --calibrate SCAN [SCAN ...] \
        --detector detector.safetensors --output found.json

The first attacks scans itself, with every pair of attackers; interrupted, it goes on where it was.
The second reads a public set of tampered scans. See docs/detection.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from machine import load_average, machine
from measuring import add_output, exit_code, journal_beside, result_head, say
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, HELD_OUT, SURROGATES, TrainedAttacker, surrogate_path
from mitsgan.errors import MitsganError
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.passive.bench import NOTHING, Found, PassiveBench, Untouched, threshold_of
from mitsgan.evaluate.passive.grain_statistic import GrainStatistic
from mitsgan.evaluate.passive.learned import LearnedDetector
from mitsgan.evaluate.passive.search import PassiveDetector
from mitsgan.evaluate.purify.purifiers import PURIFIERS
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.jobs.tampered_sets.ctgan import ctgan
from mitsgan.jobs.tampered_sets.evaluate import evaluate_set
from mitsgan.jobs.tampered_sets.m3dsynth import m3dsynth
from mitsgan.networks.detector import TamperingDetector
from mitsgan.typed import to_tree

_BEHIND = ("noise-10hu", "jpeg2000-8", "blur-0.5mm")
_SETS = {"m3dsynth": m3dsynth, "ct-gan": ctgan}
_ALARMS = 1.0
"""Regions that untouched scans may show on average, those that thresholds are chosen on."""


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN", help="to attack and search")
    parser.add_argument("--set", choices=_SETS, help="what is named is a folder of this public set")
    parser.add_argument("--most", type=int, help="scans of a set, the first of them")
    parser.add_argument(
        "--calibrate",
        type=Path,
        nargs="+",
        default=[],
        metavar="SCAN",
        help="other patients, untouched: what is flagged is chosen on them",
    )
    parser.add_argument("--detector", type=Path, help="weights of the small network")
    add_output(parser)
    parser.add_argument("--positions", type=int, default=16, help="attacked by each attacker")
    parser.add_argument("--filtered", type=int, default=6, help="of these, behind each purifier")
    parser.add_argument("--behind", nargs="*", choices=list(PURIFIERS), default=list(_BEHIND))
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    return exit_code("detectors", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    detectors = _detectors(options.detector)
    if not options.calibrate:
        raise MitsganError("name untouched scans of other patients with `calibrate`")
    if options.set is not None:
        return _run_set(options, detectors)
    head = {
        **result_head("passive detectors"),
        "config": {
            "positions": options.positions,
            "behind_filters": options.filtered,
            "behind": list(options.behind),
            "seed": options.seed,
            "calibrated_on": [scan_name(path) for path in options.calibrate],
            "alarms_per_scan": _ALARMS,
            "held_out": sorted(HELD_OUT),
            "detector": _about(options.detector),
        },
    }
    with journal_beside(options.output, head) as journal:
        thresholds = {
            one.name: journal.step(
                f"threshold of {one.name}", float, partial(_threshold, one, options.calibrate)
            )
            for one in detectors
        }
        scans = {
            scan_name(path): _measured(path, options, detectors, thresholds, journal)
            for path in options.scans
        }
        result = {
            **head,
            "machine": machine(),
            "load_average": load_average(),
            "thresholds": thresholds,
            "scans": scans,
        }
        write_json(options.output, result, overwrite=options.overwrite)
    return 0


def _run_set(options: argparse.Namespace, detectors: Sequence[PassiveDetector]) -> int:
    """A public set, as `--set` says."""
    if len(options.scans) != 1:
        raise MitsganError("name one folder, that of the set")
    judged = [(one, _threshold(one, options.calibrate)) for one in detectors]
    scans = islice(_SETS[options.set](options.scans[0]), options.most)
    found = evaluate_set(scans, judged, progress=lambda _, done, total, note="": say(note))
    result = {
        **result_head("passive detectors on a public set"),
        "set": options.set,
        "config": {
            "calibrated_on": [scan_name(path) for path in options.calibrate],
            "alarms_per_scan": _ALARMS,
            "detector": _about(options.detector),
        },
        "thresholds": {one.name: threshold for one, threshold in judged},
        **to_tree(found),
    }
    write_json(options.output, result, overwrite=options.overwrite)
    return 0


def _detectors(weights: Path | None) -> list[PassiveDetector]:
    """The statistic, and the network where there is one."""
    detectors: list[PassiveDetector] = [GrainStatistic()]
    if weights is not None:
        detectors.append(LearnedDetector(TamperingDetector.load(weights)))
    return detectors


def _about(weights: Path | None) -> dict[str, Any] | None:
    if weights is None:
        return None
    card = TamperingDetector.load(weights).card
    names = ("sha256", "config", "data", "attackers", "metrics", "precision")
    return {"bytes": weights.stat().st_size, **{name: card.get(name) for name in names}}


def _threshold(detector: PassiveDetector, paths: Sequence[Path]) -> float:
    say(f"choosing what {detector.name} flags")
    return threshold_of(detector, [read_scan(path) for path in paths], _ALARMS)


def _measured(
    path: Path,
    options: argparse.Namespace,
    detectors: Sequence[PassiveDetector],
    thresholds: dict[str, float],
    journal: Journal,
) -> dict[str, Any]:
    """One scan: first without any attack, then with all, behind one purifier after another."""
    scan, name = read_scan(path), scan_name(path)
    bench = PassiveBench(scan, [(one, thresholds[one.name]) for one in detectors], options.seed)
    places = lung_positions(scan, options.positions, options.seed)
    for behind in (NOTHING, *options.behind):
        say(f"{name} behind {behind}")
        journal.step(
            f"{name} untouched behind {behind}",
            dict[str, Untouched],
            partial(bench.untouched, behind),
        )
        some = places if behind == NOTHING else places[: options.filtered]
        for pair in SURROGATES:
            for action in ACTIONS:
                step = f"{name} behind {behind}: {pair} {action}"
                if step not in journal:
                    attacker = TrainedAttacker.load(surrogate_path(pair, action))
                    strikes = bench.strikes(attacker, some)
                    found = partial(bench.found, strikes, behind)
                    journal.step(step, dict[str, Found], found)
    kept = journal.results()
    return {
        "shape": list(scan.shape),
        "spacing_mm": list(scan.spacing),
        "behind": {
            behind: {
                "untouched": kept[f"{name} untouched behind {behind}"],
                "attacks": {
                    f"{pair} {action}": kept[f"{name} behind {behind}: {pair} {action}"]
                    for pair in SURROGATES
                    for action in ACTIONS
                },
            }
            for behind in (NOTHING, *options.behind)
        },
    }


if __name__ == "__main__":
    sys.exit(main())
