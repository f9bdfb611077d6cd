"""`mitsgan data cubes`: scans in, training cubes out, each with the patient that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class DataCubes:
    """Cut cubes of 32 mm at 1 mm out of the lungs of scans, to train attackers on.

    To inject, the cubes show nodules: real ones where --nodules lists some, else synthetic ones. To
    remove, they show lung without. No cube names its patient, but all know whose they are: training
    refuses to validate on a patient that it trains on.
    """

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """Chest CTs: DICOM folders or images."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FILE.npz")]
    """The cubes to write."""
    action: Literal["inject", "remove"] = "inject"
    """What an attacker is to learn from them."""
    count: Annotated[int, arg(metavar="N")] = 1000
    """Cubes in all; each scan gives the same number. 1000 take about 45 MB."""
    split: Literal["train", "validate"] = "train"
    """The side that these patients are on."""
    apart_from: Annotated[tuple[Path, ...], arg(metavar="FILE.npz...")] = ()
    """Cubes of the other side, with which these must share no patient."""
    nodules: Annotated[tuple[Path, ...], arg(metavar="FILE...")] = ()
    """Where the nodules are: .csv as of LUNA16 (its columns: seriesuid, coordX, coordY, coordZ,
    diameter_mm), .xml of LIDC-IDRI, or .json; see docs/training-data.md."""
    diameters: Annotated[tuple[float, float], arg(metavar="MIN MAX")] = (10.0, 16.0)
    """Real nodules to take, in mm; 10 to 16 as published."""
    readers: Annotated[int, arg(metavar="N")] = 3
    """How many of LIDC's four readers must have marked a nodule; 3 as in LUNA16."""
    real_only: bool = False
    """Leave out scans that have no real nodule of that size, instead of making synthetic ones."""
    kinds: tuple[Literal["solid", "part-solid", "ground-glass", "spiculated"], ...] = (
        "solid",
        "part-solid",
        "ground-glass",
        "spiculated",
    )
    """Of synthetic nodules."""
    synthetic_diameters: Annotated[tuple[float, float], arg(metavar="MIN MAX")] = (6.0, 20.0)
    """Of synthetic nodules, in mm."""
    thicknesses: Annotated[tuple[float, ...], arg(metavar="MM...")] = (2.0, 5.0)
    """Slice thicknesses that thinner scans are averaged to, besides the scans as they are."""
    shift: Annotated[float, arg(metavar="MM")] = 1.5
    """How far a real nodule may lie from the middle of its cube, along each axis."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides positions and nodules."""
    overwrite: bool = False
    """Replace an existing file."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Make the cubes; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.errors import OutputError, ScanError
        from mitsgan.jobs.cubes import CubeJob

        if not self.scans:
            raise UsageError("name at least one scan")
        for path in self.scans:
            if not path.exists():
                raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
        if self.output.suffix != ".npz":
            raise OutputError(f"--output {self.output}: cubes are named *.npz")
        check_file(self.output, self.overwrite, "--output")
        at_least("--count", self.count, len(self.scans))
        at_least("--seed", self.seed, 0)
        at_least("--readers", self.readers, 1)
        at_least("--shift", self.shift, 0)
        if self.shift > 6:
            raise UsageError(f"--shift {self.shift:g}: 6 mm at most, for the core is 20 mm wide")
        low, high = self.diameters
        if not 0 < low <= high:
            raise UsageError(f"--diameters {low:g} {high:g}: expected two sizes in mm, MIN first")
        smallest, largest = self.synthetic_diameters
        if not 3 <= smallest <= largest <= 30:
            raise UsageError(
                f"--synthetic-diameters {smallest:g} {largest:g}: expected MIN and MAX within 3 "
                f"and 30 mm, what is called a nodule"
            )
        if not self.kinds:
            raise UsageError("--kinds: name at least one kind of nodule")
        if self.real_only and not self.nodules:
            raise UsageError("--real-only: name the list of real nodules with --nodules")

        from mitsgan.training.data.make_cubes import CubeRecipe

        recipe = CubeRecipe(
            action=self.action,
            real_mm=self.diameters,
            synthetic_mm=self.synthetic_diameters,
            kinds=self.kinds,
            thicknesses=self.thicknesses,
            shift_mm=self.shift,
        )
        job = CubeJob(
            recipe, self.split, self.nodules, self.readers, self.real_only, self.apart_from
        )
        console = Console(quiet=self.quiet)
        file = job.make(self.scans, self.count, self.seed, self.output.name, console)
        job.write(file, self.output, self.overwrite, console)
        return 0
