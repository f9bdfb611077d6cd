"""The leaderboard: one JSON per claim, made of the rows of benchmark runs.

`python benchmarks/claims.py` writes benchmarks/leaderboard/*.json; `--check` changes nothing
and exits 1 where a claim is not what its run gives. A claim is what one protector comes to on one
unseen scan within one budget, against every attacker that the run has. How others hand in a run:
docs/leaderboard.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from mitsgan.errors import ResultError
from mitsgan.evaluate.attacks.appearance import Judge
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.benchmark.summary.hardness import failed
from mitsgan.evaluate.benchmark.summary.rows import Row, Rows
from mitsgan.evaluate.statistics import RateRow
from mitsgan.result import Result

ROOT = Path(__file__).parents[1]
CLAIMS = ROOT / "benchmarks" / "leaderboard"
_RESULTS = ROOT / "docs" / "results"
OURS = tuple(_RESULTS / run for run in ("benchmark", "counts", "counts-field", "counts-keyed"))
"""The runs of this project, which others are compared with; what several have is of the first."""

REQUIRED = frozenset({"textured", "smooth", "narrow", "residual"})
"""The attackers that every claim has to stand against; more may be there."""

_US = "mitsgan"
_TELLING = "nodule_probability_original"
_SAME = 0.02
"""How far the nodule probability of one tampered cube may differ between machines."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A median with its 95 % bootstrap interval over positions."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Against:
    """What a protector comes to against one attacker.

    Attributes:
        attacker, action, sha256: who, with the hash of his weights.
        held_out: whether no shipped protector was trained against his architecture.
        positions: how many were attacked.
        disruption_hu: RMSE between his results with and without protection, in the core.
        over_noise: that over what noise of the same RMSE does.
        noise_hu, offset_hu: what noise, and a constant offset, of the same RMSE do, medians.
        failed: how many of his attacks failed, on the ``original`` and on the ``protected`` scan,
            by judge (docs/metrics.md); a run from before there were two has the classifier alone.
    """

    attacker: str
    action: str
    sha256: str | None
    held_out: bool
    positions: int
    disruption_hu: Ratio
    over_noise: Ratio
    noise_hu: float
    offset_hu: float | None
    failed: dict[str, dict[Judge, RateRow]]


@dataclass(frozen=True, kw_only=True)
class Claim(Result):
    """One claim.

    Attributes:
        by: who hands it in: ``mitsgan``, or the name of a folder of runs.
        protector, form, budget: as the benchmark names them.
        sha256: of the protector's weights; None where it has none.
        scan, shape, spacing_mm: the scan, which no training saw; ``[z, y, x]``.
        rmse_hu, largest_hu: of the change of the whole scan.
        least_over_noise: of the attackers of `REQUIRED`, the least; claims are ranked by it.
        against: every attacker of the run.
        command, config_sha256: that repeat the run; the configuration is in its summary.json.
        version: of mitsgan, which measured it.
    """

    KIND: ClassVar[str] = "claim"

    by: str
    protector: str
    form: str
    budget: str
    sha256: str | None
    scan: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    rmse_hu: float
    largest_hu: float
    least_over_noise: Ratio
    against: tuple[Against, ...]
    command: str
    config_sha256: str
    version: str

    @property
    def stands_against(self) -> frozenset[tuple[str, str, int]]:
        """Who of `REQUIRED` struck, what he did, and at how many positions."""
        return frozenset(
            (a.attacker, a.action, a.positions) for a in self.against if a.attacker in REQUIRED
        )

    @property
    def file_name(self) -> str:
        """Of its JSON."""
        words = f"{self.scan} {self.budget} {self.protector} {self.by}".lower()
        return f"{re.sub('[^a-z0-9.]+', '-', words)}.json"


@dataclass(frozen=True)
class Run:
    """A run of the benchmark: its rows, and what it was run with."""

    by: str
    rows: Rows
    summary: Benchmark

    @classmethod
    def read(cls, folder: Path, by: str) -> Run:
        """Read summary.json and results.jsonl of a run's folder; results may be in several files.

        Raises:
            ResultError: they are missing, or no results of a benchmark.
        """
        summary = Benchmark.read(folder / "summary.json")
        rows: dict[str, Row] = {}
        for path in sorted(folder.glob("results*.jsonl")) or [folder / "results.jsonl"]:
            try:
                lines = path.read_text("utf-8").splitlines()
                rows |= {row["step"]: row["result"] for row in map(json.loads, lines[1:])}
            except (OSError, ValueError, KeyError) as error:
                raise ResultError(f"{path} cannot be read: {error}") from error
        config = tomllib.loads(summary.config_toml)
        found = list(rows.values())
        return cls(by, Rows(found, config.get("resamples", 2000), config.get("seed", 0)), summary)

    def claims(self) -> Iterator[Claim]:
        """A claim for every protector, unseen scan and budget with all attackers of `REQUIRED`.

        Points of curves over budgets, which have some attackers alone, are none.
        """
        for row in self.rows.of("protection", role="unseen"):
            wanted = {key: row[key] for key in ("scan", "protector", "form", "budget")}
            attacks = list(self.rows.main(**wanted))
            if {attack["attacker"] for attack in attacks} >= REQUIRED:
                against = tuple(filter(None, (self._against(attack) for attack in attacks)))
                if against:
                    yield self._claim(row, against)

    def _claim(self, row: Row, against: tuple[Against, ...]) -> Claim:
        scan = next(self.rows.of("scan", scan=row["scan"]))
        return Claim(
            by=self.by,
            protector=row["protector"],
            form=row["form"],
            budget=row["budget"],
            sha256=self._weights("protector", row["protector"]),
            scan=row["scan"],
            shape=tuple(scan["shape"]),
            spacing_mm=tuple(scan["spacing_mm"]),
            rmse_hu=row["rmse_hu"],
            largest_hu=row["largest_hu"],
            least_over_noise=min(
                (a.over_noise for a in against if a.attacker in REQUIRED), key=lambda r: r.value
            ),
            against=against,
            command=self.summary.command,
            config_sha256=sha256(self.summary.config_toml.encode()).hexdigest(),
            version=self.summary.version,
        )

    def _against(self, row: Row) -> Against | None:
        noise = self.rows.beside(row, control="noise")
        offset = self.rows.beside(row, control="offset")
        if noise is None:  # who knows the position needs no control, and is no entry
            return None
        held_out = any(self.rows.of("attacker", attacker=row["attacker"], held_out=True))
        return Against(
            attacker=row["attacker"],
            action=row["action"],
            sha256=self._weights(f"attacker, {row['action']}", row["attacker"]),
            held_out=held_out,
            positions=row["n"],
            disruption_hu=_ratio(self.rows.median(row["disruption_rmse_hu"])),
            over_noise=_ratio(self.rows.ratio(row, noise)),
            noise_hu=_median(self.rows, noise),
            offset_hu=None if offset is None else _median(self.rows, offset),
            failed=failed(self.rows, row),
        )

    def _weights(self, role: str, name: str) -> str | None:
        return next((w["sha256"] for w in self.rows.of("weights", role=role, name=name)), None)


def check_comparable(run: Run, references: Sequence[Run]) -> None:
    """Raise `ResultError` where a run attacked other places, scans or with other attackers.

    What a classifier makes of the tampered original tells: it depends on nothing else.
    """
    keys = ("scan", "attacker", "action", "n")
    known = {
        tuple(row[key] for key in keys): row
        for reference in references
        for row in reference.rows.attacks()
    }
    for row in run.rows.attacks(role="unseen"):
        of_ours = known.get(tuple(row[key] for key in keys))
        if row["attacker"] not in REQUIRED:
            continue
        name = f"{run.by}: {row['scan']}, {row['attacker']}, {row['action']}"
        if of_ours is None:
            raise ResultError(f"{name}: no such scan, or another number of positions than ours")
        pairs = zip(row[_TELLING], of_ours[_TELLING], strict=True)
        if max(abs(a - b) for a, b in pairs) > _SAME:
            raise ResultError(f"{name}: other positions, or another attacker of that name")


def all_claims(submitted: Path = CLAIMS / "runs") -> dict[str, str]:
    """Every claim as JSON, by its file name, recomputed from the rows of the runs.

    Raises:
        ResultError: a run that was handed in is not comparable, gives no claim, or cannot be read.
    """
    ours, claims = _ours()
    measured = {claim.protector for claim in claims}  # a run may hold ours besides, to compare
    standards = {(claim.scan, claim.stands_against) for claim in claims}
    for folder in sorted(submitted.glob("*/")):
        if folder.name == _US:
            raise ResultError(f"{folder}: that is whose claims are ours; give the run another name")
        run = Run.read(folder, folder.name)
        check_comparable(run, ours)
        theirs = [claim for claim in run.claims() if claim.protector not in measured]
        if not theirs:
            raise ResultError(
                f"{run.by}: gives no claim. That takes a protector of a name of its own (ours are "
                f"{', '.join(sorted(measured))}), on an unseen scan, beside noise, against "
                f"{', '.join(sorted(REQUIRED))}"
            )
        for claim in theirs:
            if (claim.scan, claim.stands_against) not in standards:
                raise ResultError(
                    f"{run.by}: {claim.protector}, {claim.scan}, {claim.budget}: no such scan of "
                    "ours that is unseen, or not all of the actions and positions of its claims"
                )
        claims = (*claims, *theirs)
    named = {claim.file_name: claim.to_json() for claim in claims}
    if len(named) < len(claims):
        raise ResultError(
            "two claims have the same file name; give runs and protectors other names"
        )
    return named


@cache
def _ours() -> tuple[tuple[Run, ...], tuple[Claim, ...]]:
    """The runs of this project, and their claims."""
    runs = tuple(Run.read(folder, _US) for folder in OURS)
    claims = {c.file_name: c for run in reversed(runs) for c in run.claims()}
    return runs, tuple(claims.values())


def stale(fresh: dict[str, str], folder: Path = CLAIMS) -> list[str]:
    """Names of claims that are not what the runs give, or that no run gives."""
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*fresh, *there} if fresh.get(name) != there.get(name))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the claims, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    check = parser.parse_args(arguments).check
    fresh = all_claims()
    wrong = stale(fresh)
    if not check:
        CLAIMS.mkdir(exist_ok=True)
        for name in wrong:
            if name in fresh:
                (CLAIMS / name).write_text(fresh[name], "utf-8")
            else:
                (CLAIMS / name).unlink()
    for name in wrong:
        print(f"{name}: " + ("not what the runs give" if check else "brought up to date"))
    return 1 if check and wrong else 0


def _ratio(interval: Any) -> Ratio:
    value, low, high = (round(x, 4) for x in (interval.value, interval.low, interval.high))
    return Ratio(value=value, low=low, high=high)


def _median(rows: Rows, row: Row) -> float:
    return round(rows.median(row["disruption_rmse_hu"]).value, 3)


if __name__ == "__main__":
    sys.exit(main())
