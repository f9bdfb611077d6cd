"""`mitsgan data fetch`: public scans to train on, for people with a network."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.data.settings import FetchSettings
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown(
    "collection", short="output", collection="lidc|nlst|covid-19|lung-pet-ct-dx", output="FOLDER"
)
class DataFetch(Command, FetchSettings):
    """Fetch the chest CTs of a public collection from the Imaging Data Commons.

    Patients come in the order of their IDs, so that the same command fetches the same scans, and
    more patients add to what fewer gave. What is there is kept; an interrupted download goes on.
    Needs: pip install 'mitsgan[idc]'.
    """

    def work(self, console: Console) -> int:
        """Fetch; the exit code."""
        from mitsgan.jobs.data.fetch import fetch_scans

        result = fetch_scans(self, progress=console)
        console.note(f"licence: {', '.join(result.licences)}\ncite: {result.citation}")
        console.say(
            f"{self.output}: {result.fetched} series fetched, {result.present} were there; see "
            f"manifest.json for licence and origin"
        )
        return 0

    def left_behind(self) -> str:
        """What is there once it was interrupted."""
        return "what was fetched stays; the same command goes on"
