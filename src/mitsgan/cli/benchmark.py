"""`mitsgan benchmark`: protectors against attackers, on scans, with controls; tables and curves."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mitsgan.jobs.benchmark import BenchmarkRun
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("config", short="output", output="RUN_FOLDER")
class Benchmark(Command, BenchmarkRun):
    """Measure protectors against attackers on scans, as a TOML file says.

    Everything happens in memory. The run folder holds every measured value (results.jsonl), the
    tables and curves made of them (summary.json), and pictures for `mitsgan report`. A run may be
    interrupted: with --resume the same command goes on where it was. See docs/benchmark.md.
    """

    def work(self, console: Console) -> int:
        """Measure; the exit code."""
        from mitsgan.evaluate.benchmark.folder import SUMMARY
        from mitsgan.jobs.benchmark import run_benchmark

        result = run_benchmark(self, os.environ, progress=console)
        console.show(result.report(), tables=False)
        console.say(f"written: {self.output / SUMMARY}")
        return 0

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        from mitsgan.evaluate.benchmark.folder import RESULTS

        if (self.output / RESULTS).exists():
            return f"{self.output} keeps what was measured: the same command with --resume goes on"
        return super().left_behind()
