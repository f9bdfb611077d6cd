"""What was done to a scan, for the header of the result."""

from __future__ import annotations

from dataclasses import dataclass

PROTECTION = "protection against tampering"
"""Stands in the description of every protection, and in no other."""
BUDGET_STATED = "every voxel within "
"""Stands before the budget in the description of everything that kept one."""


@dataclass(frozen=True)
class Derivation:
    """Written into a derived file so that its reader knows what happened to the pixels.

    Attributes:
        description: one sentence, e.g. "MITS-GAN protection, at most 10 HU".
        code: short identity of method, weights, seed and budget; with the source's identity it
            determines the new UIDs, so that the same input and settings give the same output.
        label: a few characters appended to the series description.
    """

    description: str
    code: str
    label: str = "protected"
