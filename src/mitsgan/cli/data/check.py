"""`mitsgan data check`: what is wrong with scans, before a training."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.errors import counted
from mitsgan.jobs.data.settings import CheckSettings
from mitsgan.terminal.command import Reporting
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("folder", short="output", folder="FOLDER", validate="FOLDER")
class DataCheck(Reporting, CheckSettings):
    """Read all scans of a folder tree, and say what a training would stumble over.

    It lists scans that cannot be read, are not in HU or have no room for a cube of lung; copies;
    and patients on both sides. Exits with 1 if there is any.
    """

    def work(self, console: Console) -> int:
        """Check; the exit code."""
        from mitsgan.jobs.data.check import check_data

        write = self.open_output(source=self.folder)
        result = check_data(self, progress=console)
        write(result)
        for scan in result.scans:
            for text in scan.faults:
                console.say(f"{scan.split}: {scan.name}: {text}")
            for text in scan.notes:
                console.note(f"{scan.split}: {scan.name}: {text}")
        scans = counted(len(result.scans), "scan")
        patients = counted(result.patients, "patient")
        console.say(f"{scans} of {patients}, {result.faulty} with faults")
        return 1 if result.faulty else 0
