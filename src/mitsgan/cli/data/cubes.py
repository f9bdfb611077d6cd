"""`mitsgan data cubes`: scans in, training cubes out, each with the patient that it came from."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.errors import counted
from mitsgan.jobs.data.settings import CubesFile
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown

_PAIR = "MIN MAX"


@dataclass(frozen=True, kw_only=True)
@shown(
    "scans",
    short="output",
    output="FILE.npz",
    apart_from="FILE.npz...",
    diameters=_PAIR,
    synthetic_diameters=_PAIR,
    thicknesses="MM...",
    shift="MM",
)
class DataCubes(Command, CubesFile):
    """Cut cubes of 32 mm at 1 mm out of the lungs of scans, to train attackers on.

    To inject, the cubes show nodules: real ones where --nodules lists some, else synthetic ones. To
    remove, they show lung without. No cube names its patient, but all know whose they are: training
    refuses to validate on a patient that it trains on.
    """

    def work(self, console: Console) -> int:
        """Make the cubes; the exit code."""
        from mitsgan.jobs.data.cubes import cut_cubes

        result = cut_cubes(self, progress=console)
        kinds = ", ".join(f"{n} {kind}" for kind, n in result.kinds.items())
        patients = counted(result.patients, "patient")
        console.say(
            f"{self.output}: {counted(result.cubes, 'cube')} to {result.action} ({kinds}) of "
            f"{patients}, to {result.split} on; made in {console.elapsed:.0f} s"
        )
        return 0
