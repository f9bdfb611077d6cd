"""Scan -> a derived DICOM series, in the encoding of its source."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import Progress, SliceFile
from mitsgan.files.dicom.find.uids import Uids
from mitsgan.files.dicom.frames import frame_count
from mitsgan.files.dicom.pixels.bits import words
from mitsgan.files.dicom.pixels.read import UNCOMPRESSED
from mitsgan.files.dicom.pixels.write import (
    encode_pixels,
    native_bytes,
    output_syntax,
    plain_syntax,
)
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.dicom.write.encode import Encoding
from mitsgan.files.dicom.write.header import STALE, charset, derived_header, derived_meta
from mitsgan.quiet import UNREADABLE, said
from mitsgan.scan.scan import Scan

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


def check_dicom(scan: Scan, path: Path) -> tuple[DicomSource, Uids]:
    """Raise where a scan could not be written as derived DICOM: before the work, not after.

    Raises:
        OutputError: it did not come from DICOM, or is several files and the output is one.
        ScanError: UIDs that are empty or equal, slices of two patients, or frames that were left
            out of a file.
    """
    source = scan.source
    if not isinstance(source, DicomSource):
        raise OutputError(
            f"{path} would be DICOM, but the scan was not read from DICOM: patient, study and "
            f"scanner are unknown; give the output an ending such as .nii.gz, .mha or .nrrd"
        )
    if is_single(path) and len(source.files) != 1:
        raise OutputError(
            f"{path} names one file, but the series has {len(source.files)} slices, a file each; "
            f"name a folder"
        )
    for file in source.files:
        frames = sum(frame.file is file for frame in source.slices)
        if frames != frame_count(file):
            raise ScanError(
                f"{file.path} has {frame_count(file)} frames, of which {frames} were chosen: a "
                f"part of an object cannot be written as such; write an image (.nii.gz, .nrrd)"
            )
    _check_one_patient(source.files)
    return source, source.uids()


def _check_one_patient(files: Sequence[SliceFile]) -> None:
    """Raise where slices name two patients; the message does not tell which."""
    first: tuple[str, SliceFile] | None = None
    for file in files:
        patient = dcm.text(file.header, dcm.PATIENT_ID).strip()
        if patient and first is None:
            first = patient, file
        elif patient and first is not None and patient != first[0]:
            raise ScanError(
                f"{file.path} and {first[1].path} are of one series, but name two patients in "
                f"{dcm.label(dcm.PATIENT_ID)} *Patient ID*: find out whose they are, and repair "
                "the headers, or leave out those of the other, as by `select=PatientID=...`"
            )


def write_dicom(
    scan: Scan,
    path: Path,
    *,
    derivation: Derivation,
    progress: Progress | None = None,
) -> None:
    """Write a scan that came from DICOM as a derived series.

    Args:
        scan: in the order of its file.
        path: a folder that is there, for files of the names of the source; or a file, if the source
            is one and ``path`` ends in ``.dcm``.
        derivation: what was done to the voxels.
        progress: called with slices done and slices in all.

    Raises:
        OutputError: the scan did not come from DICOM.
        ScanError: values that the bits stored cannot hold, or UIDs that are no good.
    """
    source, uids = check_dicom(scan, path)
    first = source.forms[0]
    if scan.shape != (len(source.slices), first.rows, first.columns):
        raise ScanError(f"the scan has shape {scan.shape}, its source files another")
    for z in range(len(source.slices)):
        _check_range(scan, source, z)
    extremes = int(scan.stored.min()), int(scan.stored.max())
    single = is_single(path)
    done = 0
    for file in source.files:
        if progress is not None:
            progress(done, len(source.slices))
        target = path if single else path / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        done += _write_file(scan, source, uids, file, target, extremes, derivation)
    if progress is not None:
        progress(done, len(source.slices))


def is_single(path: Path) -> bool:
    """Whether a path names one DICOM file, not a folder, by its ending."""
    return path.suffix.lower() in DICOM_SUFFIXES


def _check_range(scan: Scan, source: DicomSource, z: int) -> None:
    """Raise unless the values of a slice fit its bits, or were beyond them before."""
    form, stored = source.forms[z], scan.stored[z]
    low, high = form.lowest, form.highest
    if z in source.widened:
        low, high = (int(v) for v in (np.iinfo(form.dtype).min, np.iinfo(form.dtype).max))
    extremes = int(stored.min()), int(stored.max())
    if extremes[0] < low or extremes[1] > high:
        raise ScanError(
            f"stored values {extremes[0]} to {extremes[1]} do not fit the {form.bits_stored} bits "
            f"of {source.slices[z].path}, {low} to {high}"
        )


def _write_file(
    scan: Scan,
    source: DicomSource,
    uids: Uids,
    file: SliceFile,
    target: Path,
    series_extremes: tuple[int, int],
    derivation: Derivation,
) -> int:
    """Write one file; how many slices it holds."""
    numbers = [z for z, frame in enumerate(source.slices) if frame.file is file]
    numbers.sort(key=lambda z: source.slices[z].number)
    form, encoding = source.forms[numbers[0]], Encoding(*file.encoding)
    frames = [words(scan.stored[z], form, source.spare.get(z)) for z in numbers]
    extremes = tuple(int(end([scan.stored[z] for z in numbers])) for end in (np.min, np.max))
    header = derived_header(file, uids, derivation, (extremes[0], extremes[1]), series_extremes)
    syntax = output_syntax(file)
    packed = None if syntax in UNCOMPRESSED else encode_pixels(frames, form, syntax)
    if packed is None and syntax not in UNCOMPRESSED:
        syntax = plain_syntax(file)
    whole = frames[0] if len(frames) == 1 else np.stack(frames)
    data = native_bytes(whole, little=encoding.little) if packed is None else memoryview(packed)
    tail = source.tails.get(file.name.as_posix())
    rest = [] if tail is None else [e for t, e in sorted(tail.items()) if t not in STALE]
    names = charset(file.header)
    try:
        before, behind = encoding.encode(header, names), encoding.encode(rest, names)
    except UNREADABLE as error:
        raise ScanError(
            f"{file.path} has an element that cannot be written back ({said(error)}): its "
            f"header is damaged; fetch it again"
        ) from error
    parts: list[bytes | memoryview] = [
        before,
        *encoding.pixel_data(data, encapsulated=packed is not None),
        behind,
    ]
    if syntax == DeflatedExplicitVRLittleEndian:
        parts = [deflated(b"".join(parts))]
    write_parts(target, [derived_meta(file, uids, derivation, UID(syntax)), *parts])
    return len(numbers)


def write_parts(target: Path, parts: list[bytes | memoryview]) -> None:
    """Write a file in pieces, none of which is copied."""
    with target.open("wb", buffering=0) as out:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[out.write(view) :]


def deflated(data: bytes) -> bytes:
    """A data set as the deflated transfer syntax has it (PS3.5 annex A.5)."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)
