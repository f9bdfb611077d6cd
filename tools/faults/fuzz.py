"""Damaged files and odd command lines: each gives a message or a result, never a traceback.

    python tools/faults/fuzz.py --resume --output docs/results/faults.json
    python tools/faults/fuzz.py --seconds 60

Cases are numbered, and each follows from the seed, its kind and its number alone: what failed is
made again by `--only KIND:NUMBER`. They run in worker processes, in the same process one after the
other, so that they are fast; a worker that dies or hangs is named, too. See docs/faults.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.cases import BY_TYPE, COMMANDS, FILES, MISTYPED
from faults.workers import Batch, Finding, run_batches
from mitsgan import __version__

_BATCH, _SHORT_BATCH = 250, 25
_BY_TYPE_ONE_IN = 4
"""One command line in so many is drawn by the types of options: more of these go to work, which
takes longer."""


@dataclass
class Tally:
    """What came of the cases of one kind.

    Attributes:
        cases: how many: those numbered 0 to ``cases - 1``.
        outcomes: how many came to what.
    """

    cases: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, outcomes: dict[str, int]) -> None:
        """Count a batch."""
        for name, count in outcomes.items():
            self.cases += count
            self.outcomes[name] = self.outcomes.get(name, 0) + count


@dataclass
class Run:
    """Cases that ran on one and the same code.

    Attributes:
        source: of it: what `git rev-parse HEAD:src` says; None where nobody asked.
        files, commands: how many cases.
    """

    source: str | None
    files: int = 0
    commands: int = 0


@dataclass
class Campaign:
    """Cases of many kinds, how many have run, and what came of them.

    Attributes:
        seed: from which all cases follow.
        tallies: of each kind.
        findings: cases that failed.
        seconds: that it took.
        runs: how many cases ran on which code.
    """

    seed: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    runs: list[Run] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Campaign:
        """As it was saved; what failed is to be tried again."""
        known = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            seed=known["seed"],
            tallies={kind: Tally(**tally) for kind, tally in known["cases"].items()},
            findings=[Finding(**one) for one in known["findings"]],
            seconds=known["seconds"],
            runs=[Run(**run) for run in known["runs"]],
        )

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        part.replace(path)

    def to_json(self) -> dict[str, Any]:
        """As it is saved."""
        return {
            "schema": 1,
            "kind": "fuzz",
            "version": __version__,
            "seed": self.seed,
            "totals": {"files": self.count(FILES), "commands": self.count(COMMANDS)},
            "seconds": round(self.seconds),
            "runs": [asdict(run) for run in self.runs],
            "cases": {kind: asdict(tally) for kind, tally in sorted(self.tallies.items())},
            "findings": [asdict(one) for one in self.findings],
        }

    def count(self, kinds: Collection[str]) -> int:
        """Cases of some kinds."""
        return sum(tally.cases for kind, tally in self.tallies.items() if kind in kinds)

    def again(self) -> list[Batch]:
        """What failed, to be tried once more."""
        return [Batch(one.kind, self.seed, one.number, 1) for one in self.findings]

    def begin(self, source: str | None) -> None:
        """Count from here on for this code."""
        if not self.runs or self.runs[-1].source != source:
            self.runs.append(Run(source))

    def record(self, batch: Batch, outcomes: dict[str, int], findings: list[Finding]) -> None:
        """Count a batch; a case that failed before and was tried once more counts anew."""
        tally = self.tallies.setdefault(batch.kind, Tally())
        if batch.first < tally.cases and batch.count == 1:
            tally.add({"failed": -1})
            self.findings = [
                one for one in self.findings if (one.kind, one.number) != (batch.kind, batch.first)
            ]
        tally.add(outcomes)
        self.findings += findings
        run, count = self.runs[-1], sum(outcomes.values())
        if batch.kind in FILES:
            run.files += count
        else:
            run.commands += count

    def ahead(self, files: int, commands: int, most: int) -> Iterator[Batch]:
        """Batches, at most so long, of what has not run yet."""
        first = {kind: tally.cases for kind, tally in self.tallies.items()}
        by_type = commands // _BY_TYPE_ONE_IN

        def of(kinds: Sequence[str], count: int) -> list[Batch]:
            return list(batches(kinds, count, self.seed, most, first))

        lines = _mixed(of((MISTYPED,), commands - by_type), of((BY_TYPE,), by_type))
        yield from _mixed(of(tuple(FILES), files), list(lines))


def batches(
    kinds: Sequence[str], count: int, seed: int, most: int, begin: Mapping[str, int]
) -> Iterator[Batch]:
    """``count`` cases of some kinds in turn, at most so many in a batch.

    Args:
        kinds: of cases.
        count: how many, the same of every kind.
        seed: of the cases.
        most: in a batch.
        begin: the first case of a kind that has not run.
    """
    each, more = divmod(count, len(kinds))
    ends = {kind: each + (n < more) for n, kind in enumerate(kinds)}
    first = {kind: begin.get(kind, 0) for kind in kinds}
    while any(first[kind] < ends[kind] for kind in kinds):
        for kind in kinds:
            length = min(most, ends[kind] - first[kind])
            if length > 0:
                yield Batch(kind, seed, first[kind], length)
                first[kind] += length


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases; 1 if one of them fails."""
    arguments = _parser().parse_args(argv)
    output: Path | None = arguments.output
    most = _BATCH if arguments.seconds is None else _SHORT_BATCH
    campaign = Campaign(arguments.seed)
    if arguments.only is not None:
        cases = [case.partition(":") for case in arguments.only]
        wanted: Iterable[Batch] = [
            Batch(kind, arguments.seed, int(number), 1) for kind, _, number in cases
        ]
    else:
        failed: list[Batch] = []
        if arguments.resume and output is not None and output.exists():
            campaign = Campaign.load(output)
            failed = campaign.again()
        wanted = chain(failed, list(campaign.ahead(arguments.files, arguments.commands, most)))
    campaign.begin(_source())
    before, began = campaign.seconds, time.monotonic()
    for batch, outcomes, found in run_batches(wanted, arguments.jobs, arguments.seconds):
        campaign.record(batch, outcomes, found)
        campaign.seconds = before + time.monotonic() - began
        for one in found:
            sys.stdout.write(f"{one.kind}:{one.number}: {one.what}\n{one.trace}\n")
            sys.stdout.flush()
        if output is not None:
            campaign.save(output)
    sys.stdout.write(
        f"{campaign.count(FILES)} damaged files and {campaign.count(COMMANDS)} command lines in "
        f"{campaign.seconds:.0f} s: {len(campaign.findings)} fail\n"
    )
    return 1 if campaign.findings else 0


def _source() -> str | None:
    """The hash of the sources as committed; None where they are not, or where there is no git."""
    root = Path(__file__).parents[2]
    asked: list[str] = []
    for command in (["status", "--porcelain", "src"], ["rev-parse", "HEAD:src"]):
        done = subprocess.run(["git", "-C", root, *command], capture_output=True, text=True)
        if done.returncode != 0:
            return None
        asked.append(done.stdout.strip())
    changed, source = asked
    return None if changed else source


def _mixed(one: list[Batch], other: list[Batch]) -> Iterator[Batch]:
    """Both lists in step with each other, so that a run that is cut short has of both."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    for n, batch in enumerate(longer):
        yield batch
        start, stop = (k * len(shorter) // len(longer) for k in (n, n + 1))
        yield from shorter[start:stop]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--files", type=int, default=50_000, metavar="N", help="damaged files")
    add("--commands", type=int, default=20_000, metavar="N", help="command lines")
    add("--seed", type=int, default=1, metavar="N")
    add("--seconds", type=float, metavar="S", help="begin no further batch after so long")
    add("--jobs", type=int, default=1, metavar="N", help="worker processes")
    add("--only", nargs="+", metavar="KIND:NUMBER", help="single cases again")
    add("--output", type=Path, metavar="FILE.json", help="what came of them, after every batch")
    add("--resume", action="store_true", help="go on where FILE.json ends; what failed, again")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
