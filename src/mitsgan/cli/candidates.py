"""`mitsgan candidates`: where nodules might be, and how many of those that are there it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Candidates:
    """List the places of a chest CT where a nodule might be: bright blobs in the lung.

    Nothing in it is learned. It looks for what an attacker would remove, and is no diagnosis: most
    of what it lists is where vessels fork.
    """

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A DICOM folder or an image."""
    limit: Annotated[int, arg(metavar="N")] = 60
    """How many to list at most, the best first."""
    nodules: Annotated[tuple[Path, ...], arg(metavar="FILE...")] = ()
    """Where nodules are known to be, as in `mitsgan data cubes`: tells which of them are found."""
    readers: Annotated[int, arg(metavar="N")] = 3
    """How many of LIDC's four readers must have marked a nodule."""
    recall: Annotated[int, arg(metavar="N")] = 0
    """Plant so many synthetic nodules in copies in memory, and tell how many of them are found."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of the planted nodules."""
    series: Annotated[str | None, arg(metavar="UID")] = None
    """The Series Instance UID to read, where the folder holds several."""
    output: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.json")] = None
    """Write all of it, for machines."""
    overwrite: bool = False
    """Replace the file of an earlier run."""
    quiet: bool = False
    """No progress and no list; errors are still told."""

    def run(self) -> int:
        """Find them; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file, scan_name, write_json
        from mitsgan.cli.options import at_least
        from mitsgan.errors import ScanError

        console = Console(quiet=self.quiet)
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        for option, value in (("--limit", self.limit), ("--readers", self.readers)):
            at_least(option, value, 1)
        for option, value in (("--recall", self.recall), ("--seed", self.seed)):
            at_least(option, value, 0)
        if self.output is not None:
            check_file(self.output, self.overwrite, "--output", source=self.scan)
        from mitsgan.anatomy.candidates import find_candidates
        from mitsgan.anatomy.lung import find_lung
        from mitsgan.evaluate.candidate_recall import candidate_result, planted_hits
        from mitsgan.files import read_scan
        from mitsgan.jobs.plant import nodules_of, planter

        with console.phase("read", f"reading {self.scan}") as progress:
            scan = read_scan(self.scan, series=self.series, progress=progress)
        known = nodules_of(scan, self.nodules, self.readers)
        with console.phase("lung", "finding the lung"):
            lung = find_lung(scan)
        with console.phase("find", "finding candidates"):
            found = find_candidates(scan, lung, limit=self.limit)
        planted = []
        if self.recall:
            with console.phase("recall", f"planting {self.recall} nodules") as progress:
                planted = planted_hits(
                    scan, lung, self.recall, self.seed, planter(scan, self.seed), progress
                )
        result = candidate_result(scan, lung, found, known, planted)
        result["scan"]["name"] = scan_name(self.scan)
        result["seed"] = self.seed
        result["seconds"] = {k: round(v, 2) for k, v in console.seconds.items()}
        if not self.quiet:
            from mitsgan.cli.candidates_table import print_candidates

            print_candidates(result)
        if self.output is not None:
            write_json(self.output, result, overwrite=self.overwrite)
            console.say(f"written: {self.output}")
        return 0
