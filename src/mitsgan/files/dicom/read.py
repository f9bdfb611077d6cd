"""A DICOM series -> Scan.

Headers first, for all files; then, when the series has been found whole and even, each slice's
stored values straight into its place. Each byte is read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from mitsgan.errors import IdentityError, ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import Progress, SliceFile, read_headers
from mitsgan.files.dicom.pixels import PixelFormat, read_pixels
from mitsgan.files.dicom.series import order_slices, select_series
from mitsgan.scan.scan import AIR_HU, Scan

_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


@dataclass(frozen=True)
class DicomSource:
    """What writing a derived series needs besides the voxels.

    Attributes:
        path: the folder or the file that was read.
        slices: the source files, z ascending.
        tails: the elements after *Pixel Data* of each, or None.
        form: how the values are stored.
    """

    path: Path
    slices: tuple[SliceFile, ...]
    tails: tuple[Dataset | None, ...]
    form: PixelFormat

    @property
    def identity(self) -> str:
        """*Study Instance UID*, *Frame of Reference UID* and *Series Number*.

        A derived series keeps all three; its series UID is new.

        Raises:
            IdentityError: no *Study Instance UID*.
        """
        first = self.slices[0]
        study, frame, number = (
            dcm.text(first.header, tag).strip(" \0")
            for tag in (dcm.STUDY_INSTANCE_UID, dcm.FRAME_OF_REFERENCE_UID, dcm.SERIES_NUMBER)
        )
        if not study:
            raise IdentityError(
                f"{first.path} has no (0020,000D) *Study Instance UID*, so the mark cannot be "
                "bound to its series; give the mark an identity of your own choice"
            )
        return f"dicom|{study}|{frame}|{number}"


def read_dicom(path: Path, series: str | None = None, progress: Progress | None = None) -> Scan:
    """Read one CT series from a folder (with subfolders), or one file.

    Args:
        path: a folder or a DICOM file.
        series: the *Series Instance UID* to read where there are several.
        progress: called with (done, total) steps, two for each file: its header, its pixels.

    Raises:
        ScanError: no series, several, not a whole evenly spaced CT in HU, or a damaged file.
    """
    files = select_series(read_headers(path, progress), series, path)
    for file in files:
        _check_kind(file)
    form = _common_format(files)
    rescale = {file.path: _rescale(file) for file in files}
    slices, geometry = order_slices(files)
    stored = np.empty((len(slices), form.rows, form.columns), form.dtype)
    tails: list[Dataset | None] = []
    for z, file in enumerate(slices):
        if progress is not None:
            progress(len(slices) + z, 2 * len(slices))
        tails.append(read_pixels(file, form, stored[z]))
    if progress is not None:
        progress(2 * len(slices), 2 * len(slices))
    slope, intercept = np.array([rescale[file.path] for file in slices], np.float64).T.copy()
    return Scan(
        stored=stored,
        slope=slope,
        intercept=intercept,
        lowest=form.lowest,
        highest=form.highest,
        geometry=geometry,
        padding=_padding(slices, form, rescale),
        source=DicomSource(path, tuple(slices), tuple(tails), form),
    )


def _check_kind(file: SliceFile) -> None:
    """Raise unless the file is a single-frame, cross-sectional, monochrome CT image."""
    header, path = file.header, file.path
    frames = dcm.text(header, dcm.NUMBER_OF_FRAMES)
    sop_class = dcm.text(header, dcm.SOP_CLASS_UID)
    if sop_class == _ENHANCED_CT or frames not in ("", "1"):
        raise ScanError(
            f"{path} is a multi-frame image ({frames or '?'} frames), which mitsgan cannot read "
            f"yet; convert it to single-frame CT images, or to NIfTI, MHA or NRRD"
        )
    modality = dcm.text(header, dcm.MODALITY)
    if modality != "CT":
        raise ScanError(
            f"{path} is of modality {modality or '(none given)'!r}, expected 'CT': mitsgan "
            f"protects CT scans only; choose a CT series"
        )
    if file.pixel_offset is None:
        raise ScanError(
            f"{path} holds no pixel data: it is truncated, or no image; fetch it again, or take it "
            f"away if it is not part of the series"
        )
    if "LOCALIZER" in dcm.values(header, dcm.IMAGE_TYPE):
        raise ScanError(
            f"{path} is a localizer (scout view), a projection and no slice of a scan; take it "
            f"away from the folder or choose another series"
        )
    photometric = dcm.text(header, dcm.PHOTOMETRIC)
    if photometric != "MONOCHROME2" or dcm.integer(header, dcm.SAMPLES_PER_PIXEL) not in (1, None):
        raise ScanError(
            f"{path} is stored as {photometric or '(not given)'}, expected MONOCHROME2 with one "
            f"sample per pixel: it is no CT image in HU; choose the original series"
        )
    if not dcm.text(header, dcm.SOP_INSTANCE_UID):
        raise ScanError(
            f"{path} has no {dcm.label(dcm.SOP_INSTANCE_UID)} *SOP Instance UID*, so a derived "
            f"image cannot refer to it; repair the header"
        )


def _common_format(files: list[SliceFile]) -> PixelFormat:
    first = _format(files[0])
    for file in files[1:]:
        other = _format(file)
        if other != first:
            raise ScanError(
                f"{file.path} ({_shown(other)}) differs from {files[0].path} ({_shown(first)}): "
                f"they are not one stack of slices; move one kind to a folder of its own"
            )
    return first


def _shown(form: PixelFormat) -> str:
    sign = "signed" if form.signed else "unsigned"
    return f"{form.rows} x {form.columns}, {form.bits_stored} bits, {sign}"


def _format(file: SliceFile) -> PixelFormat:
    header = file.header
    rows, columns = dcm.integer(header, dcm.ROWS), dcm.integer(header, dcm.COLUMNS)
    allocated = dcm.integer(header, dcm.BITS_ALLOCATED)
    stored, high = dcm.integer(header, dcm.BITS_STORED), dcm.integer(header, dcm.HIGH_BIT)
    signed = dcm.integer(header, dcm.PIXEL_REPRESENTATION)
    if not rows or not columns:
        raise ScanError(f"{file.path}: *Rows* x *Columns* is {rows} x {columns}; it is no image")
    if allocated != 16 or stored is None or not 8 < stored <= 16 or signed not in (0, 1):
        raise ScanError(
            f"{file.path} stores {stored} of {allocated} bits, pixel representation {signed}; "
            f"a CT image in HU has 9 to 16 of 16 bits and representation 0 or 1; choose the "
            f"original series"
        )
    if high != stored - 1:
        raise ScanError(
            f"{file.path} has *High Bit* {high} with *Bits Stored* {stored}, expected "
            f"{stored - 1}: DICOM no longer allows shifted pixels; rewrite the series with a "
            f"DICOM tool"
        )
    return PixelFormat(rows, columns, stored, bool(signed))


def _rescale(file: SliceFile) -> tuple[float, float]:
    """Slope and intercept to HU."""
    header, path = file.header, file.path
    slope = dcm.numbers(header, dcm.RESCALE_SLOPE, 1, "Rescale Slope", path)
    intercept = dcm.numbers(header, dcm.RESCALE_INTERCEPT, 1, "Rescale Intercept", path)
    if slope is None or intercept is None:
        lost = "Rescale Slope" if slope is None else "Rescale Intercept"
        raise ScanError(
            f"{path} has no *{lost}*, so its values have no meaning in HU; choose the original "
            f"series of the scanner"
        )
    # Type 1C: needed only where it is not HU, so an absent one means HU (PS3.3 C.8.2.1.1.6).
    unit = dcm.text(header, dcm.RESCALE_TYPE) or "HU"
    if unit != "HU":
        raise ScanError(
            f"{path} is in units {unit!r} (*Rescale Type*), expected HU; choose a series of "
            f"ordinary CT numbers"
        )
    if slope[0] <= 0:
        raise ScanError(f"{path} has *Rescale Slope* {slope[0]}, expected a positive number")
    return slope[0], intercept[0]


def _padding(
    files: list[SliceFile], form: PixelFormat, rescale: dict[Path, tuple[float, float]]
) -> tuple[float, float] | None:
    """The one range of stored values that means "no data", or None.

    Slices may declare different ones. Those wholly below air need no declaration, for such voxels
    count as padding anyway. If one range is left, it is taken for all slices: at worst a few real
    voxels are left untouched. Two left cannot be told apart, and are refused.
    """
    declared: dict[tuple[int, int], SliceFile] = {}
    for file in files:
        value = dcm.integer(file.header, dcm.PIXEL_PADDING_VALUE)
        if value is None:
            continue
        limit = dcm.integer(file.header, dcm.PIXEL_PADDING_RANGE_LIMIT)
        ends = sorted(form.from_bits(end) for end in (value, value if limit is None else limit))
        declared.setdefault((ends[0], ends[1]), file)
    if len(declared) > 1:
        for span, file in list(declared.items()):
            slope, intercept = rescale[file.path]
            if span[1] * slope + intercept < AIR_HU:
                del declared[span]
    if len(declared) > 1:
        (one, first), (two, second) = list(declared.items())[:2]
        raise ScanError(
            f"{first.path} declares stored values {one} as padding, {second.path} {two}; one "
            f"series must have one *Pixel Padding Value*: repair the headers"
        )
    return next(((float(low), float(high)) for low, high in declared), None)
