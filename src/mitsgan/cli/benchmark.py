"""`mitsgan benchmark`: protectors against attackers, on scans, with controls; tables and curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Benchmark:
    """Measure protectors against attackers on scans, as a TOML file says.

    Everything happens in memory. The run folder holds every measured value (results.jsonl), the
    tables and curves made of them (summary.json), and pictures for `mitsgan report`. A run may be
    interrupted: with --resume the same command goes on where it was. See docs/benchmark.md.
    """

    config: Annotated[Positional[Path], arg(metavar="CONFIG.toml")]
    """What is measured."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="RUN_FOLDER")]
    """A new folder for the results."""
    resume: bool = False
    """Go on with the run that is in RUN_FOLDER; what it has measured is not measured again."""
    jobs: Annotated[int, arg(metavar="N")] = 1
    """Processes that work at the same time; each holds a scan in memory."""
    lpips_weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """AlexNet as torchvision stores it; by default the one in torch's cache, if it is there."""
    quiet: bool = False
    """No progress and no headline; errors are still told."""

    def run(self) -> int:
        """Measure; the exit code."""
        import os

        from mitsgan.cli.console import Console
        from mitsgan.cli.options import at_least
        from mitsgan.evaluate.benchmark.config import read_config

        console = Console(quiet=self.quiet)
        at_least("--jobs", self.jobs, 1)
        config = read_config(self.config, os.environ)

        from mitsgan.cli.benchmark_table import cells_left, print_headline
        from mitsgan.evaluate.benchmark.folder import RunFolder
        from mitsgan.evaluate.benchmark.pictures import galleries
        from mitsgan.evaluate.benchmark.provenance import checksums, provenance
        from mitsgan.evaluate.benchmark.run import run_benchmark
        from mitsgan.evaluate.benchmark.summary import summarise
        from mitsgan.evaluate.benchmark.worker import Order, Worker
        from mitsgan.evaluate.metrics.lpips import cached_backbone
        from mitsgan.jobs.benchmark_scans import load_subject
        from mitsgan.jobs.lpips import load_lpips

        lpips, no_lpips = load_lpips(self.lpips_weights)
        perceptual = None if lpips is None else self.lpips_weights or cached_backbone()
        origin = provenance(config)
        folder = RunFolder(self.output, self.config, resume=self.resume)
        journal = folder.journal({"weights": list(checksums(origin)), "lpips": lpips is not None})
        for key, row in origin.items():
            journal.keep(key, row)
        order = Order(config, load_subject, perceptual)
        try:
            with console.steps("benchmark", "measuring") as say:
                run_benchmark(order, journal, self.jobs, cells_left(say))
            with console.steps("pictures", "making pictures") as say:
                for name, gallery in galleries(Worker(order), config):
                    say(name)
                    gallery.save(folder.path / name, overwrite=True)
        except KeyboardInterrupt as ending:
            console.note(
                f"interrupted; {self.output} keeps what was measured: the same command with "
                "--resume goes on"
            )
            return 128 + int(ending.args[0]) if ending.args else 130
        named = self.config.name if self.config.is_absolute() else self.config
        summary = summarise(
            journal.results(),
            config,
            toml=folder.toml,
            raw=folder.raw,
            command=f"mitsgan benchmark {named} --output {self.output.name}",
            gaps=[] if no_lpips is None else [no_lpips],
        )
        written = folder.write_summary(summary)
        if not self.quiet:
            print_headline(summary)
        console.say(f"written: {written}")
        return 0
