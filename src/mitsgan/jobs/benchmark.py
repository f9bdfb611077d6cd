"""Measure protectors against attackers on scans, as a TOML file says, in a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from mitsgan.jobs.shared import AnyPath, optional_path
from mitsgan.progress import Phases, Progress, Steps, silent
from mitsgan.settings import Settings, at_least

if TYPE_CHECKING:
    from mitsgan.evaluate.benchmark.result import Benchmark


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun(Settings):
    """What is measured, and where to."""

    config: Path
    """What is measured."""
    output: Path
    """A new folder for the results."""
    resume: bool = False
    """Go on with the run that is in the folder; what it has measured is not measured again."""
    jobs: int = 1
    """Processes that work at the same time; each holds a scan in memory."""
    lpips_weights: Path | None = None
    """AlexNet as torchvision stores it; by default the one in torch's cache, if it is there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("jobs", self.jobs, 1)


def benchmark(
    config: AnyPath,
    output: AnyPath,
    *,
    resume: bool = False,
    jobs: int = 1,
    lpips_weights: AnyPath | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Benchmark:
    """Measure protectors against attackers on scans, with controls.

    The run folder holds every measured value at any time, the summary that is returned, and
    pictures for a report; docs/benchmark.md tells all of it.

    Args:
        config: a TOML file that says what is measured.
        output: a new folder for the run.
        resume: go on with the run that is in the folder.
        jobs: processes that work at the same time. A script that uses several starts them below
            ``if __name__ == "__main__":``.
        lpips_weights: AlexNet for LPIPS; by default what lies in torch's cache.
        environment: what ``${NAME}`` in paths of the file stands for, such as `os.environ`.
        progress: told how far it is.

    Raises:
        BenchmarkError: the file makes no sense, or the folder's run was begun by another one.
        SettingsError: settings that make no sense.
        OutputError: the folder is there, or cannot be made.
        MitsganError: whatever a measurement raises.
    """
    settings = BenchmarkRun(
        config=Path(config),
        output=Path(output),
        resume=resume,
        jobs=jobs,
        lpips_weights=optional_path(lpips_weights),
    )
    return run_benchmark(settings, environment, progress=progress)


def run_benchmark(
    settings: BenchmarkRun,
    environment: Mapping[str, str] | None = None,
    *,
    progress: Progress = silent,
) -> Benchmark:
    """As `benchmark`, by settings.

    Args:
        settings: what is to be done.
        environment: what ``${NAME}`` in the configuration's paths stands for.
        progress: told how far it is.

    Raises:
        BenchmarkError: the configuration makes no sense, or the folder's run has another one.
        OutputError: the folder is there, or cannot be made.
        MitsganError: whatever a measurement raises.
    """
    from mitsgan.evaluate.benchmark.folder import RunFolder
    from mitsgan.evaluate.benchmark.pictures import galleries
    from mitsgan.evaluate.benchmark.provenance import checksums, provenance
    from mitsgan.evaluate.benchmark.reader import read_config
    from mitsgan.evaluate.benchmark.run import measure
    from mitsgan.evaluate.benchmark.summary.summary import summarise
    from mitsgan.evaluate.benchmark.worker import Order, Worker
    from mitsgan.evaluate.metrics.backbone import cached_backbone
    from mitsgan.evaluate.report.command_line import command_line
    from mitsgan.jobs.benchmark_scans import check_scans, load_subject
    from mitsgan.jobs.lpips import load_lpips

    phases = Phases(progress)
    config = read_config(settings.config, environment or {})
    if not settings.resume:  # what a run has measured needs its scan no more
        check_scans(config)
    lpips, gap = load_lpips(settings.lpips_weights)
    perceptual = None if lpips is None else settings.lpips_weights or cached_backbone()
    origin = provenance(config)
    folder = RunFolder(settings.output, settings.config, resume=settings.resume)
    journal = folder.journal({"weights": list(checksums(origin)), "lpips": lpips is not None})
    for key, row in origin.items():
        journal.keep(key, row)
    order = Order(config, load_subject, perceptual)
    with phases.phase("benchmark", "measuring") as step:
        measure(order, journal, settings.jobs, _cells(step))
    with phases.phase("pictures", "making pictures") as step:
        for name, gallery in galleries(Worker(order), config):
            step(0, 0, name)
            gallery.save(folder.path / name, overwrite=True)
    named = settings.config.name if settings.config.is_absolute() else settings.config
    result = summarise(
        journal.results(),
        config,
        toml=folder.toml,
        raw=folder.raw,
        command=command_line("benchmark", str(named), output=settings.output.name),
        gaps=[] if gap is None else [gap],
    )
    folder.write_summary(result)
    return result


def _cells(step: Steps) -> Callable[[int, int, float], None]:
    """Progress of cells in words; not more often than every half second."""
    last = float("-inf")

    def tell(done: int, total: int, seconds: float) -> None:
        nonlocal last
        now = perf_counter()
        if now - last >= 0.5 or done == total:
            last = now
            step(done, total, f"{done} of {total} cells, about {_time(seconds)} left")

    return tell


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if minutes >= 10 else f"{minutes} min {rest} s"
