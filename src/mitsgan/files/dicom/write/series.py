"""Scan -> a derived DICOM series, in the encoding of its source."""

from __future__ import annotations

import zlib
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.files.dicom.files import Progress
from mitsgan.files.dicom.pixels import UNCOMPRESSED, encode_pixels, native_bytes, output_syntax
from mitsgan.files.dicom.read import DicomSource
from mitsgan.files.dicom.write.encode import Encoding
from mitsgan.files.dicom.write.header import STALE, charset, derived_header, derived_meta
from mitsgan.scan.scan import Scan

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


def write_dicom(
    scan: Scan,
    path: Path,
    *,
    derivation: Derivation,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a scan that came from DICOM as a derived series.

    A folder with the file names of the source; or one file, if the source is one and ``path``
    ends in ``.dcm``.

    Raises:
        OutputError: the output exists, cannot be written, or the scan did not come from DICOM.
        ScanError: values that the bits stored cannot hold.
    """
    source = scan.source
    if not isinstance(source, DicomSource):
        raise OutputError(
            f"{path} would be DICOM, but the scan was not read from DICOM: patient, study and "
            f"scanner are unknown; give the output an ending such as .nii.gz, .mha or .nrrd"
        )
    single = path.suffix.lower() in DICOM_SUFFIXES
    if single and len(source.slices) != 1:
        raise OutputError(
            f"{path} names one file, but the series has {len(source.slices)} slices, a file each; "
            f"name a folder"
        )
    if scan.shape != (len(source.slices), source.form.rows, source.form.columns):
        raise ScanError(f"the scan has shape {scan.shape}, its source files another")
    extremes = int(scan.stored.min()), int(scan.stored.max())
    if extremes[0] < source.form.lowest or extremes[1] > source.form.highest:
        raise ScanError(
            f"stored values {extremes[0]} to {extremes[1]} do not fit the "
            f"{source.form.bits_stored} bits of the source, {source.form.lowest} to "
            f"{source.form.highest}"
        )
    with atomic_output(path, overwrite=overwrite, folder=not single) as temporary:
        for z, file in enumerate(source.slices):
            if progress is not None:
                progress(z, len(source.slices))
            target = temporary if single else temporary / file.name
            if not single:
                target.parent.mkdir(parents=True, exist_ok=True)
            _write_slice(scan, source, z, target, extremes, derivation)
        if progress is not None:
            progress(len(source.slices), len(source.slices))


def _write_slice(
    scan: Scan,
    source: DicomSource,
    z: int,
    target: Path,
    series_extremes: tuple[int, int],
    derivation: Derivation,
) -> None:
    file, tail = source.slices[z], source.tails[z]
    stored = scan.stored[z]
    syntax = output_syntax(file.transfer_syntax)
    encoding = Encoding(*file.encoding)
    extremes = int(stored.min()), int(stored.max())
    header = derived_header(file, derivation, extremes, series_extremes)
    packed = None if syntax in UNCOMPRESSED else encode_pixels(stored, source.form, syntax)
    if packed is None and syntax not in UNCOMPRESSED:
        syntax = ExplicitVRLittleEndian
    data = native_bytes(stored, little=encoding.little) if packed is None else memoryview(packed)
    rest = [] if tail is None else [e for t, e in sorted(tail.items()) if t not in STALE]
    names = charset(file.header)
    parts: list[bytes | memoryview] = [
        encoding.encode(header, names),
        *encoding.pixel_data(data, encapsulated=packed is not None),
        encoding.encode(rest, names),
    ]
    if syntax == DeflatedExplicitVRLittleEndian:
        parts = [_deflated(b"".join(parts))]
    with target.open("wb", buffering=0) as out:
        for part in (derived_meta(file, derivation, syntax), *parts):
            view = memoryview(part)
            while view:
                view = view[out.write(view) :]


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)
