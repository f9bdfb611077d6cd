"""Which files of a folder are DICOM, and their headers, pixel data left on disk."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm

UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise on damaged files: it depends on where the damage is."""

Progress = Callable[[int, int], None]

_DICOM_SUFFIXES = {".dcm", ".dicom", ".dic", ".ima"}
_SIDE_SUFFIXES = {
    *(".txt", ".md", ".rst", ".xml", ".json", ".csv", ".tsv", ".yaml", ".yml", ".html", ".htm"),
    *(".pdf", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".svg", ".log", ".ini"),
    *(".inf", ".exe", ".zip", ".gz", ".tar", ".7z", ".nii", ".mha", ".mhd", ".raw", ".nrrd"),
    *(".npy", ".npz", ".md5", ".sha256", ".sha1", ".db", ".sqlite", ".doc", ".docx", ".xlsx"),
}
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class SliceFile:
    """One DICOM file without its pixel data.

    Attributes:
        path: the file.
        name: its path below the folder that was read; the result gets the same.
        preamble, meta: the first 128 bytes and group 0002.
        header: every element before *Pixel Data*, raw as read.
        pixel_offset: where the *Pixel Data* element starts, or None if there is none.
    """

    path: Path
    name: Path
    preamble: bytes
    meta: FileMetaDataset
    header: Dataset
    pixel_offset: int | None

    @property
    def transfer_syntax(self) -> UID:
        return UID(self.meta.TransferSyntaxUID)

    @property
    def encoding(self) -> tuple[bool, bool]:
        """Whether the elements are implicit VR, and little endian."""
        implicit, little = self.header.original_encoding
        return bool(implicit), bool(little)

    @property
    def series(self) -> str:
        return dcm.text(self.header, dcm.SERIES_INSTANCE_UID)


def read_headers(path: Path, progress: Progress | None = None) -> list[SliceFile]:
    """The headers of one DICOM file, or of all in a folder and its subfolders.

    Notes, pictures and other side files are left out; what claims to be a slice, or cannot be
    told from a damaged one, is an error, because a slice must not go missing in silence.

    Raises:
        ScanError: nothing there, or a file that is damaged or not DICOM.
    """
    if not path.is_dir():
        single = _read_header(path, Path(path.name), explicitly=True)
        return [single] if single is not None else []
    files = _walk(path)
    found: list[SliceFile] = []
    for done, file in enumerate(files):
        if progress is not None:
            progress(done, 2 * len(files))
        header = _read_header(file, file.relative_to(path), explicitly=False)
        if header is not None:
            found.append(header)
    if not found:
        what = f"none of its {len(files)} files is DICOM" if files else "it is empty"
        raise ScanError(f"no DICOM files in {path}: {what}; name the folder that holds the slices")
    return found


def _walk(folder: Path) -> list[Path]:
    """All files below, in a stable order; hidden ones are other programs' business."""
    files: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(root, name) for name in sorted(names) if not name.startswith(".")]
    return files


def _read_header(path: Path, name: Path, *, explicitly: bool) -> SliceFile | None:
    try:
        with path.open("rb") as file:
            start = file.read(132)
            if start[128:] == b"DICM":
                file.seek(0)
                return _parse(file, path, name)
            start += file.read(892)
    except UNREADABLE as error:
        raise ScanError(
            f"{path} cannot be read as DICOM ({error}): it is damaged or truncated; "
            f"fetch it again, or take it away if it is not part of the series"
        ) from error
    if explicitly or not _is_side_file(path, start):
        what = f"holds {len(start)} bytes only" if len(start) < 132 else "lacks the mark 'DICM'"
        raise ScanError(
            f"{path} is not a DICOM file (it {what} where a DICOM file says what it is): "
            f"fetch it again if it is a slice, take it away if it is not"
        )
    return None


def _parse(file: BinaryIO, path: Path, name: Path) -> SliceFile | None:
    dataset = dcmread(file, stop_before_pixels=True)
    meta = FileMetaDataset(dict(dataset.file_meta.items()))
    if str(meta.get("MediaStorageSOPClassUID", "")) == _MEDIA_DIRECTORY:
        return None
    if "TransferSyntaxUID" not in meta:
        raise ScanError(
            f"{path} does not say how it is encoded: (0002,0010) *Transfer Syntax UID* is missing; "
            f"repair it with a DICOM tool or leave it out"
        )
    offset: int | None = file.tell()
    if meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        offset = 0  # one stream, without an offset of its own: whether pixels follow shows later
    elif not file.read(1):
        offset = None
    implicit, little = dataset.original_encoding
    header = Dataset(dict(dataset.items()))
    header.set_original_encoding(implicit, little, dataset.original_character_set)
    result = SliceFile(
        path=path,
        name=name,
        preamble=dataset.preamble or bytes(128),
        meta=meta,
        header=header,
        pixel_offset=offset,
    )
    if not result.series:
        raise ScanError(
            f"{path} has no (0020,000e) *Series Instance UID*: it is damaged, truncated or no "
            f"image; fetch it again, or take it away if it is not part of the series"
        )
    return result


def _is_side_file(path: Path, start: bytes) -> bool:
    suffix = path.suffix.lower()
    if suffix in _DICOM_SUFFIXES:
        return False
    if suffix in _SIDE_SUFFIXES or path.name.upper() == "DICOMDIR":
        return True
    # A note without a known ending: text all through. An empty file may be a lost slice.
    return bool(start) and all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in start)
