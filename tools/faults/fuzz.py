"""Damaged files and odd command lines: each gives a message or a result, never a traceback.

    python tools/faults/fuzz.py --files 50000 --commands 20000 --output docs/results/fuzz.json
    python tools/faults/fuzz.py --seconds 60

Cases are numbered, and each follows from the seed, its kind and its number alone: what failed is
made again by `--only KIND:NUMBER`. They run in worker processes, in the same process one after the
other, so that they are fast; a worker that dies or hangs is named, too. See docs/faults.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.cases import COMMANDS, FILES
from faults.workers import Batch, Finding, run_batches
from mitsgan import __version__

_BATCH, _SHORT_BATCH = 250, 25


@dataclass
class Tally:
    """What came of the cases of one kind."""

    cases: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, outcomes: dict[str, int]) -> None:
        """Count a batch."""
        for name, count in outcomes.items():
            self.cases += count
            self.outcomes[name] = self.outcomes.get(name, 0) + count


def batches(kinds: Sequence[str], count: int, seed: int, most: int) -> Iterator[Batch]:
    """``count`` cases of some kinds in turn, at most so many in a batch."""
    each, more = divmod(count, len(kinds))
    left = {kind: each + (n < more) for n, kind in enumerate(kinds)}
    first = dict.fromkeys(kinds, 0)
    while any(left.values()):
        for kind in kinds:
            length = min(most, left[kind])
            if length:
                yield Batch(kind, seed, first[kind], length)
            first[kind] += length
            left[kind] -= length


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases; 1 if one of them fails."""
    arguments = _parser().parse_args(argv)
    if arguments.only is not None:
        kind, _, number = arguments.only.partition(":")
        wanted = [Batch(kind, arguments.seed, int(number), 1)]
    else:
        seed, most = arguments.seed, _BATCH if arguments.seconds is None else _SHORT_BATCH
        wanted = _mixed(
            list(batches(tuple(FILES), arguments.files, seed, most)),
            list(batches(tuple(COMMANDS), arguments.commands, seed, most)),
        )
    began = time.monotonic()
    tallies: dict[str, Tally] = {}
    findings: list[Finding] = []
    for batch, outcomes, found in run_batches(wanted, arguments.jobs, arguments.seconds):
        tallies.setdefault(batch.kind, Tally()).add(outcomes)
        findings += found
        for one in found:
            sys.stdout.write(f"{one.kind}:{one.number}: {one.what}\n{one.trace}\n")
            sys.stdout.flush()
    result = _result(arguments.seed, tallies, findings, time.monotonic() - began)
    totals = result["totals"]
    sys.stdout.write(
        f"{totals['files']} damaged files and {totals['commands']} command lines in "
        f"{result['seconds']} s: {len(findings)} fail\n"
    )
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if findings else 0


def _mixed(one: list[Batch], other: list[Batch]) -> Iterator[Batch]:
    """Both lists in step with each other, so that a run that is cut short has of both."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    for n, batch in enumerate(longer):
        yield batch
        start, stop = (k * len(shorter) // len(longer) for k in (n, n + 1))
        yield from shorter[start:stop]


def _result(
    seed: int, tallies: dict[str, Tally], findings: Sequence[Finding], seconds: float
) -> dict[str, Any]:
    totals = {
        name: sum(tally.cases for kind, tally in tallies.items() if kind in kinds)
        for name, kinds in (("files", FILES), ("commands", COMMANDS))
    }
    return {
        "schema": 1,
        "kind": "fuzz",
        "version": __version__,
        "seed": seed,
        "totals": totals,
        "seconds": round(seconds),
        "cases": {kind: asdict(tally) for kind, tally in sorted(tallies.items())},
        "findings": [asdict(one) for one in findings],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--files", type=int, default=50_000, metavar="N", help="damaged files")
    add("--commands", type=int, default=20_000, metavar="N", help="command lines")
    add("--seed", type=int, default=1, metavar="N")
    add("--seconds", type=float, metavar="S", help="begin no further batch after so long")
    add("--jobs", type=int, default=1, metavar="N", help="worker processes")
    add("--only", metavar="KIND:NUMBER", help="one case again")
    add("--output", type=Path, metavar="FILE.json")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
