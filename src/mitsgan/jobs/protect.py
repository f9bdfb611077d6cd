"""What one protection leaves for others to read: the note in the header, and the report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mitsgan import __version__
from mitsgan.cli.options import UsageError
from mitsgan.files.derivation import Derivation
from mitsgan.perturb import Budget, Perturbation, Protected
from mitsgan.protect.registry import PROTECTORS, Identity
from mitsgan.scan.scan import Scan

if TYPE_CHECKING:
    from mitsgan.jobs.refine import Refinement
    from mitsgan.mark import Key, Mark

SCHEMA = 1
"""Of the report; a new number where a reader of the old one would go wrong."""


def read_key(path: Path | None, options: bool) -> Key | None:
    """The key to mark with; None without one, where ``options`` of a mark must not be given.

    Raises:
        UsageError: options of a mark that no key is given for.
        MarkKeyError: see `Key.load`.
    """
    if path is not None:
        from mitsgan.mark import Key

        return Key.load(path)
    if options:
        raise UsageError("--mark-hu and --identity belong to a mark; give --key KEYFILE too")
    return None


def stack(
    layer: Perturbation, scan: Scan, key: Key | None, mark_hu: float, identity: str | None
) -> tuple[list[Perturbation], Mark | None]:
    """What is added to a scan: the protector, and with a key the mark, which gets its room."""
    if key is None:
        return [layer], None
    from mitsgan.mark import Mark, WithRoom, series_identity

    mark = Mark(key, identity or series_identity(scan), mark_hu)
    return [WithRoom(layer, mark), mark], mark


def derivation(
    who: Identity,
    budget: Budget,
    protected: Scan,
    mark: Mark | None = None,
    refinement: Refinement | None = None,
) -> Derivation:
    """What the derived files say about themselves; of a mark, that there is one and no more."""
    marked = ", with a keyed mark" if mark is not None else ""
    refined = "" if refinement is None else f", {refinement.note()}"
    weights = "none" if who.card is None else str(who.card["sha256"])
    control = who.card is None and refinement is None
    purpose = "(a control, no protection)" if control else "protection against tampering"
    return Derivation(
        description=(
            f"{who.title} {purpose}: every voxel within {budget} of "
            f"its source (mitsgan {__version__}, weights {weights[:12]}, "
            f"{'no seed' if who.seed is None else f'seed {who.seed}'}){refined}{marked}"
        ),
        # The voxels are part of it: processors and torch versions round differently, and two
        # objects with one UID must not differ.
        code=(
            f"{who.name} {weights} seed={who.seed} max_hu={budget.max_hu!r} "
            f"{_fraction(budget)}"
            f"voxels={hashlib.sha256(np.ascontiguousarray(protected.stored).data).hexdigest()}"
        ),
    )


def _fraction(budget: Budget) -> str:
    return "" if budget.noise_fraction is None else f"noise_fraction={budget.noise_fraction!r} "


def _shipped(who: Identity) -> str:
    return PROTECTORS[who.name].weights or who.name


def weights_entry(card: Mapping[str, object], path: Path | None, name: str) -> dict[str, object]:
    """Name and checksum of weights; never where they lie on this machine."""
    return {"name": path.stem if path is not None else name, "sha256": card["sha256"]}


def report(
    source: Path,
    output: Path,
    who: Identity,
    budget: Budget,
    protected: Protected,
    seconds: Mapping[str, float],
    weights: Path | None = None,
    mark: Mark | None = None,
    refinement: Refinement | None = None,
) -> dict[str, object]:
    """The run in numbers; lengths in mm, ``[z, y, x]``, changes in HU.

    Args:
        source, output: as the user gave them.
        who, budget, protected: what was applied, and what came of it.
        seconds: of each phase.
        weights: the file they came from, None for the shipped ones.
        mark: if there is one; neither its key nor its identity is told.
        refinement: if the perturbation was optimised for the scan.
    """
    scan = protected.scan
    size = int(np.prod(scan.shape))
    geometry = scan.geometry
    return {
        "schema": SCHEMA,
        "kind": "protection",
        "version": __version__,
        "source": str(source),
        "output": str(output),
        "protector": who.name,
        "weights": None if who.card is None else weights_entry(who.card, weights, _shipped(who)),
        "seed": who.seed,
        "budget": {
            "max": budget.max_hu,
            "unit": "HU",
            "noise_fraction": budget.noise_fraction,
        },
        "refinement": None if refinement is None else refinement.entry(),
        "mark": None if mark is None else {"rms": mark.strength_hu, "unit": "HU"},
        "scan": {
            "shape": list(scan.shape),
            "spacing_mm": list(geometry.spacing),
            "origin_lps_mm": list(geometry.origin),
            "axes_lps": [list(axis) for axis in geometry.axes],
            "voxels": protected.voxels,
            "padding_voxels": size - protected.voxels,
        },
        "change": {"largest": protected.largest_hu, "rms": protected.rms_hu, "unit": "HU"},
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
        "device": who.device,
        "precision": who.precision,
    }
