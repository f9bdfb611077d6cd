"""What a verification found, as DICOM: what is told, of which slices, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mitsgan import __version__
from mitsgan.errors import ScanError, SettingsError
from mitsgan.files.dicom.findings.extra import require_findings
from mitsgan.files.dicom.findings.findings import (
    Findings,
    GridShape,
    Layer,
    PixelShape,
    Place,
    Quantity,
)
from mitsgan.files.dicom.frames import Frame
from mitsgan.files.dicom.series import plane_of
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.io import is_readable_image
from mitsgan.jobs.verify.result import Verification
from mitsgan.mark import Detection
from mitsgan.mark.windows import BLOCK
from mitsgan.scan.scan import Scan

if TYPE_CHECKING:
    from mitsgan.seal.report import Finding, SealReport
    from mitsgan.seal.sketch.judge import ContentReport

_MOST_FINDINGS = 100
"""Differences that a report lists one by one."""


def check_findings(scan: Path) -> None:
    """Raise where findings could not be written: no DICOM to refer to, or no highdicom.

    Raises:
        SettingsError: the scan is an image.
        MissingExtraError: the extra is not installed.
    """
    if scan.is_file() and is_readable_image(scan):
        raise SettingsError(
            f"`dicom_out`: {scan} is no DICOM, so there are no instances that findings could refer "
            "to; give the DICOM series, or leave `dicom_out` out and write the result as JSON"
        )
    require_findings()


def examined_frames(scan: Scan | None, seal: SealReport | None) -> tuple[Frame, ...]:
    """The slices that were looked at.

    Raises:
        ScanError: there are none.
    """
    if seal is not None and seal.examined:
        return seal.examined
    if scan is not None and isinstance(scan.source, DicomSource):
        return scan.source.slices
    raise ScanError("none of the slices that were sealed is there, so findings refer to nothing")


def findings_of(
    result: Verification, detection: Detection | None, seal: SealReport | None, scan: Scan | None
) -> Findings:
    """All that mark and seal tell.

    Args:
        result: of the verification.
        detection: of the mark, if it was looked for.
        seal: what differs from the seal, if there is one.
        scan: in which the mark was looked for.
    """
    verdicts: dict[str, str] = {}
    sentences = [("Software", f"mitsgan {__version__}")]
    layers = []
    if detection is not None and scan is not None:
        verdicts["mark"] = str(detection.verdict)
        sentences.append(("Mark", detection.reason))
        layers.append(_of_mark(detection, scan))
    if seal is not None:
        verdicts["seal"] = seal.verdict
        sentences += _about_seal(seal)
        if seal.content is not None:
            verdicts["sketch"] = seal.content.verdict
            sentences += _about_content(seal.content)
            layers.append(_of_sketch(seal.content))
        layers.append(_of_blocks(seal.findings))
    sentences += [("Note", note) for note in result.notes]
    if result.mark_not_verified is not None:
        sentences.append(("Mark", f"not looked for: {result.mark_not_verified}"))
    layers = [layer for layer in layers if layer.places]
    if not layers:
        none = "what differs is no single region"
        flagged = none if result.verdict == "tampered" else "no region was flagged"
        sentences.append(("Regions", flagged))
    return Findings(result.verdict, verdicts, tuple(sentences), tuple(layers))


def _about_seal(seal: SealReport) -> Iterator[tuple[str, str]]:
    yield "Seal", seal.lines()[0].removeprefix("seal: ")
    yield "Signing key", seal.fingerprint
    yield "Certificate", seal.signer or "none: a bare key"
    yield "Signed", f"{seal.created}, {seal.algorithm}, by the clock of the signer"
    yield "Trust", seal.trusted or "nobody who is trusted vouches for the signer"
    for finding in seal.findings[:_MOST_FINDINGS]:
        whose = "processing explains it" if seal.is_processed else "what it shows decides"
        explained = finding.explained and finding.kind != "missing"
        yield "Difference", f"{finding.text}{f'; {whose}' if explained else ''}"
    if len(seal.findings) > _MOST_FINDINGS:
        yield "Difference", f"and {len(seal.findings) - _MOST_FINDINGS} more"
    for note in seal.notes:
        yield "Note", note


def _about_content(content: ContentReport) -> Iterator[tuple[str, str]]:
    yield "Content", content.reason
    for trace in content.traces:
        yield "Processing", trace.text
    for text in content.missing:
        yield "Missing", text
    yield "Judged", f"{100 * content.judged_share:.0f} % of the sealed patient"


def _of_sketch(content: ContentReport) -> Layer:
    places = tuple(
        Place(
            name=f"Region {number}",
            quantities={
                Quantity.VOLUME: region.volume_ml,
                Quantity.CORE: region.core_ml,
                Quantity.SEALED: region.sealed_hu,
                Quantity.FOUND: region.found_hu,
                Quantity.DIFFERENCE: region.difference_hu,
                Quantity.DEVIATIONS: region.score,
            },
            start=region.start,
            stop=region.stop,
            grid="the sealed scan",
            centre_mm=region.centre_mm,
            lower_mm=region.lower_mm,
            upper_mm=region.upper_mm,
            note="" if region.in_patient else "outside the patient",
        )
        for number, region in enumerate(content.regions, start=1)
    )
    shape = GridShape(content.differences.labels, content.grid.cell_geometry)
    return Layer("sketch", "Does not show what was sealed", places, shape)


def _of_mark(detection: Detection, scan: Scan) -> Layer:
    labels = np.zeros(detection.flagged.shape, np.int32)
    places = []
    for number, region in enumerate(detection.regions, start=1):
        box = tuple(
            slice(start // side, -(-stop // side))
            for start, stop, side in zip(region.start, region.stop, (1, BLOCK, BLOCK), strict=True)
        )
        part = labels[box]
        part[detection.flagged[box] & (part == 0)] = number
        start, stop = scan.order.box_in_file(region.start, region.stop, scan.shape)
        places.append(
            Place(
                name=f"Region {number}",
                quantities={
                    Quantity.VOLUME: region.voxels * _voxel_ml(scan),
                    Quantity.DEVIATIONS: region.score,
                },
                start=start,
                stop=stop,
                grid="the scan, in the order of its slices",
                centre_mm=region.centre_mm,
                lower_mm=region.lower_mm,
                upper_mm=region.upper_mm,
            )
        )
    middle = (BLOCK - 1) / 2
    z, y, x = scan.spacing
    geometry = replace(
        scan.geometry,
        spacing=(z, BLOCK * y, BLOCK * x),
        origin=scan.geometry.to_world((0, middle, middle)),
    )
    return Layer("mark", "The mark is missing here", tuple(places), GridShape(labels, geometry))


def _of_blocks(findings: Sequence[Finding]) -> Layer:
    """Blocks that differ bit for bit where processing does not explain it, a place per slice."""
    boxes: dict[Frame, list[tuple[int, slice, slice]]] = defaultdict(list)
    places: list[Place] = []
    for finding in findings:
        if finding.explained or finding.frame is None or not finding.boxes:
            continue
        number = len(places) + 1
        for box in finding.boxes:
            rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
            boxes[finding.frame].append((number, rows, columns))
        places.append(_block_place(finding, finding.frame))
    shape = PixelShape({frame: tuple(some) for frame, some in boxes.items()})
    return Layer("blocks", "Blocks of pixels that differ", tuple(places), shape)


def _block_place(finding: Finding, frame: Frame) -> Place:
    z, plane = finding.slices[0], plane_of(frame)
    top, left = (min(getattr(box, side) for box in finding.boxes) for side in ("top", "left"))
    bottom, right = (max(getattr(box, s) for box in finding.boxes) for s in ("bottom", "right"))
    ends = np.array([plane.to_world((0, top, left)), plane.to_world((0, bottom - 1, right - 1))])
    lower, upper, centre = ends.min(0).tolist(), ends.max(0).tolist(), ends.mean(0).tolist()
    return Place(
        name=f"Slice {z}",
        quantities={},
        start=(z, top, left),
        stop=(z + 1, bottom, right),
        grid="the sealed scan",
        centre_mm=(centre[0], centre[1], centre[2]),
        lower_mm=(lower[0], lower[1], lower[2]),
        upper_mm=(upper[0], upper[1], upper[2]),
        note=finding.text,
    )


def _voxel_ml(scan: Scan) -> float:
    return float(abs(np.linalg.det(scan.geometry.matrix))) / 1000
