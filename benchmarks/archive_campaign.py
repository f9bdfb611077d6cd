"""Kill workers and nodes of every engine in the middle of an archive, and count what became of it.

    python benchmarks/archive_campaign.py --output docs/results/archive-campaign.json --real FOLDER

The same series, real ones and small synthetic ones, are done by local processes of which some are
killed, by Ray and by Slurm with two nodes on this machine of which one is killed, and by all three
in turn, each stopped in the middle. What each writes is compared with what `mitsgan protect`
writes, file by file, and what each refuses with what that refuses. Needs Ray, submitit, Debian's
slurmd and slurmctld, and root for these.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from archive_peers import RayNodes, SlurmNodes, family
from archive_series import MITSGAN, SETTINGS, Single, by_single_command, digests, lay_out
from machine import machine
from measuring import add_output, exit_code, result_head
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.task import Task
from mitsgan.jobs.outputs import check_file, write_json
from node_peers import wait_for


@dataclass(frozen=True)
class Plan:
    """How much is done, and how often what is killed.

    Attributes:
        series: in all.
        real: of these, folders of real series; the others are synthetic.
        kills: of local processes.
        jobs: series at the same time.
        lease_seconds: after which a lost series is taken over.
        seed: of what is killed when.
    """

    series: int = 200
    real: tuple[Path, ...] = ()
    kills: int = 20
    jobs: int = 2
    lease_seconds: float = 20
    seed: int = 0


@dataclass(kw_only=True)
class Count:
    """What became of the series of a run.

    Attributes:
        entered: series in the ledger.
        done: with an output.
        refused: at the first try, and by the single command, too.
        failed_or_open: neither of these; must be 0, as all that follow up to `files_beside`.
        entered_twice: series with several lines.
        outputs_missing: files that the single command wrote.
        outputs_that_differ: in a bit.
        files_beside: others than these.
        begun_again: how often a series was, since its worker was killed; each time as a whole.
        kills: by what was killed.
        seconds: it took.
    """

    entered: int = 0
    done: int = 0
    refused: int = 0
    failed_or_open: int = 0
    entered_twice: int = 0
    outputs_missing: int = 0
    outputs_that_differ: int = 0
    files_beside: int = 0
    begun_again: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Archive:
    """One source, and a ledger and an output of a run's own."""

    def __init__(self, plan: Plan, folder: Path, name: str) -> None:
        self.plan, self.source = plan, folder / "in"
        self.ledger, self.out = folder / f"{name}.db", folder / name
        settings = folder / "how.toml"
        settings.write_text(SETTINGS)
        _call("archive", "plan", self.source, "--ledger", self.ledger, "-o", self.out,
              "--settings", settings)  # fmt: skip

    def start(
        self, engine: str = "local", environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Begin a run, or go on."""
        plan = self.plan
        return subprocess.Popen(
            [
                *MITSGAN,
                *("archive", "run", "--ledger", str(self.ledger), "--engine", engine, "--quiet"),
                *("--jobs", str(plan.jobs), "--lease-seconds", str(plan.lease_seconds)),
            ],
            env=None if environment is None else dict(environment),
        )

    def ended(self) -> int:
        """How many series are done or failed."""
        with closing(Ledger(self.ledger)) as ledger:
            counts = ledger.counts()
        return counts.get("done", 0) + counts.get("failed", 0)

    def wait_ended(self, share: float, run: subprocess.Popen[bytes]) -> None:
        """Wait until so large a share is at its end, or the run is over."""
        wanted = share * self.plan.series
        wait_for(
            lambda: self.ended() >= wanted or run.poll() is not None, 3600, f"{wanted:g} series"
        )

    def at_work(self) -> list[Task]:
        """What is worked on."""
        with closing(Ledger(self.ledger)) as ledger:
            return ledger.tasks("running")

    def wait_at_work(self, series: int, run: subprocess.Popen[bytes]) -> None:
        """Wait until so many are worked on at the same time, or the run is over."""
        wait_for(
            lambda: len(self.at_work()) >= series or run.poll() is not None, 180, "series at work"
        )

    def count(self, single: Single, kills: Counter[str], seconds: float) -> Count:
        """What the ledger says, and whether outputs are those of the single command."""
        with closing(Ledger(self.ledger)) as ledger:
            tasks = ledger.tasks()
        written, wanted = digests(self.out), single.files
        names = [task.series or str(Path(task.source).relative_to(self.source)) for task in tasks]
        done = [task for task in tasks if task.state == "done"]
        refused = [
            task
            for name, task in zip(names, tasks, strict=True)
            if task.state == "failed" and task.failures.get("input") == 1 and name in single.refused
        ]
        return Count(
            entered=len(tasks),
            done=len(done),
            refused=len(refused),
            failed_or_open=len(tasks) - len(done) - len(refused),
            entered_twice=len(tasks) - len(set(names)),
            outputs_missing=len(wanted.keys() - written.keys()),
            outputs_that_differ=sum(
                digest != wanted[name] for name, digest in written.items() if name in wanted
            ),
            files_beside=len(written.keys() - wanted.keys()),
            begun_again=sum(task.attempts - 1 for task in tasks),
            kills=dict(kills),
            seconds=round(seconds, 1),
        )


def campaign(plan: Plan, folder: Path, only: tuple[str, ...]) -> dict[str, Count]:
    """Run it; what became of everything, by what was done."""
    single = by_single_command(folder / "in", folder)
    runs: dict[str, Callable[[Archive], Counter[str]]] = {
        "local": _local,
        "ray": partial(_node_lost, "ray", RayNodes),
        "slurm": partial(_node_lost, "slurm", SlurmNodes),
        "moved": _moved,
    }
    counts = {}
    for name in only:
        start = time.monotonic()
        archive = Archive(plan, folder, name)
        kills = runs[name](archive)
        counts[name] = archive.count(single, kills, time.monotonic() - start)
        print(name, counts[name], flush=True)
    return counts


def _local(archive: Archive) -> Counter[str]:
    """Kill workers in the middle of a series, and now and then the whole run.

    Each after some more series are at their end.
    """
    chance = random.Random(archive.plan.seed)
    kills: Counter[str] = Counter()
    run = archive.start()
    for number in range(archive.plan.kills):
        archive.wait_ended((number + chance.random()) / (archive.plan.kills + 1), run)
        archive.wait_at_work(1, run)
        if number % 5 == 4 or not _kill_worker(archive, run, chance):
            run.kill()
            run.wait()
            kills["run"] += 1
            run = archive.start()
        else:
            kills["worker"] += 1
    _ended(run)
    return kills


def _kill_worker(archive: Archive, run: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill a worker that has a series; False where none has one within a minute."""
    end = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < end:
        # One that was lost often enough by now is let be: the next time it would be given up.
        tasks = [task for task in archive.at_work() if sum(task.failures.values()) < 3]
        chance.shuffle(tasks)
        for worker in family(run.pid)[1:]:
            with suppress(OSError):  # it has ended since
                words = Path(f"/proc/{worker}/cmdline").read_bytes().decode().split("\0")
                if any(task.owner in words for task in tasks[:1]):
                    os.kill(worker, signal.SIGKILL)
                    return True
    return False


def _node_lost(
    engine: str, start: Callable[[], RayNodes | SlurmNodes], archive: Archive
) -> Counter[str]:
    """Kill one of two nodes while two series are worked on, two fifths of all being at an end.

    Each node does one series at a time.
    """
    with closing(start()) as cluster:
        run = archive.start(engine, cluster.environment)
        archive.wait_ended(0.4, run)
        archive.wait_at_work(2, run)
        cluster.kill_node()
        _ended(run)
    return Counter(node=1)


def _moved(archive: Archive) -> Counter[str]:
    """Ray, then Slurm, then local processes; each of the first two is killed with its cluster."""
    _stopped("ray", RayNodes, archive, 0.33)
    _stopped("slurm", SlurmNodes, archive, 0.67)
    _ended(archive.start())
    return Counter(run=2)


def _stopped(
    engine: str, start: Callable[[], RayNodes | SlurmNodes], archive: Archive, share: float
) -> None:
    """Kill a run, and then its cluster, when so large a share is at its end."""
    with closing(start()) as cluster:
        run = archive.start(engine, cluster.environment)
        archive.wait_ended(share, run)
        run.kill()
        run.wait()


def _ended(run: subprocess.Popen[bytes]) -> None:
    code = run.wait()
    if code not in (0, 1):  # 1 where series were refused
        raise RuntimeError(f"the run ended with {code}")


def _call(*words: object) -> None:
    subprocess.run([*MITSGAN, *map(str, words), "--quiet"], check=True)


def main() -> int:
    """Run the campaign, and write its counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_output(parser)
    parser.add_argument("--series", type=int, default=Plan.series)
    parser.add_argument(
        "--real",
        nargs="*",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="series of these folders are copied, and are among them",
    )
    parser.add_argument("--kills", type=int, default=Plan.kills)
    every = ["local", "ray", "slurm", "moved"]
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    given = parser.parse_args()

    def work() -> int:
        check_file(given.output, given.overwrite, "output")
        plan = Plan(series=given.series, real=tuple(given.real), kills=given.kills)
        with tempfile.TemporaryDirectory() as folder:
            real = lay_out(Path(folder) / "in", plan.series, plan.real)
            counts = campaign(plan, Path(folder), tuple(given.only))
        result = {
            **result_head("archive campaign"),
            "plan": {**asdict(plan), "real": [folder.name for folder in plan.real]},
            "series": {"real": real, "synthetic": plan.series - real},
            "counts": {name: asdict(count) for name, count in counts.items()},
            "machine": machine(),
        }
        write_json(given.output, result, overwrite=given.overwrite)
        return 0

    return exit_code("archive_campaign", work)


if __name__ == "__main__":
    sys.exit(main())
