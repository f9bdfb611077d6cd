"""Which candidates are listed, and what their finder is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.shared import CtInput
from mitsgan.settings import a_seed, at_least

LIMIT = 60
"""So many candidates, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class CandidatesFile(CtInput):
    """Which candidates are listed, and what their finder is tried on.

    Raises:
        SettingsError: a number that makes no sense.
    """

    limit: int = LIMIT
    """How many to list at most, the best first."""
    nodules: tuple[Path, ...] = ()
    """Where nodules are known to be, as in `mitsgan data cubes`, or a DICOM report or segmentation:
    tells which of them are found."""
    readers: int = 3
    """How many of LIDC's four readers must have marked a nodule."""
    recall: int = 0
    """Plant so many synthetic nodules in copies in memory, and tell how many of them are found."""
    seed: int = 0
    """Of the planted nodules."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("limit", self.limit, 1)
        at_least("readers", self.readers, 1)
        at_least("recall", self.recall, 0)
        a_seed("seed", self.seed)
