"""What is to be known of a scan before its protection is relied on, in words."""

from __future__ import annotations

from collections.abc import Iterator

from mitsgan.anatomy.lung import lung_box
from mitsgan.files.history import earlier_protection
from mitsgan.jobs.protect.settings import VISIBLE_HU
from mitsgan.perturb import Budget
from mitsgan.scan.scan import Scan

COARSE_PIXEL_MM = 2.0
"""Protectors are trained on finer pixels: on coarser ones they add hardly anything."""

NO_SECRET = (
    "what was added follows from the seed, which the header tells: whoever has mitsgan can take it "
    "away again; give a key, and it is drawn from that"
)
"""Of a protector whose seed is what hides it, where there is no key."""


def protection_notes(scan: Scan, budget: Budget, rms_hu: float) -> Iterator[str]:
    """Tell what makes a protection worth less than usual, or more visible.

    Args:
        scan: before, in canonical order.
        budget: that was kept.
        rms_hu: of what was added.
    """
    earlier = earlier_protection(scan)
    if earlier is not None:
        yield (
            f"the scan was protected before ({earlier}): the budget holds against that, not "
            f"against what left the scanner; protect the original instead"
        )
    coarsest = max(scan.spacing[1:])
    if coarsest > COARSE_PIXEL_MM:
        yield (
            f"pixels of {coarsest:.3g} mm are coarser than {COARSE_PIXEL_MM:g} mm: protectors are "
            f"made for finer ones, and trained ones add little (here RMS {rms_hu:.2f} HU)"
        )
    if lung_box(scan, 0.0) is None:
        yield (
            "no lung was found in the scan: protectors are trained and measured on chests, and "
            "what they are worth elsewhere is not known"
        )
    if budget.max_hu > VISIBLE_HU:
        yield f"a budget of {budget.max_hu:g} HU is beyond {VISIBLE_HU:g} HU: readers see it"
