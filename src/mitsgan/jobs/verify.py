"""What one verification leaves for others to read: the summary, JSON and the map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mitsgan import __version__
from mitsgan.cli.options import UsageError
from mitsgan.files import Derivation, write_scan
from mitsgan.mark import Detection, SliceState
from mitsgan.scan import Scan

SCHEMA = 1
"""Of the result; a new number where a reader of the old one would go wrong."""


_SHOWN = 10


def check_false_alarms(rate: float) -> None:
    """Raise `UsageError` unless a rate of false alarms makes sense."""
    if not 1e-9 <= rate <= 0.5:
        raise UsageError(f"--false-alarms must lie between 1e-9 and 0.5, found {rate:g}")


def check_map(path: Path) -> None:
    """Raise `UsageError` unless the map would be NIfTI."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise UsageError(f"--map {path}: the map is a NIfTI image; let it end in .nii.gz")


def verification(
    found: Detection, scan: Scan, source: Path, seconds: Mapping[str, float]
) -> dict[str, object]:
    """The result in numbers: voxels ``[z, y, x]`` from 0, lengths in mm, positions in LPS.

    Args:
        found: what `mitsgan.mark.find.detect` returned.
        scan: under test.
        source: as the user gave it.
        seconds: of each phase.
    """
    geometry = scan.geometry
    return {
        "schema": SCHEMA,
        "kind": "verification",
        "version": __version__,
        "source": str(source),
        "verdict": str(found.verdict),
        "reason": found.reason,
        "mark": {
            "z_score": found.score,
            "strength": found.strength_hu,
            "unit": "HU",
            "verified_share_of_body": found.verified,
        },
        "false_alarms_per_scan": found.false_alarms,
        "regions": [
            {
                "start_voxel": list(region.start),
                "stop_voxel": list(region.stop),
                "centre_lps_mm": list(region.centre_mm),
                "lower_lps_mm": list(region.lower_mm),
                "upper_lps_mm": list(region.upper_mm),
                "z_score": region.score,
                "voxels": region.voxels,
            }
            for region in found.regions
        ],
        "missing_ends": list(found.missing_ends),
        "slices": [
            {
                "slice": finding.number,
                "position_mm": finding.position_mm,
                "state": str(finding.state),
                "z_score": finding.score,
                "came_from_mm": finding.came_from_mm,
                "detail": finding.detail,
                "largest_probability": float(found.map[finding.number].max()),
            }
            for finding in found.slices
        ],
        "scan": {
            "shape": list(scan.shape),
            "spacing_mm": list(geometry.spacing),
            "origin_lps_mm": list(geometry.origin),
            "axes_lps": [list(axis) for axis in geometry.axes],
        },
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
    }


def summary(found: Detection) -> str:
    """What the mark tells, in a few lines."""
    lines = [f"mark: {found.verdict}; {found.reason}"]
    for region in found.regions[:_SHOWN]:
        z, y, x = (f"{a}-{b - 1}" for a, b in zip(region.start, region.stop, strict=True))
        place = ", ".join(f"{value:.1f}" for value in region.centre_mm)
        lines.append(
            f"  repainted: slices {z}, rows {y}, columns {x}; centre {place} mm (LPS); "
            f"{region.score:.1f} standard deviations"
        )
    if len(found.regions) > _SHOWN:
        lines.append(f"  and {len(found.regions) - _SHOWN} more regions, see --json")
    told = [f for f in found.slices if f.detail and f.state != SliceState.CHANGED]
    lines += [f"  slice {f.number} at {f.position_mm:g} mm: {f.detail}" for f in told[:_SHOWN]]
    if len(told) > _SHOWN:
        lines.append(f"  and {len(told) - _SHOWN} more slices, see --json")
    lines += [f"  {end}" for end in found.missing_ends]
    return "\n".join(lines)


def write_map(path: Path, found: Detection, scan: Scan, *, overwrite: bool = False) -> None:
    """Write the probability that voxels were repainted as a NIfTI image on the scan's grid.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    depth = scan.shape[0]
    image = Scan(
        stored=found.probability(),
        slope=np.ones(depth),
        intercept=np.zeros(depth),
        lowest=0.0,
        highest=1.0,
        geometry=scan.geometry,
        order=scan.order,
    )
    derivation = Derivation(
        f"Probability that voxels were repainted (mitsgan {__version__})", "mark map", "map"
    )
    write_scan(image, path, derivation=derivation, overwrite=overwrite)
