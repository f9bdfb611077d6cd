"""Kill workers and nodes of every engine in the middle of an archive, and count what became of it.

    python benchmarks/archive_campaign.py docs/results/archive-campaign.json

The same small synthetic series are done by local processes of which some are killed, by Ray and by
Slurm with two nodes on this machine of which one is killed, and by all three in turn, each stopped
in the middle. What each writes is compared with what `mitsgan protect` writes, file by file. Needs
Ray, submitit, Debian's slurmd and slurmctld, and root for these.
"""

from __future__ import annotations

import argparse
import hashlib
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
from machine import machine
from measuring import exit_code
from mitsgan import __version__
from mitsgan.archive.ledger import Ledger
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.outputs import check_file, write_json
from mitsgan.phantom.chest import chest
from node_peers import wait_for

SETTINGS = '[protect]\nprotector = "noise"\nmax_hu = 5\n'
OPTIONS = ("--protector", "noise", "--max-hu", "5")
MITSGAN = (sys.executable, "-m", "mitsgan")


@dataclass(frozen=True)
class Plan:
    """How much is done, and how often what is killed."""

    series: int = 200
    kills: int = 20
    jobs: int = 2
    lease_seconds: float = 20
    seed: int = 0


@dataclass(kw_only=True)
class Count:
    """What became of the series of a run. All but the first two and the last must be 0.

    Begun again are series whose worker was killed; each is done anew as a whole.
    """

    entered: int = 0
    done: int = 0
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

    def done(self) -> int:
        """How many series are done."""
        with closing(Ledger(self.ledger)) as ledger:
            return ledger.counts().get("done", 0)

    def wait_done(self, share: float, run: subprocess.Popen[bytes]) -> None:
        """Wait until so large a share is done, or the run is over."""
        wanted = share * self.plan.series
        wait_for(
            lambda: self.done() >= wanted or run.poll() is not None, 3600, f"{wanted:g} series"
        )

    def at_work(self) -> int:
        """How many series are worked on."""
        with closing(Ledger(self.ledger)) as ledger:
            return ledger.counts().get("running", 0)

    def count(self, wanted: Mapping[str, str], kills: Counter[str], seconds: float) -> Count:
        """What the ledger says, and whether outputs are those of the single command."""
        with closing(Ledger(self.ledger)) as ledger:
            tasks = ledger.tasks()
        written = digests(self.out)
        return Count(
            entered=len(tasks),
            done=sum(task.state == "done" for task in tasks),
            failed_or_open=sum(task.state != "done" for task in tasks),
            entered_twice=len(tasks) - len({task.series for task in tasks}),
            outputs_missing=len(wanted.keys() - written.keys()),
            outputs_that_differ=sum(
                digest != wanted[name] for name, digest in written.items() if name in wanted
            ),
            files_beside=len(written.keys() - wanted.keys()),
            begun_again=sum(task.attempts > 1 for task in tasks),
            kills=dict(kills),
            seconds=round(seconds, 1),
        )


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path below a folder, without that of a series."""
    return {
        str(path.relative_to(folder).parts[0] + "/" + path.name): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def campaign(plan: Plan, folder: Path, only: tuple[str, ...]) -> dict[str, Count]:
    """Run it; what became of everything, by what was done."""
    for number in range(plan.series):
        scan = chest((8, 32, 32), (24.0, 11.2, 11.2), seed=number)
        phantom_series(scan, folder / "in" / f"{number:03}" / "ct")
    single = folder / "single"
    _call("protect", folder / "in", single, "--recursive", *OPTIONS)
    wanted = digests(single)
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
        counts[name] = archive.count(wanted, kills, time.monotonic() - start)
        print(name, counts[name], flush=True)
    return counts


def _local(archive: Archive) -> Counter[str]:
    """Kill workers, and now and then the whole run, each after some more series are done."""
    chance = random.Random(archive.plan.seed)
    kills: Counter[str] = Counter()
    run = archive.start()
    for number in range(archive.plan.kills):
        archive.wait_done((number + chance.random()) / (archive.plan.kills + 1), run)
        if number % 5 == 4 or not _kill_worker(run, chance):
            run.kill()
            run.wait()
            kills["run"] += 1
            run = archive.start()
        else:
            kills["worker"] += 1
    _ended(run)
    return kills


def _kill_worker(run: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill one of a run's workers; False where there is none."""
    workers = family(run.pid)[1:]
    while workers:
        worker = workers.pop(chance.randrange(len(workers)))
        with suppress(ProcessLookupError):  # it has ended since
            os.kill(worker, signal.SIGKILL)
            return True
    return False


def _node_lost(
    engine: str, start: Callable[[], RayNodes | SlurmNodes], archive: Archive
) -> Counter[str]:
    """Kill one of two nodes while two series are worked on, after two fifths of all are done.

    Each node does one series at a time.
    """
    with closing(start()) as cluster:
        run = archive.start(engine, cluster.environment)
        archive.wait_done(0.4, run)
        wait_for(
            lambda: archive.at_work() == 2 or run.poll() is not None, 180, "a series on each node"
        )
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
    """Kill a run, and then its cluster, when so large a share is done."""
    with closing(start()) as cluster:
        run = archive.start(engine, cluster.environment)
        archive.wait_done(share, run)
        run.kill()
        run.wait()


def _ended(run: subprocess.Popen[bytes]) -> None:
    code = run.wait()
    if code:
        raise RuntimeError(f"the run ended with {code}")


def _call(*words: object) -> None:
    subprocess.run([*MITSGAN, *map(str, words), "--quiet"], check=True)


def main() -> int:
    """Run the campaign, and write its counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    parser.add_argument("--series", type=int, default=Plan.series)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    every = ["local", "ray", "slurm", "moved"]
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    given = parser.parse_args()

    def work() -> int:
        check_file(given.out, given.overwrite, "out")
        plan = Plan(series=given.series, kills=given.kills)
        with tempfile.TemporaryDirectory() as folder:
            counts = campaign(plan, Path(folder), tuple(given.only))
        result = {
            "schema": 1,
            "kind": "archive campaign",
            "version": __version__,
            "plan": asdict(plan),
            "counts": {name: asdict(count) for name, count in counts.items()},
            "machine": machine(),
        }
        write_json(given.out, result, overwrite=given.overwrite)
        return 0

    return exit_code("archive_campaign", work)


if __name__ == "__main__":
    sys.exit(main())
