"""Which training data is made or fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.shared import Overwriting, check_exists
from mitsgan.settings import Settings, a_seed, at_least, within

_LARGEST_SHIFT_MM = 6.0
_MOST_CUBES = 1_000_000
_NODULE_MM = (3.0, 30.0)
"""Smaller ones are called micronodules, larger ones masses."""


@dataclass(frozen=True, kw_only=True)
class CubesFile(Overwriting):
    """Which training cubes are cut, and of which scans.

    Raises:
        SettingsError: settings that make no sense, alone or together.
        OutputError: an output that is not named as cubes are.
    """

    scans: tuple[Path, ...]
    """Chest CTs: DICOM folders or images."""
    output: Path
    """The cubes to write."""
    action: Literal["inject", "remove"] = "inject"
    """What an attacker is to learn from them."""
    count: int = 1000
    """Cubes in all; each scan gives the same number. 1000 take about 45 MB."""
    split: Literal["train", "validate"] = "train"
    """The side that these patients are on."""
    apart_from: tuple[Path, ...] = ()
    """Cubes of the other side, with which these must share no patient."""
    nodules: tuple[Path, ...] = ()
    """Where the nodules are: .csv as of LUNA16 (its columns: seriesuid, coordX, coordY, coordZ,
    diameter_mm), .xml of LIDC-IDRI, or .json; see docs/training-data.md."""
    diameters: tuple[float, float] = (10.0, 16.0)
    """Real nodules to take, in mm; 10 to 16 as published."""
    readers: int = 3
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
    synthetic_diameters: tuple[float, float] = (6.0, 20.0)
    """Of synthetic nodules, in mm."""
    thicknesses: tuple[float, ...] = (2.0, 5.0)
    """Slice thicknesses that thinner scans are averaged to, besides the scans as they are."""
    shift: float = 1.5
    """How far a real nodule may lie from the middle of its cube, along each axis."""
    seed: int = 0
    """Decides positions and nodules."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scans:
            raise SettingsError("name at least one scan")
        if self.output.suffix != ".npz":
            raise OutputError(f"`output` {self.output}: cubes are named *.npz")
        at_least("count", self.count, len(self.scans))
        if self.count > _MOST_CUBES:
            raise SettingsError(
                f"`count` {self.count}: {_MOST_CUBES:,} cubes of a file at most, which take 45 GB"
            )
        a_seed("seed", self.seed)
        at_least("readers", self.readers, 1)
        at_least("shift", self.shift, 0)
        if self.shift > _LARGEST_SHIFT_MM:
            raise SettingsError(
                f"`shift` {self.shift:g}: {_LARGEST_SHIFT_MM:g} mm at most, for the core is 20 mm "
                "wide"
            )
        self._check_nodules()

    def _check_nodules(self) -> None:
        low, high = self.diameters
        if not 0 < low <= high:
            raise SettingsError(
                f"`diameters` {low:g} {high:g}: expected two sizes in mm, the smaller one first"
            )
        smallest, largest = self.synthetic_diameters
        if not _NODULE_MM[0] <= smallest <= largest <= _NODULE_MM[1]:
            raise SettingsError(
                f"`synthetic_diameters` {smallest:g} {largest:g}: expected the smaller one first, "
                "both within 3 and 30 mm, what is called a nodule"
            )
        for thickness in self.thicknesses:
            within("thicknesses", thickness, 0.1, 20)
        if not self.kinds:
            raise SettingsError("`kinds`: name at least one kind of nodule")
        if self.real_only and not self.nodules:
            raise SettingsError("`real_only`: name the list of real nodules with `nodules`")

    def check_scans(self) -> None:
        """Raise `ScanError` where a scan is not there."""
        for path in self.scans:
            check_exists(path)


@dataclass(frozen=True, kw_only=True)
class FetchSettings(Settings):
    """Which public scans are fetched.

    Raises:
        SettingsError: a number that makes no sense.
        OutputError: the output is a file.
    """

    collection: Literal["lidc", "nlst", "covid-19", "lung-pet-ct-dx"]
    """The chest CTs of LIDC-IDRI (CC BY 3.0), NLST, COVID-19-NY-SBU or Lung-PET-CT-Dx (CC BY
    4.0)."""
    output: Path
    """Where they go: FOLDER/PATIENT/SERIES, and manifest.json beside."""
    patients: int = 10
    """How many; about 125 MB each of LIDC-IDRI, 200 to 500 of the others."""
    skip: int = 0
    """Leave out the first N patients, to validate on others than an earlier command fetched."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("patients", self.patients, 1)
        at_least("skip", self.skip, 0)
        if self.output.exists() and not self.output.is_dir():
            raise OutputError(f"`output` {self.output} is a file; name a folder")


@dataclass(frozen=True, kw_only=True)
class CheckSettings(Settings):
    """Which scans are looked at before a training."""

    folder: Path
    """A folder tree of the scans to train on."""
    validate: Path | None = None
    """A folder tree of the scans to validate on: no patient may be in both."""
