"""The pictures of a benchmark: one attack of each action on every protector of a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mitsgan.evaluate.benchmark.config import BenchmarkConfig
from mitsgan.evaluate.benchmark.worker import Worker
from mitsgan.perturb import apply_perturbations

if TYPE_CHECKING:
    from mitsgan.evaluate.report.pictures.gallery import Gallery


def galleries(worker: Worker, config: BenchmarkConfig) -> Iterator[tuple[str, Gallery]]:
    """File names and galleries; none where the configuration asks for none.

    Raises:
        MitsganError: see `Worker.bench` and `make_gallery`.
    """
    from mitsgan.evaluate.report.pictures.gallery import make_gallery

    wanted = config.gallery
    if wanted is None:
        return
    bench = worker.bench(wanted.scan)
    protected = {}
    for entry in config.protectors:
        if entry.name not in wanted.protectors or entry.is_known_position:
            continue
        budget = worker.budget_of(entry, wanted.budget)
        layer = worker.layer(bench, entry, budget)
        protected[entry.name] = apply_perturbations(bench.scan, [layer], budget).scan
    for action in wanted.actions:
        plans = bench.plans(wanted.position + 1, action)
        attacker = worker.attacker(wanted.attacker, action)
        gallery = make_gallery(bench.scan, protected, attacker, plans[-1], scan=wanted.scan)
        yield f"gallery-{action}.npz", gallery
