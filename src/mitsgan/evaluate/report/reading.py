"""Finds and reads what a run left: its numbers, and its galleries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mitsgan.errors import ResultError
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.mark.result import MarkEvaluation
from mitsgan.evaluate.report.content import Report
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.result import Evaluation
from mitsgan.typed import read_json

SUMMARY = "summary.json"

Reported = Callable[[Path, dict[str, Any]], Report]
NO_OTHERS: Mapping[str, Reported] = {}


KINDS: Mapping[str, type[Benchmark | Evaluation | MarkEvaluation]] = {
    kind.KIND: kind for kind in (Benchmark, Evaluation, MarkEvaluation)
}
"""Results that can be reported, by what their JSON says they are."""


def result_path(run: Path) -> Path:
    """The file that holds a run's numbers: in its folder, or named itself.

    Raises:
        ResultError: there is none.
    """
    path = run / SUMMARY if run.is_dir() else run
    if not path.is_file():
        raise ResultError(
            f"{path} does not exist; name the folder that `mitsgan benchmark` wrote, or the JSON "
            "that a command of mitsgan wrote"
        )
    return path


def read_report(run: Path, others: Mapping[str, Reported] = NO_OTHERS) -> Report:
    """What a run found, for readers.

    Args:
        run: the folder of a benchmark, or the JSON of a result.
        others: what makes reports of results of other kinds, by kind, out of file and JSON.

    Raises:
        ResultError: there is no such file, or it holds something else.
    """
    path = result_path(run)
    tree = read_json(path, dict[str, Any])
    kind = str(tree.get("kind"))
    if kind in others:
        return others[kind](path, tree)
    if "kind" not in tree:
        raise ResultError(
            f"{path} does not say of which kind of result it is, so it is none; name the folder "
            "that `mitsgan benchmark` wrote, or the JSON of a command's result (a seal is none: "
            "`mitsgan verify` checks a scan against it)"
        )
    if kind not in KINDS:
        raise ResultError(
            f"{path}: expected a result of kind {', '.join((*KINDS, *others))}, found kind "
            f"{kind!r}; name the JSON that a command of mitsgan wrote"
        )
    return KINDS[kind].read(path).report()


def read_galleries(run: Path) -> list[Gallery]:
    """The galleries in a run's folder, by name; none where ``run`` is a file.

    Raises:
        ResultError: one of them is damaged.
    """
    return [Gallery.load(path) for path in sorted(run.glob("gallery*.npz"))] if run.is_dir() else []
