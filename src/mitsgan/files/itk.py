"""MHA/MHD and NRRD images in and out, and what all image formats share.

Source: ITK's MetaIO and NRRD definitions, as SimpleITK reads and writes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk  # noqa: N813

from mitsgan.errors import OutputError, ScanError, is_text
from mitsgan.files.derivation import Derivation
from mitsgan.quiet import UNREADABLE, mute, remedy
from mitsgan.scan.memory import in_hu
from mitsgan.scan.scan import Scan
from mitsgan.scan.sitk import geometry_of, set_geometry

ITK_SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
DERIVATION_KEY = "mitsgan_derivation"

_LONGEST_HEADER = 65536
_SPACING = re.compile(
    rb"^(ElementSpacing|ElementSize|spacings|space directions) *[:=]", re.MULTILINE | re.IGNORECASE
)
_DATA_FILE = re.compile(
    rb"^(?:ElementDataFile *=|data ?file:)([^\r\n]*)", re.MULTILINE | re.IGNORECASE
)
_DIMENSIONS = re.compile(rb"^(?:NDims *=|dimension:)([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_DIRECTIONS = re.compile(rb"^space directions:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_MOST_DIMENSIONS = 10
# Over such a name it ends the whole process.
_NO_TEXT = "its name, or that of a folder above it, is no UTF-8, which ITK needs; rename it"


@dataclass(frozen=True)
class ItkSource:
    """What an ITK file held besides voxels and geometry.

    Attributes:
        path: the file.
        metadata: of its header, besides what tells the grid.
        compressed: whether it was.
        hu_offset: HU that were added to its values.
    """

    path: Path
    metadata: tuple[tuple[str, str], ...]
    compressed: bool
    hu_offset: float = 0.0

    @property
    def identity(self) -> None:
        """None: an image says nothing of the series that it came from."""
        return None


def companions(path: Path) -> tuple[str, ...]:
    """Names of the files that belong to ``path`` besides itself."""
    return (f"{path.stem}.raw",) if path.suffix.lower() in (".mhd", ".nhdr") else ()


def read_itk(path: Path, hu_offset: float = 0.0) -> Scan:
    """Read an MHA, MHD or NRRD image whose values are HU once the offset is added.

    Raises:
        ScanError: it cannot be read, or is not one three-dimensional grey image.
    """
    if not is_text(path):
        raise ScanError(f"{path}: {_NO_TEXT}")
    _check_data_file(path)
    _check_dimensions(path)
    _check_directions(path)
    try:
        with mute():
            image: Any = sitk.ReadImage(str(path))  # SimpleITK declares no types
    except (RuntimeError, MemoryError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise ScanError(f"{path} cannot be read as an image ({reason}); fetch it again") from error
    components, dimensions = image.GetNumberOfComponentsPerPixel(), image.GetDimension()
    if dimensions != 3 or components != 1:
        raise ScanError(not_a_volume(path, f"{dimensions} dimensions, {components} component(s)"))
    stored = sitk.GetArrayFromImage(image)
    kept, notes = _metadata(image)
    source = ItkSource(path, kept, _is_compressed(path), hu_offset)
    try:
        geometry = geometry_of(image)
    except ScanError as error:
        raise ScanError(f"{path}: {error}; repair its header") from error
    scan = Scan.of_image(stored, geometry, source, 1.0, hu_offset)
    return replace(scan, notes=(*notes, *_spacing_notes(path)))


def write_itk(scan: Scan, path: Path, derivation: Derivation) -> None:
    """Write an MHA, MHD or NRRD image; these formats have no rescale, so what is stored is HU.

    Raises:
        OutputError: it cannot be written.
    """
    if not is_text(path):
        raise OutputError(f"{path}: {_NO_TEXT}")
    # A file of the same kind keeps its values as they were, HU or not.
    stored = scan.stored if isinstance(scan.source, ItkSource) else in_hu(scan)
    image: Any = sitk.GetImageFromArray(stored)
    set_geometry(image, scan.geometry)
    compressed = False
    if isinstance(scan.source, ItkSource):
        for key, value in scan.source.metadata:
            image.SetMetaData(key, value)
        compressed = scan.source.compressed
    image.SetMetaData(DERIVATION_KEY, " ".join(derivation.description.split()))
    # One data file of a known name belongs to a detached header, compressed or not it would vary.
    compressed = compressed and not companions(path)
    try:
        with mute():
            sitk.WriteImage(image, str(path), useCompression=compressed)
    except RuntimeError as error:
        # SimpleITK does not pass on what the system said; a full disk is the usual reason.
        reason = str(error).strip().splitlines()[-1]
        raise OutputError(
            f"{path.name} could not be written ({reason}); see that the disk has room for "
            f"{stored.nbytes / 1e6:.0f} MB, or choose another place"
        ) from error


def not_a_volume(path: Path, shape: str) -> str:
    """The message for a picture, a time series or a vector field."""
    return (
        f"{path} is no CT volume: it has {shape}, expected three dimensions and one grey value "
        f"per voxel; choose one volume of it"
    )


def _metadata(image: Any) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The metadata of an image, and a note on what of it is no text."""
    kept, lost = [], []
    for key in image.GetMetaDataKeys():
        if key.startswith("ITK_") or key in ("NRRD_space", "Modality"):
            continue
        try:
            value = str(image.GetMetaData(key))
            value.encode()  # what could not be decoded cannot be written back
            kept.append((key, value))
        except UNREADABLE:
            lost.append(key)
    notes = [f"metadata that is no text is not kept: {', '.join(lost)}"] if lost else []
    return tuple(kept), tuple(notes)


def _spacing_notes(path: Path) -> tuple[str, ...]:
    """A note where the header does not say how far voxels are apart."""
    if _SPACING.search(_header(path)) is not None:
        return ()
    return ("the header gives no voxel spacing: voxels are taken to be 1 mm apart",)


def data_file_name(path: Path) -> str:
    """What the header of an image says its voxels are in; empty where that is the file itself.

    Several files are a name with a number in it, ``%03d``, or ``LIST``.
    """
    named = _DATA_FILE.search(_header(path))
    name = "" if named is None else named[1].decode("utf-8", "replace").strip()
    return "" if name.lower() == "local" else name


def _check_data_file(path: Path) -> None:
    """Raise `ScanError` where a header names a data file that is not there."""
    name = data_file_name(path)
    if not name or name.startswith("LIST") or "%" in name:
        return
    if not (path.parent / name).is_file():
        raise ScanError(
            f"{path} says that its voxels are in {name}, which is not there: put it beside "
            f"{path.name} under that name"
        )


def _check_dimensions(path: Path) -> None:
    """Raise `ScanError` where ITK would not: numbers of dimensions that it has no room for."""
    named = _DIMENSIONS.search(_header(path))
    number = "3" if named is None else named[1].decode("utf-8", "replace").strip()
    if not (number.isdecimal() and 1 <= int(number[:9]) <= _MOST_DIMENSIONS):
        raise ScanError(
            f"{path} says that it has {number[:40]!r} dimensions, expected 3: its header is "
            f"damaged; fetch it again"
        )


def _check_directions(path: Path) -> None:
    """Raise `ScanError` where ITK would make one up: an axis of an NRRD without a direction."""
    named = _DIRECTIONS.search(_header(path))
    if named is not None and named[1].lower().split().count(b"none") and named[1].count(b"(") < 3:
        raise ScanError(
            f"{path} says of an axis that it is none of space (`space directions: none`), so how "
            "far its slices lie apart is unknown: give each axis its direction, or convert the "
            "series anew"
        )


def _header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_HEADER)
    except OSError as error:
        raise ScanError(f"{path} cannot be read ({error.strerror}); {remedy(error)}") from error


def _is_compressed(path: Path) -> bool:
    header = _header(path).lower()
    return b"compresseddata = true" in header or b"encoding: gz" in header
