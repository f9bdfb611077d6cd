"""The folder of a benchmark's run: its configuration, its results as they come, its summary."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitsgan.atomic import atomic_output, check_target
from mitsgan.errors import OutputError
from mitsgan.evaluate.benchmark.config import BenchmarkError
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.journal import Journal

CONFIG, RESULTS, SUMMARY = "config.toml", "results.jsonl", "summary.json"


class RunFolder:
    """A folder that a run fills; made when it is opened.

    Args:
        path: the folder.
        config: the TOML file that the run is made by.
        resume: go on with a run that is there.

    Raises:
        OutputError: it is there and ``resume`` is not asked for, or cannot be made.
        BenchmarkError: it holds a run by another configuration; names the first difference.
    """

    def __init__(self, path: Path, config: Path, *, resume: bool = False) -> None:
        self.path = path
        self.toml = config.read_text(encoding="utf-8")
        self.raw: dict[str, Any] = _plain(tomllib.loads(self.toml))
        if path.exists():
            self._check(config, resume)
            return
        check_target(path)
        with atomic_output(path, folder=True) as temporary:
            (temporary / CONFIG).write_text(self.toml, encoding="utf-8")

    def journal(self, subject: Mapping[str, object]) -> Journal:
        """The results so far.

        Args:
            subject: what else than the configuration decides the results, such as checksums of
                weights; a journal with others is refused.

        Raises:
            OutputError: see `Journal`.
        """
        return Journal(self.path / RESULTS, {"config": self.raw, **subject})

    def write_summary(self, summary: Benchmark) -> None:
        """Write ``summary.json``, in place of an earlier one of this run."""
        with atomic_output(self.path / SUMMARY, overwrite=True, anything=True) as temporary:
            temporary.write_text(summary.to_json(), encoding="utf-8")

    def _check(self, config: Path, resume: bool) -> None:
        if not resume:
            raise OutputError(
                f"{self.path} exists; name another folder, or give `resume=True` to go on with "
                "its run"
            )
        kept = self.path / CONFIG
        if not kept.is_file():
            raise OutputError(f"{self.path} holds no run of a benchmark ({CONFIG} is missing)")
        before = _plain(tomllib.loads(kept.read_text(encoding="utf-8")))
        difference = _difference(before, self.raw)
        if difference is not None:
            raise BenchmarkError(
                f"{config} is not what {self.path} was begun with: {difference}; go on with "
                f"{kept}, or name a new folder"
            )


def _plain(value: Any) -> Any:
    """TOML values as JSON ones: an infinite number becomes text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _difference(before: Any, now: Any, where: str = "") -> str | None:
    """The first place where two configurations differ, in words; comments do not count."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            at = f"{where}.{key}" if where else key
            if key not in before or key not in now:
                return f"{at} is {'new' if key not in before else 'gone'}"
            difference = _difference(before[key], now[key], at)
            if difference is not None:
                return difference
        return None
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return f"{where} had {len(before)} entries, now {len(now)}"
        for number, pair in enumerate(zip(before, now, strict=True)):
            difference = _difference(*pair, f"{where}[{number}]")
            if difference is not None:
                return difference
        return None
    return None if before == now else f"{where} was {before!r}, now {now!r}"
