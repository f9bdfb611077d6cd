"""Findings as DICOM files in a folder: one report, and a segmentation of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from highdicom.seg import segread
from highdicom.sr import srread
from highdicom.uid import UID
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

from mitsgan.atomic import atomic_output
from mitsgan.errors import ScanError
from mitsgan.files.dicom.findings.findings import Findings
from mitsgan.files.dicom.findings.report import Segments, report
from mitsgan.files.dicom.findings.segmentation import segmentation
from mitsgan.files.dicom.findings.sources import Examined, examined
from mitsgan.files.dicom.frames import Frame
from mitsgan.quiet import quiet, said

REPORT = "report.dcm"

_UNFIT = (
    *(AttributeError, KeyError, TypeError, ValueError),
    *(NotImplementedError, BytesLengthException),
)
"""What highdicom raises where a header lacks what an object that refers to it has to repeat, and
pydicom where it cannot read that."""


@dataclass(frozen=True)
class WrittenFindings:
    """What was written.

    Attributes:
        report: the name of its file.
        segmentations: the names of those of the segmentations; none where nothing was flagged.
        segments: how many regions they show.
    """

    report: str
    segmentations: tuple[str, ...]
    segments: int


def write_findings(
    folder: Path, frames: Sequence[Frame], findings: Findings, *, overwrite: bool = False
) -> WrittenFindings:
    """Write a folder with a structured report and the segmentations that it refers to.

    Args:
        folder: to be made.
        frames: the slices that were examined.
        findings: what was found in them.
        overwrite: replace the findings of an earlier run.

    Raises:
        ScanError: the headers of the slices do not suffice to refer to them, or for objects that
            can be read back.
        OutputError: it cannot be written there.
    """
    scan = examined(frames)
    try:
        with quiet():
            segments = _segments(findings, scan)
            text = report(findings, scan, segments)
    except _UNFIT as error:
        raise ScanError(
            f"{frames[0].path}: its header does not suffice to refer to it in DICOM findings "
            f"({said(error)}); repair the header, or leave `dicom_out` out"
        ) from error
    named = {
        f"segmentation-{one.layer.name}.dcm": one.segmentation
        for one in segments
        if one.segmentation is not None
    }
    with atomic_output(folder, overwrite=overwrite, folder=True) as temporary:
        for name, dataset in {REPORT: text, **named}.items():
            _write(temporary / name, dataset)
        _check(temporary, frames[0], text, list(named))
    return WrittenFindings(REPORT, tuple(named), sum(len(one.places) for one in segments))


def _segments(findings: Findings, scan: Examined) -> list[Segments]:
    series = UID()
    result: list[Segments] = []
    for layer in findings.layers:
        segments = segmentation(layer, scan, series, len(result) + 1)
        result.append(Segments(layer, *(segments or (None, ()))))
    return result


def _write(path: Path, dataset: Dataset) -> None:
    with quiet():
        dataset.save_as(path, enforce_file_format=True)


def _check(folder: Path, frame: Frame, text: Dataset, segmentations: Sequence[str]) -> None:
    """Read back what was written: a report that its reader does not know is none."""
    problem = f"{frame.path}: the findings of it"
    try:
        with quiet():
            again = srread(folder / REPORT)
            counts = [segread(folder / name).number_of_segments for name in segmentations]
    except _UNFIT as error:
        raise ScanError(
            f"{problem} cannot be read back ({said(error)}); nothing was written"
        ) from error
    if again.SOPInstanceUID != text.SOPInstanceUID or not all(counts):
        raise ScanError(f"{problem} read back as something else; nothing was written")
