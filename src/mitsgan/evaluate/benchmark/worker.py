"""The work of a benchmark in one process: tasks in, rows of results out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

from mitsgan.attack import Action, Attacker
from mitsgan.errors import PositionError, ScanError
from mitsgan.evaluate.benchmark.attackers import load_attacker
from mitsgan.evaluate.benchmark.bench import Bench, Loader, Row
from mitsgan.evaluate.benchmark.cells import Cell, Control, CurveCell, Task, budgets
from mitsgan.evaluate.benchmark.config import (
    BenchmarkConfig,
    BenchmarkError,
    BudgetEntry,
    ProtectorEntry,
)
from mitsgan.evaluate.benchmark.paper_tables import compare_blocks
from mitsgan.evaluate.benchmark.protectors import (
    OPTIMISED,
    is_bounded,
    load_layer,
    make_budget,
    optimised_layer,
)
from mitsgan.evaluate.metrics.fidelity import fidelity
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget, Fixed, Perturbation, apply_perturbations
from mitsgan.protect import Offset, RandomSign
from mitsgan.protect.registry import NATIVE_HU
from mitsgan.scan.scan import Scan

_UNUSED = BudgetEntry(1.0)
"""In place of the budget of a native protector, which has none."""

Result = tuple[str, Row]
"""A key for the journal, and what was measured."""


@dataclass(frozen=True)
class Order:
    """What a process needs to start; it can be sent to another one.

    Attributes:
        config: the benchmark.
        load: reads scans.
        lpips: AlexNet's weights, if they are there.
    """

    config: BenchmarkConfig
    load: Loader
    lpips: Path | None = None


@dataclass
class _Version:
    """One protected scan and its controls, each kept until the next is asked for."""

    protected: Scan | None = None
    controls: dict[tuple[Control, int], Scan] = field(default_factory=dict)


class Worker:
    """Does tasks one after the other; what neighbours share is computed once.

    Args:
        order: what belongs to all tasks.
    """

    def __init__(self, order: Order) -> None:
        self._order, self._config = order, order.config
        self._lpips = None if order.lpips is None else Lpips.load(order.lpips)
        self._classifier = NoduleClassifier.load()
        self._protectors = {entry.name: entry for entry in order.config.protectors}
        self._budgets = budgets(order.config)
        self._pairs: dict[tuple[str, Action], Attacker] = {}
        self._bench: Bench | None = None
        self._version: tuple[object, _Version] = (None, _Version())
        self._fixed: dict[tuple[str, str, Path | None], Fixed] = {}

    def attacker(self, name: str, action: Action) -> Attacker:
        """An attacker by the name of its pair, see `load_attacker`."""
        if (name, action) not in self._pairs:
            self._pairs[name, action] = load_attacker(self._config, name, action)
        return self._pairs[name, action]

    def bench(self, name: str) -> Bench:
        """A scan with its positions; the one before it is let go."""
        if self._bench is None or self._bench.entry.name != name:
            self._bench, self._version = None, (None, _Version())
            (entry,) = (scan for scan in self._config.scans if scan.name == name)
            seed, most = self._config.seed, _most(self._config, name)
            try:
                subject = self._order.load(entry, seed)
                self._bench = Bench(entry, subject, self.attacker, self._classifier, seed, most)
            except (PositionError, ScanError) as error:  # of many scans: say which
                raise type(error)(f"scan {name}: {error}") from error
        return self._bench

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Do tasks in their order."""
        shown: tuple[object, ...] = ()
        changed = None
        for task in tasks:
            bench = self.bench(task.scan)
            yield f"{task.scan} | scan", _scan_row(bench)
            if isinstance(task, CurveCell):
                yield task.key, self._curve(task)
                continue
            entry = self._protectors[task.protector]
            if entry.is_known_position:
                limit = self._budgets[task.budget].max_hu
                yield task.key, bench.measure_known(task, limit, entry.steps)
                continue
            if self._version[0] != task.version:
                shown, changed = (), None
                yield self._protect(bench, entry, task)
            if task.slices:
                yield task.key, self._slices(bench, task)
                continue
            wanted = (task.version, task.control, task.control and task.positions, task.purifier)
            if changed is None or shown != wanted:
                changed = bench.purified(self._scan(bench, task), task.purifier)
                shown = wanted
            yield task.key, bench.measure(task, changed)

    def _protect(self, bench: Bench, entry: ProtectorEntry, cell: Cell) -> Result:
        """Protect the scan, and say how far it moved."""
        start = perf_counter()
        budget = self.budget_of(entry, self._budgets.get(cell.budget, _UNUSED))
        layer = self.layer(bench, entry, budget)
        protected = apply_perturbations(bench.scan, [layer], budget)
        seconds = perf_counter() - start
        self._version = (cell.version, _Version(protected.scan))
        close = fidelity(bench.scan, protected.scan)
        row: Row = {
            "kind": "protection",
            "scan": cell.scan,
            "role": bench.entry.role,
            "protector": cell.protector,
            "form": cell.form,
            "budget": cell.budget,
            "voxels": protected.voxels,
            "largest_hu": close.largest_hu,
            "rmse_hu": round(close.rmse_hu, 4),
            "psnr_db": _finite(close.psnr_db),
            "ssim": round(close.ssim, 6),
            "seconds": round(seconds, 2),
        }
        return f"{' | '.join(cell.version)} | {cell.form} | protection", row

    def budget_of(self, entry: ProtectorEntry, budget: BudgetEntry) -> Budget:
        """The budget that a protector is held to: a native one to none that binds."""
        if entry.form == "native":
            return Budget(NATIVE_HU)
        return make_budget(budget)

    def layer(self, bench: Bench, entry: ProtectorEntry, budget: Budget) -> Perturbation:
        """A protector of the configuration, for the scan of this bench."""
        seed = self._config.seed
        if entry.kind in OPTIMISED:
            return optimised_layer(entry, bench, budget, self.attacker, seed)
        if is_bounded(entry.kind):
            return load_layer(entry, seed)
        # Their networks are slow, and native and clipped form differ in the clipping alone.
        name = (bench.entry.name, entry.kind, entry.weights)
        if name not in self._fixed:
            self._fixed = {k: v for k, v in self._fixed.items() if k[0] == bench.entry.name}
            self._fixed[name] = Fixed.of(load_layer(entry, seed), bench.scan, budget)
        return self._fixed[name]

    def _scan(self, bench: Bench, cell: Cell) -> Scan:
        """The protected scan, or a control of its RMSE in the attacked cubes."""
        version = self._version[1]
        protected = version.protected
        if protected is None:  # `results` protects before it asks
            raise BenchmarkError(f"{cell.key}: asked for before its scan was protected")
        if not cell.control:
            return protected
        wanted = (cell.control, cell.positions)
        if wanted not in version.controls:
            energy = bench.energy(protected, cell.positions)
            # Another seed than a protector's: the control of noise is not that same noise.
            layer: Perturbation = RandomSign(energy, self._config.seed + 1)
            if cell.control == "offset":
                layer = Offset(round(energy))
            limit = Budget(max(energy, 1.0) + 1)
            version.controls.clear()
            version.controls[wanted] = apply_perturbations(bench.scan, [layer], limit).scan
        return version.controls[wanted]

    def _slices(self, bench: Bench, cell: Cell) -> Row:
        attacker = self.attacker(cell.attacker, cell.action)
        plans = bench.plans(cell.positions, cell.action)
        rows = compare_blocks(bench.scan, self._scan(bench, cell), plans, attacker, self._lpips)
        blocks = {
            f"{row.compared} | {row.region}": {
                key: _finite(value) for key, value in asdict(row.windows[HU.name]).items()
            }
            for row in rows
        }
        return {
            "kind": "slices",
            "scan": cell.scan,
            "role": bench.entry.role,
            "protector": cell.protector,
            "form": cell.form,
            "budget": cell.budget,
            "attacker": cell.attacker,
            "action": cell.action,
            "n": len(plans),
            "blocks": blocks,
        }

    def _curve(self, task: CurveCell) -> Row:
        from mitsgan.evaluate.benchmark.uncertainty import uncertainty_row

        bench = self.bench(task.scan)
        budget = Budget(task.curve.max_hu)
        layers = {
            name: self.layer(bench, self._protectors[name], budget)
            for name in task.curve.protectors
        }
        attacker = self.attacker(task.attacker, task.action)
        return uncertainty_row(bench, task, attacker, layers, budget)


def _most(config: BenchmarkConfig, scan: str) -> int:
    counts = [sweep.positions for sweep in config.sweeps if scan in sweep.scans]
    counts += [curve.centres for curve in config.uncertainty if curve.scan == scan]
    if config.gallery is not None and config.gallery.scan == scan:
        counts.append(config.gallery.position + 1)
    return max(counts, default=1)


def _scan_row(bench: Bench) -> Row:
    return {
        "kind": "scan",
        "scan": bench.entry.name,
        "role": bench.entry.role,
        "shape": list(bench.scan.shape),
        "spacing_mm": [round(step, 4) for step in bench.scan.spacing],
        "sha256": bench.checksum,
    }


def _finite(value: float | None) -> float | None:
    """What is infinite, a PSNR of equal pictures, is no JSON number."""
    return round(value, 4) if value is not None and abs(value) < float("inf") else None
