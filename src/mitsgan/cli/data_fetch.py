"""`mitsgan data fetch`: public scans to train on, for people with a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class DataFetch:
    """Fetch the chest CTs of a public collection from the Imaging Data Commons.

    Patients come in the order of their IDs, so that the same command fetches the same scans, and
    more patients add to what fewer gave. What is there is kept; an interrupted download goes on.
    Needs: pip install 'mitsgan[idc]'.
    """

    collection: Annotated[Positional[Literal["lidc"]], arg(metavar="lidc")]
    """LIDC-IDRI: 1010 patients, 128 GB in all, CC BY 3.0."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")]
    """Where they go: FOLDER/PATIENT/SERIES, and manifest.json beside."""
    patients: Annotated[int, arg(metavar="N")] = 10
    """How many; about 125 MB each."""
    skip: Annotated[int, arg(metavar="N")] = 0
    """Leave out the first N patients, to validate on others than an earlier command fetched."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Fetch; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.options import at_least
        from mitsgan.errors import OutputError

        at_least("--patients", self.patients, 1)
        at_least("--skip", self.skip, 0)
        if self.output.exists() and not self.output.is_dir():
            raise OutputError(f"--output {self.output} is a file; name a folder")

        from mitsgan.training.data.fetch import SOURCES, choose_series, fetch, idc_client

        console = Console(quiet=self.quiet)
        with console.phase("catalogue", "opening the catalogue of the Imaging Data Commons"):
            client = idc_client()
            series = choose_series(client, self.collection, self.patients, self.skip)
        licences = ", ".join(sorted({one.licence for one in series}))
        size = sum(one.megabytes for one in series)
        console.note(
            f"{len(series)} CT series of {self.patients} patients, {size:.0f} MB\n"
            f"licence: {licences}\ncite: {SOURCES[self.collection].citation}"
        )
        with console.steps("fetch", "fetching") as say:
            new, there = fetch(
                client,
                self.collection,
                series,
                self.output,
                lambda done, total, what: say(f"{done} of {total} series; {what}"),
            )
        console.say(
            f"{self.output}: {new} series fetched, {there} were there; see manifest.json for "
            f"licence and origin"
        )
        return 0
