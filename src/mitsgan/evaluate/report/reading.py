"""Finds and reads what a run left: its summary, and its galleries."""

from __future__ import annotations

import json
from pathlib import Path

from mitsgan.errors import ResultError
from mitsgan.evaluate.report.content import Summary
from mitsgan.evaluate.report.from_evaluation import from_evaluation
from mitsgan.evaluate.report.parse import parse_summary
from mitsgan.evaluate.report.pictures.gallery import Gallery

SUMMARY = "summary.json"


def summary_path(run: Path) -> Path:
    """The file that holds a run's numbers: in its folder, or named itself.

    Raises:
        ResultError: there is none.
    """
    path = run / SUMMARY if run.is_dir() else run
    if not path.is_file():
        raise ResultError(
            f"{path} does not exist; name the folder that `mitsgan benchmark` wrote, "
            "its summary.json, or the JSON that `mitsgan evaluate -o` wrote"
        )
    return path


def read_summary(run: Path) -> Summary:
    """The numbers of a benchmark, or of one evaluation.

    Args:
        run: the folder of a benchmark, its summary, or the JSON of `mitsgan evaluate`.

    Raises:
        ResultError: there is no such file, or it holds something else.
    """
    path = summary_path(run)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} is not readable as JSON: {error}") from error
    if isinstance(value, dict) and "fidelity" in value and "kind" not in value:
        return from_evaluation(value, str(path))
    return parse_summary(value, str(path))


def read_galleries(run: Path) -> list[Gallery]:
    """The galleries in a run's folder, by name; none where ``run`` is a file.

    Raises:
        ResultError: one of them is damaged.
    """
    return [Gallery.load(path) for path in sorted(run.glob("gallery*.npz"))] if run.is_dir() else []
