"""A protected scan, as it is handed around: without what it takes to make one, torch above all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitsgan.errors import SettingsError
from mitsgan.scan.scan import Scan

if TYPE_CHECKING:
    from mitsgan.files.derivation import Derivation
    from mitsgan.jobs.protect.refinement import Refinement
    from mitsgan.mark import Detection
    from mitsgan.perturb import Budget
    from mitsgan.protect.registry import Identity


@dataclass(frozen=True, eq=False)
class Protected:
    """A protected scan, and all that its files have to say about how it came about.

    `mitsgan.write` takes it as it is: the identity of what it writes follows from the voxels, so
    that no two objects with one UID ever differ. The voxels are read-only for the same reason.

    Attributes:
        scan: the result.
        derivation: for the header of its files.
        protector: what it was protected with.
        budget: that every voxel kept.
        mark_hu: strength of its mark, RMS over the body; None where it has none.
        detection: of its mark, verified as soon as it was there; None where it has none.
        refinement: how it was optimised for this scan, if it was.
        largest_hu, rms_hu: of its difference from the original, over voxels that are not padding.
        voxels: how many these are.
        seconds: of each phase.
        notes: what makes the protection worth less than usual, a sentence each.
    """

    scan: Scan
    derivation: Derivation
    protector: Identity
    budget: Budget
    mark_hu: float | None
    detection: Detection | None
    refinement: Refinement | None
    largest_hu: float
    rms_hu: float
    voxels: int
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.scan.stored.setflags(write=False)


def scan_of(given: object) -> Scan:
    """The voxels of a scan, or of a protected one.

    Raises:
        SettingsError: it is neither: a path and an array are what is mistaken for one.
    """
    if isinstance(given, Protected):
        return given.scan
    if isinstance(given, Scan):
        return given
    raise SettingsError(
        f"a scan is wanted, found {type(given).__name__}; give what `mitsgan.read(path)` reads, or "
        "`mitsgan.Scan.from_hu(array, spacing_mm)` makes"
    )
