"""Reads a benchmark's configuration.

A key that is not known is refused: a misspelt one would otherwise measure something else than was
meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitsgan.evaluate.benchmark.config import (
    BenchmarkConfig,
    BenchmarkError,
    BenchmarkFileError,
)
from mitsgan.typed import read_toml

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def read_config(path: Path, environment: Mapping[str, str]) -> BenchmarkConfig:
    """Read a benchmark's configuration.

    Args:
        path: a TOML file. Paths in it may start with ``${NAME}``; relative ones start from the
            file's folder, those of scans from ``data``.
        environment: what ``${NAME}`` stands for.

    Raises:
        BenchmarkError: the file cannot be read, a key is unknown or of the wrong type, or a name
            stands for nothing; says which key.
    """

    def named(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ValueError(
                f"the environment variable {match[1]} is not set; set it, or write the folder "
                "itself"
            )
        return str(Path(environment[match[1]]).resolve())

    def path_of(text: str) -> Path:
        return Path(_VARIABLE.sub(named, text)).expanduser()

    try:
        config = read_toml(
            path, BenchmarkConfig, error=BenchmarkError, resolve=path_of, prepare=_with_budgets
        )
    except BenchmarkError as error:
        raise BenchmarkFileError(f"{error}; see docs/benchmark-config.md") from error
    return _from_folder(config, path.resolve().parent)


def _with_budgets(value: Any) -> Any:
    """The same with every budget that is a mere number as a table."""
    if isinstance(value, list):
        return [_with_budgets(item) for item in value]
    if not isinstance(value, dict):
        return value
    tree = {key: _with_budgets(item) for key, item in value.items()}
    if isinstance(tree.get("budgets"), list):
        tree["budgets"] = [_budget(item) for item in tree["budgets"]]
    if "budget" in tree:
        tree["budget"] = _budget(tree["budget"])
    return tree


def _budget(value: Any) -> Any:
    return {"max_hu": value} if isinstance(value, int | float) else value


def _from_folder(config: BenchmarkConfig, folder: Path) -> BenchmarkConfig:
    """The configuration with whole paths."""

    def whole(path: Path | None, start: Path = folder) -> Path | None:
        return None if path is None else start / path

    data = folder if config.data is None else folder / config.data
    return replace(
        config,
        data=whole(config.data),
        scans=tuple(replace(scan, path=whole(scan.path, data)) for scan in config.scans),
        protectors=tuple(replace(p, weights=whole(p.weights)) for p in config.protectors),
        attackers=tuple(
            replace(a, injector=whole(a.injector), remover=whole(a.remover))
            for a in config.attackers
        ),
    )
