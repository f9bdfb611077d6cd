"""The original from a protected scan and what was kept, checked before it counts."""

from __future__ import annotations

from pathlib import Path

from mitsgan.errors import OutputError
from mitsgan.files.dicom.write.series import DICOM_SUFFIXES, is_single
from mitsgan.files.io import is_image
from mitsgan.progress import Steps
from mitsgan.restore.digest import digest_of
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.image import restore_image
from mitsgan.restore.payload import Description, Payload
from mitsgan.restore.residual import unpack
from mitsgan.restore.series import restore_series

_ITEMSIZES = (1, 2, 4, 8)
"""Bytes that a voxel of any kind takes."""


def check_form(description: Description, out: Path) -> None:
    """Raise `OutputError` where ``out`` is not what the original was: a folder, a file, which.

    Raises:
        RestoreError: what was kept contradicts itself; anybody can encrypt to a recipient.
    """
    image, (depth, *size) = description.image, description.shape
    frames = sum(file.frames for file in description.files)
    fits = all(
        [file.rows, file.columns] == size and file.frames == len(file.protected)
        for file in description.files
    )
    fits = fits and description.itemsize in _ITEMSIZES
    if not fits or (image is None and frames != depth):
        raise RestoreError("what was kept is of other slices than it says; fetch it again")
    named = "" if image is None else image.data_name
    if named == ".." or Path(named).name != named:
        raise RestoreError(f"the original names a file {named!r}, which leads elsewhere")
    if image is not None:
        if not out.name.lower().endswith(image.ending):
            raise OutputError(
                f"the original is an image that ends in {image.ending}; give {out} that ending"
            )
        if image.data_name and (out.parent / image.data_name).exists():
            raise OutputError(
                f"the original keeps its voxels in {image.data_name}, and {out.parent} has such a "
                f"file; choose another folder"
            )
    else:
        check_dicom_form(len(description.files), out)


def check_dicom_form(files: int, out: Path) -> None:
    """Raise `OutputError` where ``out`` cannot be a DICOM series of so many files."""
    if is_image(out):
        raise OutputError(f"the original is DICOM, which {out} would not be; name a folder")
    if is_single(out) and files != 1:
        raise OutputError(f"{out} names one file, but the original has {files}; name a folder")


def is_folder(description: Description, out: Path) -> bool:
    """Whether the original becomes a folder: a series of DICOM files."""
    return description.image is None and not out.name.lower().endswith(DICOM_SUFFIXES)


def companions_of(description: Description) -> tuple[str, ...]:
    """Names of the files that the original has besides the one that is named."""
    image = description.image
    return (image.data_name,) if image is not None and image.data_name else ()


def restore_original(
    path: Path, payload: Payload, out: Path, progress: Steps | None = None
) -> None:
    """Write the original, read it back, and compare it with what it was.

    Args:
        path: the protected scan.
        payload: what was kept of the original.
        out: an empty folder that is there, or the file to be.
        progress: called with (done, total) steps.

    Raises:
        RestoreError: the protected scan is not what was written, or the result is not the original.
        ScanError: the protected scan cannot be read.
    """
    description = payload.description
    changes = unpack(payload.slabs, description.shape, description.itemsize)
    if description.image is not None:
        parts = description.image, payload.headers, changes
        restore_image(path, out, *parts, description.shape, progress)
    else:
        restore_series(path, out, description.files, payload.headers, changes, progress)
    if digest_of(out) != description.original:
        raise RestoreError(
            f"what {path} and the kept original give is not what the original was: one of the two "
            f"was changed, or they do not belong together; nothing was written"
        )
