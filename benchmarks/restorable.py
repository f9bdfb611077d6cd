"""Large budgets as restorable forms: what attacks come to, before and after restoring.

    python benchmarks/restorable.py SCAN --output docs/results/restorable.json

The scan is protected with larger and larger budgets. The same attacks strike it and each protected
form. Then the difference that was kept is added to what they made, as a reader would see it who
gives the original back without looking whether anything was changed: `mitsgan restore` refuses
that. Both are compared with the attack on the scan itself, and two judges, the nodule classifier
and measurement, say what the cubes look like. See docs/restore.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import ClassVar

import torch
from torch import Tensor

from measuring import add_output, exit_code, say
from mitsgan import __version__
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, ATTACKERS, Action, Strikes, hu_volume, plan_attack
from mitsgan.attack.strikes import rms
from mitsgan.evaluate.attacks.appearance import look
from mitsgan.evaluate.attacks.healthy_lung import HealthyLung, healthy_lung
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.jobs.protect.default import load_default
from mitsgan.jobs.protect.protection import protect
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget
from mitsgan.restore.residual import difference, pack
from mitsgan.result import Result, WeightsEntry
from mitsgan.scan.scan import Scan

BUDGETS = (Budget(10.0), Budget(20.0), Budget(40.0), Budget(100.0), Budget(100.0, 1.0))
"""The last: one standard deviation of the scan's own noise around each voxel."""


@dataclass(frozen=True)
class Seen:
    """What attacked cubes look like.

    Attributes:
        nodule_share: the part that the classifier calls a nodule.
        seen_share: the part that is that, or no healthy lung of this scan.
        measured_share: the part where the judge who has learned nothing sees something: after an
            injection a new lump, after a removal a lump, or no healthy lung.
    """

    nodule_share: float
    seen_share: float
    measured_share: float


@dataclass(frozen=True)
class Struck:
    """One pair of attackers, one action.

    Attributes:
        action: what the attacker did.
        disruption_hu: median RMSE in the core of what it made of the protected scan.
        restored_disruption_hu: the same once the difference is added again.
        original, protected, restored: what its cubes look like, of the scan itself, of the
            protected one, and of that with the difference added again.
    """

    action: Action
    disruption_hu: float
    restored_disruption_hu: float
    original: Seen
    protected: Seen
    restored: Seen


@dataclass(frozen=True)
class Form:
    """The scan protected with one budget.

    Attributes:
        max_hu: the budget.
        noise_fraction: of the scan's noise that a voxel may move; None without such a limit.
        rms_hu: of what was added.
        kept_share: of the uncompressed voxels, what is kept of the original takes.
        struck: injection and removal.
    """

    max_hu: float
    noise_fraction: float | None
    rms_hu: float
    kept_share: float
    struck: tuple[Struck, ...]


@dataclass(frozen=True, kw_only=True)
class RestorableForms(Result):
    """Of all budgets.

    Attributes:
        protector: the weights of what protects by default.
    """

    KIND: ClassVar[str] = "restorable-forms"

    version: str = __version__
    scan: str
    shape: tuple[int, int, int]
    attackers: str
    positions: int
    seed: int
    protector: WeightsEntry
    forms: tuple[Form, ...]


@dataclass(frozen=True, eq=False)
class _Bench:
    """What strikes all forms alike."""

    scan: Scan
    strikes: dict[Action, Strikes]
    classifier: NoduleClassifier
    healthy: HealthyLung

    @classmethod
    def of(cls, scan: Scan, attackers: str, positions: int, seed: int) -> _Bench:
        volume = hu_volume(scan)
        places = lung_positions(scan, positions, seed)
        strikes = {}
        for action in ACTIONS:
            plans = [plan_attack(volume.numpy(), scan.spacing, p, action) for p in places]
            strikes[action] = Strikes.at(volume, plans, ATTACKERS.get(attackers).make(action))
        return cls(scan, strikes, NoduleClassifier.load(), healthy_lung(scan, seed=seed))

    def form(self, budget: Budget, seed: int) -> Form:
        protected = protect(
            self.scan,
            max_hu=budget.max_hu,
            noise_fraction=budget.noise_fraction,
            device="cpu",
            seed=seed,
        )
        pairs = zip(self.scan.stored, protected.scan.stored, strict=True)
        kept = sum(map(len, pack(difference(before, after) for before, after in pairs)))
        volume = hu_volume(protected.scan)
        return Form(
            max_hu=budget.max_hu,
            noise_fraction=budget.noise_fraction,
            rms_hu=round(protected.rms_hu, 3),
            kept_share=round(kept / self.scan.stored.nbytes, 4),
            struck=tuple(self._struck(action, volume) for action in ACTIONS),
        )

    def _struck(self, action: Action, volume: Tensor) -> Struck:
        disrupted: list[float] = []
        restored: list[float] = []
        cubes: dict[str, list[Tensor]] = {"original": [], "protected": [], "restored": []}
        was: dict[str, list[Tensor]] = {name: [] for name in cubes}
        strikes = self.strikes[action]
        with torch.no_grad():
            for before in strikes.outcomes():
                cubes["original"].append(before.cubes)
                whole = before.changed.cubes(before.changed.before)
                was["original"].append(whole)
                was["restored"].append(whole)
            for outcome in strikes.outcomes(volume):
                cut = outcome.changed
                back = outcome.tampered + (outcome.strikes.original.before - cut.before)
                disrupted += rms(outcome.cores - outcome.reference).tolist()
                restored += rms(cut.cores(back) - outcome.reference).tolist()
                cubes["protected"].append(outcome.cubes)
                was["protected"].append(cut.cubes(cut.before))
                cubes["restored"].append(cut.cubes(back))
        seen = {
            name: self._seen(action, torch.cat(parts), torch.cat(was[name]))
            for name, parts in cubes.items()
        }
        return Struck(
            action=action,
            disruption_hu=round(median(disrupted), 2),
            restored_disruption_hu=round(median(restored), 2),
            **seen,
        )

    def _seen(self, action: Action, cubes: Tensor, before: Tensor) -> Seen:
        beyond = before if action == "inject" else None
        looks = look(cubes, self.classifier, self.healthy, beyond)
        failed = looks.failures(action)["measurement"]
        measured = sum(failed) / len(failed)
        row = looks.row()
        assert row.seen_share is not None  # healthy lung was measured
        return Seen(
            round(row.nodule_share, 4),
            round(row.seen_share, 4),
            round(1 - measured if action == "inject" else measured, 4),
        )


def measure(
    path: Path, attackers: str, positions: int, seed: int, budgets: Sequence[Budget]
) -> RestorableForms:
    """Protect, strike and restore one scan."""
    scan = read_scan(path)
    bench = _Bench.of(scan, attackers, positions, seed)
    forms = []
    for budget in budgets:
        forms.append(bench.form(budget, seed))
        say(f"{forms[-1]}")
    return RestorableForms(
        scan=scan_name(path),
        shape=scan.shape,
        attackers=attackers,
        positions=positions,
        seed=seed,
        protector=load_default(None, seed)[1],
        forms=tuple(forms),
    )


def main() -> int:
    """Measure the scan that arguments name; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scan", type=Path)
    add_output(parser)
    parser.add_argument("--attackers", default="textured", help="the pair that strikes")
    parser.add_argument("--positions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budgets", type=int, default=len(BUDGETS), help="only the first so many")
    options = parser.parse_args()
    return exit_code("restorable", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    budgets = BUDGETS[: options.budgets]
    check_file(options.output, options.overwrite, "output", source=options.scan)
    result = measure(options.scan, options.attackers, options.positions, options.seed, budgets)
    write_result(options.output, result, overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
