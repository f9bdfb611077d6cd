"""What the files of a protected scan say about themselves."""

from __future__ import annotations

import hashlib

import numpy as np

from mitsgan import __version__
from mitsgan.files.derivation import BUDGET_STATED, PROTECTION, Derivation
from mitsgan.jobs.protect.refinement import Refinement
from mitsgan.perturb import Budget
from mitsgan.protect.registry import Identity
from mitsgan.scan.scan import Scan


def derivation(
    who: Identity,
    budget: Budget,
    protected: Scan,
    marked: bool = False,
    refinement: Refinement | None = None,
) -> Derivation:
    """What was done to a scan; of a mark, that there is one and no more.

    Args:
        who: the protector.
        budget: that it kept.
        protected: the result.
        marked: whether it carries a mark.
        refinement: if the perturbation was optimised for the scan.
    """
    refined = "" if refinement is None else f", {refinement.note()}"
    weights = "none" if who.card is None else str(who.card["sha256"])
    control = who.control and refinement is None
    purpose = "(a control, no protection)" if control else PROTECTION
    return Derivation(
        description=(
            f"{who.title} {purpose}: {BUDGET_STATED}{budget} of "
            f"its source (mitsgan {__version__}, weights {weights[:12]}, "
            f"{'no seed' if who.seed is None else f'seed {who.seed}'})"
            f"{refined}{', with a keyed mark' if marked else ''}"
        ),
        # The voxels are part of it: processors and torch versions round differently, and two
        # objects with one UID must not differ.
        code=(
            f"{who.name} {weights} seed={who.seed} max_hu={budget.max_hu!r} "
            f"{_fraction(budget)}voxels={voxel_digest(protected)}"
        ),
    )


def voxel_digest(scan: Scan) -> str:
    """SHA-256 of the stored values."""
    return hashlib.sha256(np.ascontiguousarray(scan.stored).data).hexdigest()


def _fraction(budget: Budget) -> str:
    if budget.noise_fraction is None:
        return ""
    least = f"least_hu={budget.least_hu!r} " if budget.least_hu else ""
    return f"noise_fraction={budget.noise_fraction!r} {least}"
