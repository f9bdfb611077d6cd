"""A whole benchmark: its tasks, in one process or several, each result kept as it comes."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Any

import torch

from mitsgan.evaluate.benchmark.bench import Row
from mitsgan.evaluate.benchmark.cells import Cell, Task, all_tasks, groups
from mitsgan.evaluate.benchmark.config import NONE, PLAIN, BenchmarkConfig, BenchmarkError
from mitsgan.evaluate.benchmark.protectors import OPTIMISED
from mitsgan.evaluate.benchmark.worker import Order, Result, Worker
from mitsgan.evaluate.journal import Journal
from mitsgan.processes import end_with_parent

Progress = Callable[[int, int, float], None]
"""Told cells done, cells in all, and the seconds that are left, as far as can be told."""

SECONDS = 0.014
"""What an attack on one position takes on one core, roughly: only for the first estimate."""

_PROTECT, _PURIFY, _GRADIENT, _VARIANT, _SLICE = 300.0, 350.0, 3.0, 4.0, 20.0
_BATCH, _SIBLINGS = 8, 8
_WAIT = 1.0


def measure(order: Order, journal: Journal, jobs: int, progress: Progress) -> None:
    """Measure whatever the journal does not hold yet.

    Args:
        order: what is measured.
        journal: gets every result at once, so that an interrupt costs no more than a cell.
        jobs: processes; more than one needs the memory of as many scans.
        progress: how far it is.

    Raises:
        BenchmarkError: a process ended by itself, or a scan is not the one of the rows that are
            kept.
        MitsganError: whatever a measurement raises.
    """
    tasks = all_tasks(order.config)
    weights = {task.key: cost(task, order.config) for task in tasks}
    missing = [task for task in tasks if task.key not in journal]
    left, total = sum(weights[task.key] for task in missing), len(tasks)
    done, spent, start = total - len(missing), 0.0, perf_counter()
    progress(done, total, left * SECONDS / jobs)
    if not missing:
        return
    parts = groups(missing)
    with _results(order, parts, min(jobs, len(parts))) as results:
        for key, row in results:
            if row["kind"] == "scan" and key in journal:
                _check_scan(row, journal.results()[key])
            journal.keep(key, row)
            if key in weights:
                spent += weights[key]
                done += 1
                rate = (perf_counter() - start) / spent
                progress(done, total, (left - spent) * rate)


def _check_scan(row: Row, before: Row) -> None:
    """Refuse a scan other than the one that a run was begun with, by the same name."""
    if before.get("sha256", row["sha256"]) != row["sha256"]:  # older runs have none
        raise BenchmarkError(
            f"scan {row['scan']} has other values than when this run was begun, so its rows cannot "
            "stand beside those that are kept; give the scan as it was, or name a new folder"
        )


def cost(task: Task, config: BenchmarkConfig) -> float:
    """How long a task takes, in attacks on one position; rough."""
    if not isinstance(task, Cell):
        curve = task.curve
        per_centre = curve.steps * _GRADIENT * _BATCH + 2 * curve.draws
        return curve.centres * len(curve.uncertainties_mm) * per_centre
    (entry,) = (e for e in config.protectors if e.name == task.protector)
    if task.slices:
        return task.positions * _SLICE
    if entry.is_known_position:
        return task.positions * entry.steps * _GRADIENT
    each = task.positions * (1.0 if task.variant == PLAIN else _VARIANT)
    once = _PROTECT + (task.purifier != NONE) * _PURIFY
    if entry.kind in OPTIMISED:
        once += entry.steps * _GRADIENT * _BATCH
    return each + once / _SIBLINGS


@contextmanager
def _results(order: Order, parts: list[list[Task]], jobs: int) -> Iterator[Iterator[Result]]:
    if jobs == 1:
        worker = Worker(order)
        yield (result for part in parts for result in worker.results(part))
        return
    context = multiprocessing.get_context("spawn")
    todo, results = context.Queue(), context.Queue()
    for part in [*parts, *[None] * jobs]:
        todo.put(part)
    threads = max(1, torch.get_num_threads() // jobs)
    processes = [
        context.Process(
            target=_serve, args=(os.getpid(), order, threads, todo, results), daemon=True
        )
        for _ in range(jobs)
    ]
    for process in processes:
        process.start()
    try:
        yield _received(results, processes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _received(results: Any, processes: Sequence[BaseProcess]) -> Iterator[Result]:
    """Results of all processes, until each has said that nothing is left to do."""
    working = len(processes)
    while working:
        try:
            result = results.get(timeout=_WAIT)
        except queue.Empty:
            ended = [p.exitcode for p in processes if p.exitcode]
            if ended:
                raise BenchmarkError(
                    f"a process of the benchmark ended by itself (code {ended[0]}), perhaps for "
                    "want of memory; give `resume=True` and fewer `jobs`"
                ) from None
            continue
        if result is None:
            working -= 1
        elif isinstance(result, Exception):
            raise result
        else:
            yield result


def _serve(parent: int, order: Order, threads: int, todo: Any, results: Any) -> None:
    """One process: groups of tasks in, results out, and None at the end."""
    end_with_parent(parent)  # it would wait for tasks for ever, with a scan in memory
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    torch.set_num_threads(threads)
    try:
        worker = Worker(order)
        while (part := todo.get()) is not None:
            for result in worker.results(part):
                results.put(result)
        results.put(None)
    except Exception as error:  # noqa: BLE001 - told in the first process, whatever it is
        results.put(error)
