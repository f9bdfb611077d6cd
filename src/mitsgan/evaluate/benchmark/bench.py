"""One scan of a benchmark: protected, purified and attacked, each thing computed once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Action, Attacker, Cut, Plan, Strikes, cut_plans, hu_volume, plan_attack
from mitsgan.attack.strikes import moved_hu, rms
from mitsgan.errors import ScanError
from mitsgan.evaluate.attacks.appearance import look
from mitsgan.evaluate.attacks.healthy_lung import healthy_lung
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.evaluate.benchmark.cells import Cell
from mitsgan.evaluate.benchmark.config import NONE, BenchmarkScan
from mitsgan.evaluate.purify.purifiers import purify_scan
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.optimize.known import perturb_known
from mitsgan.scan.scan import Scan

Row = dict[str, Any]
"""JSON values; see docs/benchmark.md."""

Pairs = Callable[[str, Action], Attacker]
"""An attacker by the name of its pair, and its action."""


@dataclass(frozen=True)
class Subject:
    """A scan to measure on.

    Attributes:
        scan: as it is before protection.
        places: voxels ``[z, y, x]`` that attacks go to; none means random ones in the lung.
    """

    scan: Scan
    places: tuple[tuple[int, int, int], ...] = ()


class Loader(Protocol):
    """Reads scans, outside this room: what attacks must not reach the formats of scans."""

    def __call__(self, entry: BenchmarkScan, seed: int) -> Subject:
        """The scan that an entry describes."""
        ...


@dataclass(frozen=True)
class Attacked:
    """What one attacker made of one version of a scan, one item per position.

    Attributes:
        cores: the repainted cores, ``[b, z, y, x]`` in HU.
        nodule: the classifier's probability of a nodule.
        abnormal: 1 where the cube is no healthy lung of this scan; see
            `mitsgan.evaluate.attacks.healthy_lung`.
        lump: mm3 of the lump in its middle; of what was painted in, only tissue counts that was
            not there before. See `mitsgan.anatomy.lumps`.
    """

    cores: Tensor
    nodule: list[float]
    abnormal: list[int]
    lump: list[float]


class Bench:
    """One scan, its positions, and what attackers make of the original.

    Args:
        entry: names the scan.
        subject: the scan.
        attackers: by name.
        classifier: judges tampered cubes.
        seed: of positions, purifiers and PGD.
        most: positions that any measurement asks for: drawn at once, so that fewer are the first
            of them.
    """

    def __init__(
        self,
        entry: BenchmarkScan,
        subject: Subject,
        attackers: Pairs,
        classifier: NoduleClassifier,
        seed: int,
        most: int,
    ) -> None:
        self.entry, self.scan, self.seed = entry, subject.scan, seed
        self._attackers, self._classifier = attackers, classifier
        places = list(subject.places)
        if not (entry.nodules or entry.planted):
            places = lung_positions(subject.scan, most, seed)
        if not places:
            raise ScanError("none of its places lies in the scan")
        self._places = places[:most]
        self._healthy = healthy_lung(subject.scan, seed=seed)
        self._plans: dict[Action, list[Plan]] = {}
        self._hu: Tensor | None = None
        self._cuts: dict[tuple[str, int], Cut] = {}
        self._strikes: dict[tuple[object, ...], tuple[Strikes, Attacked]] = {}

    @property
    def places(self) -> Sequence[tuple[int, int, int]]:
        """Voxels ``[z, y, x]`` that attacks go to."""
        return self._places

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the scan's values: a run that goes on is to go on with the same."""
        whole = hashlib.sha256()
        for z in range(self.scan.shape[0]):
            whole.update(self.scan.hu(z, z + 1).tobytes())
        return whole.hexdigest()

    @property
    def original(self) -> Tensor:
        """``[z, y, x]`` in HU."""
        if self._hu is None:
            self._hu = hu_volume(self.scan)
        return self._hu

    def plans(self, count: int, action: Action) -> list[Plan]:
        """The attacks of one action on the first positions; named places may be fewer."""
        if action not in self._plans:
            hu, spacing = self.original.numpy(), self.scan.spacing
            self._plans[action] = [plan_attack(hu, spacing, p, action) for p in self._places]
        return self._plans[action][:count]

    def energy(self, protected: Scan, count: int) -> float:
        """RMSE of a perturbation over the attacked cubes together, HU."""
        before, after = self._cut(NONE, count), self._fresh(hu_volume(protected), count)
        moved = moved_hu(before, after).tolist()
        return math.sqrt(sum(v * v for v in moved) / len(moved))

    def purified(self, scan: Scan, name: str) -> Tensor:
        """A version of the scan after a purifier, ``[z, y, x]`` in HU."""
        return hu_volume(scan if name == NONE else purify_scan(scan, name, seed=self.seed))

    def measure(self, cell: Cell, changed: Tensor) -> Row:
        """Attack a version of the scan ``[z, y, x]``, already purified as the cell says."""
        return self._row(cell, self._fresh(changed, cell.positions))

    def measure_known(self, cell: Cell, max_hu: float, steps: int) -> Row:
        """As `measure`, for perturbations of each position by itself, against this attacker."""
        strikes, _ = self._struck(cell)
        return self._row(cell, perturb_known(strikes, max_hu, steps=steps, seed=self.seed))

    def _row(self, cell: Cell, changed: Cut) -> Row:
        strikes, reference = self._struck(cell)
        after = self._attacked(strikes, changed)
        return {
            "kind": "attack",
            **_named(cell),
            "role": self.entry.role,
            "n": len(after.cores),
            "disruption_rmse_hu": _rounded(rms(after.cores - reference.cores).tolist()),
            "perturbation_cube_rmse_hu": _rounded(strikes.moved(changed).tolist()),
            "perturbation_core_rmse_hu": _rounded(strikes.moved(changed, core=True).tolist()),
            "nodule_probability": _rounded(after.nodule),
            "nodule_probability_original": _rounded(reference.nodule),
            "abnormal": after.abnormal,
            "abnormal_original": reference.abnormal,
            "lump_mm3": _rounded(after.lump),
            "lump_mm3_original": _rounded(reference.lump),
        }

    def _struck(self, cell: Cell) -> tuple[Strikes, Attacked]:
        """The cell's attacks on the purified original, and what they made of it."""
        key = (cell.attacker, cell.action, cell.variant, cell.purifier, cell.positions)
        if key not in self._strikes:
            cut = self._cut(cell.purifier, cell.positions)
            plans = tuple(replace(plan, action=cell.action) for plan in cut.plans)
            strikes = Strikes(
                replace(cut, plans=plans),
                self._attackers(cell.attacker, cell.action),
                variant(cell.variant),
            )
            self._strikes[key] = strikes, self._attacked(strikes, strikes.original)
        return self._strikes[key]

    def _attacked(self, strikes: Strikes, changed: Cut) -> Attacked:
        cores: list[Tensor] = []
        nodule: list[float] = []
        abnormal: list[int] = []
        lump: list[float] = []
        inject = strikes.attacker.action == "inject"
        with torch.no_grad():
            for outcome in strikes.outcomes(changed):
                cut = outcome.changed
                before = cut.cubes(cut.before) if inject else None
                looks = look(outcome.cubes, self._classifier, self._healthy, before)
                cores.append(outcome.cores.clone())
                nodule += looks.probability
                abnormal += [int(bool(by)) for by in looks.abnormal or ()]
                lump += looks.lump_mm3
        return Attacked(torch.cat(cores), nodule, abnormal, lump)

    def _cut(self, purifier: str, count: int) -> Cut:
        """What attacks take from the purified original; the same for both actions."""
        if (purifier, count) not in self._cuts:
            changed = self.original if purifier == NONE else self.purified(self.scan, purifier)
            self._cuts[purifier, count] = self._fresh(changed, count)
        return self._cuts[purifier, count]

    def _fresh(self, changed: Tensor, count: int) -> Cut:
        return cut_plans(changed, self.plans(count, "inject"))


def _named(cell: Cell) -> Row:
    return {
        "scan": cell.scan,
        "protector": cell.protector,
        "form": cell.form,
        "budget": cell.budget,
        "control": cell.control or None,
        "attacker": cell.attacker,
        "action": cell.action,
        "variant": cell.variant,
        "purifier": cell.purifier,
    }


def _rounded(values: Sequence[float]) -> list[float]:
    """To a thousandth: what is finer is no measurement, and fills the file."""
    return [round(float(value), 3) for value in values]
