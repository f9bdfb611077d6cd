"""What the mark is worth against attackers who know of it, by version of its pattern.

    python benchmarks/mark_evasion.py SCAN [SCAN ...] --output docs/results/mark-evasion.json

Every scan is protected and marked in memory, with the present pattern and with the one before it,
tampered with by attackers who keep the finest detail and by one who does not, and verified. An
interrupted measurement goes on where it was. See docs/decisions/mark-content.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from statistics import median
from time import process_time
from typing import Any

from evasions import Evasion, achieved, moved_hu
from machine import machine
from measuring import Say, add_scans, exit_code, result_head, write_scans
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, ATTACKERS, Action, plan_attack
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.mark.bench import MarkBench
from mitsgan.evaluate.mark.settings import MarkEvaluationSettings
from mitsgan.evaluate.tampering.strikes import Strike, strike
from mitsgan.jobs.protect.default import load_default
from mitsgan.mark.pattern import VERSIONS
from mitsgan.perturb import Budget, Fixed
from mitsgan.scan.scan import Scan
from mitsgan.typed import to_tree

ATTACKS = {
    "touched up": Evasion(),
    "residual kept, 1 mm": Evasion(1.0),
    "residual kept, 2 mm": Evasion(2.0),
    "within a quarter of a step": Evasion(1.0, within=0.25),
}
AS_WRITTEN = "as written"
PURIFIED = ("rounding", "noise-10hu", "blur-0.5mm", "jpeg2000-8")

Result = dict[str, Any]


class Subject:
    """One scan, protected once, marked with one version of the pattern."""

    def __init__(
        self,
        scan: Scan,
        protection: Fixed | None,
        settings: MarkEvaluationSettings,
        version: int,
    ) -> None:
        beside = [] if protection is None else [protection]
        self.bench = MarkBench(scan, "measured", beside, settings, version)
        self._struck: dict[Action, list[Strike]] = {}

    def untouched(self, number: int, purifiers: Sequence[str]) -> Result:
        """What is said of the scan under one key, as written and behind purifiers."""
        marked = self.bench.marked(number) if number else self.bench.first
        rows: Result = {}
        for name in (None, *purifiers):
            scan = self.bench.purified(marked, name)
            start = process_time()
            result = self.bench.verify(scan, number)
            rows[name or AS_WRITTEN] = {
                "verdict": str(result.verdict),
                "verified": result.verified,
                "regions": len(result.regions),
                "score": result.score,
                "cpu_seconds": process_time() - start,
            }
        return rows

    def attacked(self, action: Action, form: str) -> Result:
        """How well one attacker's strikes are found in one form."""
        evasion = ATTACKS[form]
        handed = [evasion.apply(one, self.bench.first) for one in self._strikes(action)]
        row = to_tree(self.bench.located(handed, "touched up"))
        moved = {"moved_hu": moved_hu(handed, self.bench.first)}
        return {**row, **achieved(handed, self._strikes(action)), **moved}

    def _strikes(self, action: Action) -> list[Strike]:
        if action not in self._struck:
            settings, scan = self.bench.settings, self.bench.scan
            positions = lung_positions(scan, settings.positions, settings.seed)
            original = scan.hu()
            attacker = ATTACKERS.get("textured").make(action)
            plans = [plan_attack(original, scan.spacing, p, attacker.action) for p in positions]
            self._struck[action] = strike(self.bench.first, plans, attacker)
        return self._struck[action]


def measure(name: str, scan: Scan, options: argparse.Namespace, kept: Journal, say: Say) -> Result:
    """Everything about one scan, by version."""
    settings = _settings(options)
    rows: Result = {"shape": list(scan.shape), "spacing_mm": list(scan.spacing), "versions": {}}
    protection: list[Fixed] = []  # as soon as it is needed, once

    def subject(version: int) -> Subject:
        if not options.mark_only and not protection:
            network, _ = load_default(None, settings.seed)
            protection.append(Fixed.of(network, scan, Budget(settings.max_hu)))
        return Subject(scan, protection[0] if protection else None, settings, version)

    def step(what: str, version: int, compute: Callable[[Subject], Result]) -> Result:
        full = f"{name}, version {version}, {what}"
        say(full)

        def run() -> Result:
            if version not in subjects:
                subjects.clear()  # one at a time in memory
                subjects[version] = subject(version)
            return compute(subjects[version])

        return kept.step(full, dict, run)

    subjects: dict[int, Subject] = {}
    for version in options.versions:
        untouched = []
        for number in range(options.keys):
            behind = PURIFIED if number < options.purified_keys else ()
            look = partial(Subject.untouched, number=number, purifiers=behind)
            untouched.append(step(f"key {number}", version, look))
        rows["versions"][str(version)] = {
            "untouched": _together(untouched),
            "attacks": {
                action: {
                    form: step(
                        f"{action}, {form}",
                        version,
                        partial(Subject.attacked, action=action, form=form),
                    )
                    for form in options.attacks
                }
                for action in ACTIONS
            },
        }
    return rows


def _together(keys: Sequence[Result]) -> Result:
    """Counts of verdicts, and medians of the rest, by what the scans went through."""
    rows: Result = {}
    for name in keys[0]:
        found = [key[name] for key in keys if name in key]
        rows[name] = {
            "n": len(found),
            "verdicts": dict(Counter(one["verdict"] for one in found)),
            **{what: median(one[what] for one in found) for what in found[0] if what != "verdict"},
        }
    return rows


def _settings(options: argparse.Namespace) -> MarkEvaluationSettings:
    return MarkEvaluationSettings(
        mark_hu=options.mark_hu,
        positions=options.positions,
        keys=options.keys,
        purified_keys=options.purified_keys,
        wrong_keys=0,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add_scans(parser)
    parser.add_argument("--versions", type=int, nargs="+", choices=VERSIONS, default=[*VERSIONS])
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--positions", type=int, default=20, help="struck by each attacker")
    parser.add_argument("--keys", type=int, default=10, help="untouched scans to verify")
    parser.add_argument("--purified-keys", type=int, default=2, help="of these, behind purifiers")
    parser.add_argument("--mark-hu", type=float, default=3.0)
    parser.add_argument("--mark-only", action="store_true", help="mark without protecting")
    options = parser.parse_args(argv)
    return exit_code("mark_evasion", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    head: dict[str, Any] = {
        **result_head("evasion of the mark"),
        "config": {**asdict(_settings(options)), "version": options.versions},
        "attacks": {name: asdict(ATTACKS[name]) for name in options.attacks},
        "attackers": {
            action: ATTACKERS.get("textured").make(action).digest() for action in ACTIONS
        },
        "machine": machine(),
        "protector": None if options.mark_only else to_tree(load_default(None, 0)[1]),
    }
    write_scans(options, head, measure, protected=not options.mark_only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
