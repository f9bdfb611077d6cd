"""A DICOM series -> Scan.

Headers first, for all files; then, when the series has been found whole and even, each slice's
stored values straight into its place. Each byte is read once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import Progress, SliceFile
from mitsgan.files.dicom.find.alone import alone_note
from mitsgan.files.dicom.find.copies import drop_copies
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.find.select import choose_frames, select_series
from mitsgan.files.dicom.find.sift import left_out_note, refuse_left_out, sift
from mitsgan.files.dicom.frames import Frame, frame_count, frames_of, is_multiframe
from mitsgan.files.dicom.padding import common_padding
from mitsgan.files.dicom.pixels.bits import has_overlay_in_pixels, settle
from mitsgan.files.dicom.pixels.form import PixelFormat, common_size, read_format
from mitsgan.files.dicom.pixels.read import read_words
from mitsgan.files.dicom.series import order_slices
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.dicom.units import read_rescale, unit_notes
from mitsgan.reading import Choice, Reading
from mitsgan.scan.scan import Scan


def read_dicom(
    path: Path,
    reading: Reading | None = None,
    progress: Progress | None = None,
    *,
    new_uids: bool = False,
) -> Scan:
    """Read one CT series.

    Args:
        path: a folder (with subfolders), a DICOM file, a zip archive, or a DICOMDIR.
        reading: which series, and what its values mean.
        progress: called with (done, total) steps, two for each file: its header, its pixels.
        new_uids: derive from new UIDs, where an anonymiser emptied the source's.

    Raises:
        ScanError: no series, several, not a whole evenly spaced CT in HU, or a damaged file.
    """
    reading = reading or Reading()
    frames, notes = find_slices(path, reading, progress)
    return build_scan(frames, path, reading, notes=notes, progress=progress, new_uids=new_uids)


def build_scan(
    frames: Sequence[Frame],
    path: Path,
    reading: Reading | None = None,
    *,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
    new_uids: bool = False,
) -> Scan:
    """The scan that slices make whose headers have been read.

    Args:
        frames: in any order.
        path: where they were found.
        reading: what their values mean.
        notes: what to tell about those that were left out.
        progress: see `read_dicom`.
        new_uids: see `read_dicom`.

    Raises:
        ScanError: not a whole evenly spaced CT in HU, or a damaged file.
    """
    reading = reading or Reading()
    for frame in frames:
        _check_kind(frame)
    slices, geometry, placing = order_slices(frames)
    forms = [read_format(frame) for frame in slices]
    rescale = [read_rescale(frame, reading) for frame in slices]
    stored, tails = _read_stored(slices, forms, progress)
    settled = settle(stored, forms, [has_overlay_in_pixels(frame.file) for frame in slices])
    stored = _narrowed(stored)
    notes = [*notes, *placing, *unit_notes(slices[0])]
    if settled.widened:
        z = settled.widened[0]
        notes.append(
            f"*Bits Stored* is {forms[z].bits_stored}, but {len(settled.widened)} slice(s) have "
            f"values that need more (such as {slices[z].path.name}): these are left untouched"
        )
    slope = np.array([one.slope for one in rescale])
    intercept = np.array([one.intercept for one in rescale])
    return Scan(
        stored=stored,
        slope=slope,
        intercept=intercept,
        lowest=_limit([form.lowest for form in forms]),
        highest=_limit([form.highest for form in forms]),
        geometry=geometry,
        padding=common_padding(slices, forms, settled, rescale),
        source=DicomSource(
            path=path,
            slices=tuple(slices),
            forms=tuple(forms),
            tails=tails,
            spare=settled.spare,
            widened=frozenset(settled.widened),
            hu_offset=reading.hu_offset,
            new_uids=new_uids,
        ),
        notes=tuple(notes),
    )


def find_slices(
    path: Path, choice: Choice, progress: Progress | None = None
) -> tuple[list[Frame], list[str]]:
    """The slices of the scan that is meant, unordered, and what to tell about the others.

    Raises:
        ScanError: none, or those of several scans.
    """
    headers = read_headers(path, progress)
    candidates, left_out = sift(headers.files)
    left_out = [*headers.left_out, *left_out]
    if not candidates:
        raise ScanError(
            f"{path} holds no slice of a CT scan, which is of modality 'CT'; "
            f"{left_out_note(left_out)}; choose a CT series"
        )
    if choice.strict:
        refuse_left_out(left_out)
        if choice.series is None:
            select_series(candidates, None, path)
    frames = choose_frames(frames_of(candidates), choice, path)
    kept, copies = drop_copies(list({frame.file: None for frame in frames}))
    if choice.strict:
        refuse_left_out(copies)
    files = set(kept)
    frames = [frame for frame in frames if frame.file in files]
    notes = left_out_note([*left_out, *copies]), alone_note(path, frames)
    return frames, [note for note in notes if note]


def _read_stored(
    slices: Sequence[Frame], forms: Sequence[PixelFormat], progress: Progress | None
) -> tuple[NDArray[Any], dict[str, Dataset]]:
    """The words of all slices, and the elements after the pixels of each file."""
    rows, columns = common_size(list(slices), list(forms))
    kinds = {form.dtype for form in forms}
    shape = len(slices), rows, columns
    try:
        stored = np.empty(shape, kinds.pop() if len(kinds) == 1 else np.int32)
    except MemoryError as error:
        raise ScanError(
            f"{slices[0].path} is one of {shape[0]} slices that claim to have {rows} x {columns} "
            f"pixels, {2 * math.prod(shape) / 1e9:.0f} GB in all, for which this machine has no "
            f"room; repair the header, or use a larger machine"
        ) from error
    places: dict[SliceFile, list[int]] = defaultdict(list)
    for z, frame in enumerate(slices):
        places[frame.file].append(z)
    tails: dict[str, Dataset] = {}
    done = 0
    for file, numbers in places.items():
        if progress is not None:
            progress(len(slices) + done, 2 * len(slices))
        form = forms[numbers[0]]
        into = {slices[z].number: stored[z] for z in numbers}
        if stored.dtype != form.dtype:
            into = {number: np.empty((rows, columns), form.dtype) for number in into}
        tail = read_words(file, form, into)
        file.check_unchanged()
        if stored.dtype != form.dtype:
            for z in numbers:
                stored[z] = into[slices[z].number]
        if tail is not None:
            tails[file.name.as_posix()] = tail
        done += len(numbers)
    if progress is not None:
        progress(2 * len(slices), 2 * len(slices))
    return stored, tails


def _narrowed(stored: NDArray[Any]) -> NDArray[Any]:
    """Values of slices of different kinds in 16 bits where they fit."""
    if stored.dtype != np.int32:
        return stored
    low, high = int(stored.min()), int(stored.max())
    for dtype in (np.int16, np.uint16):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return stored.astype(dtype)
    return stored


def _limit(values: Sequence[int]) -> float | NDArray[np.float64]:
    """One limit for all slices, or one for each."""
    return float(values[0]) if len(set(values)) == 1 else np.array(values, np.float64)


def _check_kind(frame: Frame) -> None:
    """Raise unless it is a cross-sectional, monochrome CT image."""
    header, path = frame.header, frame.path
    if not is_multiframe(frame.file) and frame_count(frame.file) != 1:
        raise ScanError(
            f"{path} holds {frame_count(frame.file)} frames without *Per-frame Functional Groups*, "
            f"so where they lie is unknown; choose the original series of the scanner"
        )
    modality = dcm.text(header, dcm.MODALITY)
    if modality != "CT":
        raise ScanError(
            f"{path} is of modality {modality or '(none given)'!r}, expected 'CT': mitsgan "
            f"protects CT scans only; choose a CT series"
        )
    if frame.file.pixel_offset is None:
        raise ScanError(
            f"{path} holds no pixel data: it is truncated, or no image; fetch it again, or take it "
            f"away if it is not part of the series"
        )
    photometric = dcm.text(header, dcm.PHOTOMETRIC)
    if photometric != "MONOCHROME2" or dcm.integer(header, dcm.SAMPLES_PER_PIXEL) not in (1, None):
        raise ScanError(
            f"{path} is stored as {photometric or '(not given)'}, expected MONOCHROME2 with one "
            f"sample per pixel: it is no CT image in HU; choose the original series"
        )
