"""`mitsgan evaluate-mark`: what the mark is worth, measured on a scan that is tampered with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class EvaluateMark:
    """Measure how well the mark finds tampering: mark, tamper and verify in memory.

    The scan is protected and marked with keys that follow from the seed; they are for measuring
    and protect nothing. This takes from minutes to an hour. With --output, what is done is kept
    beside it in FILE.json.partial: the same command goes on where it was interrupted.
    """

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A scan as it left the scanner, neither protected nor marked: a DICOM folder or an image."""
    output: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.json")] = None
    """Write all numbers, for machines."""
    positions: Annotated[int, arg(metavar="N")] = 100
    """Random lung positions, struck by every attacker."""
    keys: Annotated[int, arg(metavar="N")] = 100
    """Untouched scans, each with a key of its own, among which to count false alarms."""
    purified_keys: Annotated[int, arg(metavar="N")] = 20
    """How many of these to send through every purifier, too."""
    wrong_keys: Annotated[int, arg(metavar="N")] = 5
    """How many wrong keys to verify the marked scan with."""
    mark_hu: Annotated[float, arg(metavar="HU")] = 3.0
    """RMS of the mark over the body."""
    budget: Annotated[float, arg(metavar="HU")] = 10.0
    """How far mark and protection together may move a voxel."""
    false_alarms: Annotated[float, arg(metavar="RATE")] = 0.01
    """The rate of untouched scans called tampered that verification is asked for."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of positions, keys, protection and noise."""
    mark_only: bool = False
    """Mark without protecting."""
    weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """A protector of your own; by default the one that ships with mitsgan."""
    injector: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that injects; by default the one that ships."""
    remover: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that removes; by default the one that ships."""
    overwrite: bool = False
    """Replace the file of an earlier run."""
    quiet: bool = False
    """No progress and no table; errors are still told."""

    def run(self) -> int:
        """Measure; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file, scan_name, write_json
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.errors import ScanError
        from mitsgan.files import read_scan

        console = Console(quiet=self.quiet)
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        if self.output is not None:
            check_file(self.output, self.overwrite, "--output", source=self.scan)
        at_least("--positions", self.positions, 2)
        at_least("--keys", self.keys, 1)
        at_least("--purified-keys", self.purified_keys, 0)
        at_least("--wrong-keys", self.wrong_keys, 0)
        at_least("--seed", self.seed, 0)
        if self.mark_only and self.weights is not None:
            raise UsageError("--mark-only leaves the protector out; give it or --weights")
        if not 0 < self.false_alarms < 0.5:
            raise UsageError(f"--false-alarms lies between 0 and 0.5, found {self.false_alarms:g}")

        from mitsgan.cli.mark_table import print_mark_result
        from mitsgan.evaluate.mark.evaluation import MarkEvaluationConfig, evaluate_mark
        from mitsgan.jobs.attackers import load_attackers
        from mitsgan.jobs.entries import weights_entry
        from mitsgan.mark import series_identity
        from mitsgan.protect import MitsGan

        config = MarkEvaluationConfig(
            max_hu=self.budget,
            mark_hu=self.mark_hu,
            positions=self.positions,
            keys=self.keys,
            purified_keys=self.purified_keys,
            wrong_keys=self.wrong_keys,
            false_alarms=self.false_alarms,
            seed=self.seed,
        )
        attackers, cards = load_attackers(self.injector, self.remover)
        protector = None if self.mark_only else MitsGan.load(self.weights, seed=self.seed)
        with console.phase("read", f"reading {self.scan}") as progress:
            scan = read_scan(self.scan, progress=progress)
        layers = [] if protector is None else [protector]
        journal = self.output and self.output.with_name(f"{self.output.name}.partial")
        with console.steps("evaluate", "measuring") as say:
            result = evaluate_mark(
                scan,
                series_identity(scan),
                layers,
                attackers,
                config,
                journal=journal,
                progress=say,
            )
        result["scan"]["name"] = scan_name(self.scan)
        result["protector"] = (
            weights_entry(protector.card, self.weights, "mitsgan") if protector else None
        )
        for action, card in cards.items():
            result["attacks"][action]["sha256"] = card["sha256"]
        if self.output is not None:
            write_json(self.output, result, overwrite=self.overwrite)
        if journal is not None:
            journal.unlink()
        if not self.quiet:
            print_mark_result(result)
        if self.output is not None:
            console.say(f"written: {self.output}")
        return 0
