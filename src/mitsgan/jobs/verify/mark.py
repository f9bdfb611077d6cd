"""The mark's part of a verification: its entries, and the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mitsgan import __version__
from mitsgan.files import Derivation, write_scan
from mitsgan.jobs.verify.result import MarkEntry, RegionEntry, SliceEntry, UnlikeEntry
from mitsgan.mark import Detection, Unlike
from mitsgan.scan import Scan


def mark_entries(detection: Detection, scan: Scan) -> dict[str, Any]:
    """The fields of a `Verification` that the mark tells.

    Args:
        detection: of the mark.
        scan: in which it was looked for; voxels are named as its file has them.
    """
    boxes = [
        scan.order.box_in_file(region.start, region.stop, scan.shape)
        for region in detection.regions
    ]
    return {
        "reason": detection.reason,
        "mark": MarkEntry(detection.score, detection.strength_hu, "HU", detection.verified),
        "false_alarms_per_scan": detection.false_alarms,
        "regions": tuple(
            RegionEntry(
                *box,
                region.centre_mm,
                region.lower_mm,
                region.upper_mm,
                region.score,
                region.voxels,
            )
            for region, box in zip(detection.regions, boxes, strict=True)
        ),
        "unlike": tuple(_unlike_entry(place, scan) for place in detection.unlike) or None,
        "missing_ends": detection.missing_ends,
        "slices": tuple(
            SliceEntry(
                _slice_in_file(finding.number, scan),
                finding.position_mm,
                str(finding.state),
                finding.score,
                finding.came_from_mm,
                finding.detail,
                float(detection.map[finding.number].max()),
            )
            for finding in detection.slices
        ),
    }


def _unlike_entry(place: Unlike, scan: Scan) -> UnlikeEntry:
    region = place.region
    box = scan.order.box_in_file(region.start, region.stop, scan.shape)
    return UnlikeEntry(*box, region.centre_mm, place.grain, region.voxels)


def _slice_in_file(number: int, scan: Scan) -> int:
    """The number of a slice in the file; where its slices are no axial ones, from the feet up."""
    if scan.order.axes[0] != 0:
        return number
    return scan.order.in_file((number, 0, 0), scan.shape)[0]


def write_map(path: Path, detection: Detection, scan: Scan, *, overwrite: bool = False) -> None:
    """Write the probability that voxels were repainted as a NIfTI image on the scan's grid.

    Raises:
        OutputError: it exists, or cannot be written.
    """
    depth = scan.shape[0]
    image = Scan(
        stored=detection.probability(),
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
