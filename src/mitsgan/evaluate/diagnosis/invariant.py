"""One figure that a diagnosis may rest on, in both scans, beside what a re-scan makes of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """A figure of the original and of the protected scan; None: it could not be measured.

    Attributes:
        name, unit: what it is.
        original, protected: its value in either scan.
        change: from the first to the second.
        rescan_change: by noise of the same RMSE, coloured as the scan's own.
        tolerance: how far it may move, in its unit; None: no tolerance is claimed.
        tolerance_source: who says so.
        within: whether it keeps the tolerance.
    """

    name: str
    unit: str
    original: float | None
    protected: float | None
    change: float | None
    rescan_change: float | None
    tolerance: float | None = None
    tolerance_source: str | None = None
    within: bool | None = None
