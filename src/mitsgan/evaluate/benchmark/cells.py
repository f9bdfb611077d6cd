"""The cells of a benchmark: what is attacked by whom, one by one, in the order of the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from typing import Literal

from mitsgan.attack import Action
from mitsgan.evaluate.benchmark.config import (
    NONE,
    BenchmarkConfig,
    BudgetEntry,
    ProtectorEntry,
    Sweep,
    Uncertainty,
)

Control = Literal["", "noise", "offset"]
CONTROLS: tuple[Control, ...] = ("", "noise", "offset")
"""What is measured in place of a protector: itself, noise, or a constant offset of its RMSE."""

NATIVE = "native"
"""In place of a budget, where a protector is not held to any."""


@dataclass(frozen=True)
class Cell:
    """One measurement: an attacker at some positions of a protected scan.

    Attributes:
        scan, protector, attacker, variant, purifier: names of the configuration.
        form: the protector's.
        budget: its name, or ``native``.
        control: what stands in the protector's place.
        positions: the scan's first so many.
        slices: measured on whole slices and squares, for the paper's tables, in place of cores.
    """

    scan: str
    protector: str
    form: str
    budget: str
    control: Control
    attacker: str
    action: Action
    variant: str
    purifier: str
    positions: int
    slices: bool = False

    @property
    def key(self) -> str:
        """Names it in a journal."""
        what = "slices" if self.slices else "cores"
        parts = (
            *(self.scan, self.protector, self.form, self.budget, self.control or "itself"),
            *(self.purifier, self.attacker, self.action, self.variant, str(self.positions), what),
        )
        return " | ".join(parts)

    @property
    def version(self) -> tuple[str, str, str]:
        """What cells share whose protected scan is the same."""
        return self.scan, self.protector, self.budget


@dataclass(frozen=True)
class CurveCell:
    """One curve of disruption over how well a position is known.

    Attributes:
        curve: of the configuration.
        attacker, action: who strikes.
    """

    curve: Uncertainty
    attacker: str
    action: Action

    @property
    def scan(self) -> str:
        """The name of the scan."""
        return self.curve.scan

    @property
    def version(self) -> tuple[str, str, str]:
        """As that of a `Cell`: curves share nothing but the scan."""
        return self.scan, self.attacker, f"uncertainty: {self.action}"

    @property
    def key(self) -> str:
        """Names it in a journal."""
        return " | ".join((*self.version, f"{self.curve.max_hu:g} HU"))


Task = Cell | CurveCell


def all_tasks(config: BenchmarkConfig) -> list[Task]:
    """Everything that is to be measured, curves last: they take long and hang on nothing."""
    curves = [
        CurveCell(curve, attacker, action)
        for curve in config.uncertainty
        for attacker in curve.attackers
        for action in curve.actions
    ]
    return [*all_cells(config), *curves]


def all_cells(config: BenchmarkConfig) -> list[Cell]:
    """Every cell of every sweep, once, such that cells which share work are neighbours."""
    entries = {entry.name: entry for entry in config.protectors}
    cells = [cell for sweep in config.sweeps for cell in _of(sweep, entries)]
    rank = {cell: number for number, cell in reversed(list(enumerate(cells)))}
    first: dict[object, int] = {}
    for cell, number in sorted(rank.items(), key=lambda item: item[1]):
        for shared in (cell.scan, cell.version):
            first.setdefault(shared, number)

    def order(cell: Cell) -> tuple[object, ...]:
        control = CONTROLS.index(cell.control)
        inner = (control, cell.positions, cell.purifier != NONE, cell.purifier, rank[cell])
        return first[cell.scan], first[cell.version], *inner

    return sorted(rank, key=order)


def groups(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks that share a protected scan, for one process each."""
    return [list(part) for _, part in groupby(tasks, key=lambda task: task.version)]


def budgets(config: BenchmarkConfig) -> dict[str, BudgetEntry]:
    """Every budget of every sweep by its name."""
    return {budget.name: budget for sweep in config.sweeps for budget in sweep.budgets}


def _of(sweep: Sweep, entries: Mapping[str, ProtectorEntry]) -> list[Cell]:
    """The cells of a sweep; where it asks for slices, those of the plain protection after them."""
    cells = [
        Cell(
            scan=scan,
            protector=name,
            form=entries[name].form,
            budget=budget,
            control=control,
            attacker=attacker,
            action=action,
            variant=variant,
            purifier=purifier,
            positions=sweep.positions,
        )
        for scan, name in product(sweep.scans, sweep.protectors)
        for budget, control, purifier in _versions(sweep, entries[name])
        for attacker, action, variant in product(sweep.attackers, sweep.actions, sweep.variants)
    ]
    if not sweep.slices:
        return cells
    plain = [c for c in cells if not c.control and c.purifier == NONE]
    shown = [c for c in plain if not entries[c.protector].is_known_position]
    return cells + [replace(cell, slices=True) for cell in shown]


def _versions(sweep: Sweep, entry: ProtectorEntry) -> Iterator[tuple[str, Control, str]]:
    """Budgets, controls and purifiers to combine; what knows positions has but its budgets."""
    limits = [NATIVE] if entry.form == "native" else [budget.name for budget in sweep.budgets]
    if entry.is_known_position:
        return product(limits, CONTROLS[:1], (NONE,))
    return product(limits, CONTROLS if sweep.controls else CONTROLS[:1], sweep.purifiers)
